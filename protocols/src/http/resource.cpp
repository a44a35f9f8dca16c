#include <bight/http/resource.hpp>

#include <algorithm>
#include <stdexcept>

#include <bight/http/file_content.hpp>

namespace bight::http {

Deferred<Response> Answer::response() && {
  if (auto* response = std::get_if<Response>(&what_)) return succeed(std::move(*response));
  if (auto* deferred = std::get_if<Deferred<Response>>(&what_)) return std::move(*deferred);
  if (auto* deferred = std::get_if<Deferred<Answer>>(&what_)) {
    return std::move(*deferred).addCallback([](Answer answer) { return std::move(answer).response(); });
  }
  if (auto* file = std::get_if<std::shared_ptr<FileContent>>(&what_)) return succeed((*file)->head);
  return fail<Response>(
      std::logic_error("bight::http: this answer is a stream or an upgrade: a connection shows what becomes of it"));
}

Answer&& Answer::keeping(std::shared_ptr<const void> resource) && {
  if (std::holds_alternative<Response>(what_) || std::holds_alternative<Upgrade>(what_)) return std::move(*this);
  if (kept_) {
    using Both = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
    kept_ = std::make_shared<const Both>(std::move(kept_), std::move(resource));
  } else {
    kept_ = std::move(resource);
  }
  return std::move(*this);
}

Resource::~Resource() = default;

void Resource::putChild(std::string name, std::shared_ptr<Resource> child) {
  if (!child) throw std::invalid_argument("bight::http::Resource::putChild: the child \"" + name + "\" is null");
  if (name.find('/') != std::string::npos) {
    throw std::invalid_argument("bight::http::Resource::putChild: \"" + name + "\" is more than one part of a path");
  }
  children_.insert_or_assign(std::move(name), std::move(child));
}

bool Resource::removeChild(std::string_view name) {
  const auto at = children_.find(name);
  if (at == children_.end()) return false;
  children_.erase(at);
  return true;
}

std::shared_ptr<Resource> Resource::findChild(std::string_view name) const {
  const auto at = children_.find(name);
  return at == children_.end() ? nullptr : at->second;
}

std::shared_ptr<Resource> Resource::getChild(std::string_view, Request&) {
  return nullptr;
}

std::uint64_t Resource::streamedBody(const Request&) const {
  return 0;
}

Answer Directory::render(Request&) {
  return Response::error(404, "There is nothing at this address.");
}

namespace {

// The methods that are registered for HTTP in general (RFC 9110, RFC 5789): who does not know one of these for a
// resource says 405.
bool isGeneralMethod(std::string_view method) noexcept {
  static constexpr std::string_view general[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                 "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return std::find(std::begin(general), std::end(general), method) != std::end(general);
}

}  // namespace

Methods& Methods::on(std::string method, Render render) {
  add({std::move(method), std::move(render), 0});
  return *this;
}

Methods& Methods::onStream(std::string method, std::uint64_t limit, Render render) {
  if (limit == 0) throw std::invalid_argument("bight::http::Methods::onStream: the limit is zero");
  add({std::move(method), std::move(render), limit});
  return *this;
}

void Methods::add(One one) {
  const std::string& method = one.method;
  if (!isToken(method))
    throw std::invalid_argument("bight::http::Methods: a method is a token, not \"" + method + "\"");
  if (!one.render) throw std::invalid_argument("bight::http::Methods: there is no function for " + method);
  for (const One& present : renders_) {
    if (present.method == method)
      throw std::logic_error("bight::http::Methods: there is a function for " + method + " already");
  }
  renders_.push_back(std::move(one));
}

std::uint64_t Methods::streamedBody(const Request& request) const {
  for (const One& one : renders_) {
    if (one.method == request.method()) return one.streamed;
  }
  return 0;
}

Answer Methods::render(Request& request) {
  const std::string_view method = request.method();
  Render* forGet = nullptr;
  for (One& one : renders_) {
    if (one.method == method) return one.render(request);
    if (one.method == "GET") forGet = &one.render;
  }
  if (method == "HEAD" && forGet) return (*forGet)(request);
  if (!isGeneralMethod(method)) return Response::error(501, "This method is not known here.");

  std::string allowed;
  for (const One& one : renders_) allowed += one.method + ", ";
  if (forGet && std::none_of(renders_.begin(), renders_.end(), [](const One& one) { return one.method == "HEAD"; }))
    allowed += "HEAD, ";
  allowed += "OPTIONS";
  if (method == "OPTIONS") return Response::empty().with("Allow", allowed);
  return Response::error(405, "This address does not answer this method.").with("Allow", allowed);
}

std::shared_ptr<Methods> on(std::string method, Methods::Render render) {
  auto methods = std::make_shared<Methods>();
  methods->on(std::move(method), std::move(render));
  return methods;
}

std::shared_ptr<Methods> onStream(std::string method, std::uint64_t limit, Methods::Render render) {
  auto methods = std::make_shared<Methods>();
  methods->onStream(std::move(method), limit, std::move(render));
  return methods;
}

}  // namespace bight::http
