#include <bight/http/message.hpp>

#include <cstring>
#include <stdexcept>

#include <bight/detail/block_cache.hpp>
#include <bight/http/parser.hpp>
#include <bight/http/serializer.hpp>

#include "body_pipe.hpp"
#include "connection.hpp"
#include "locate.hpp"

namespace bight::http {

Request::Request(const RequestHead& head, std::size_t blockSize) noexcept
    : blockSize_(static_cast<std::uint32_t>(blockSize)),
      fieldCount_(static_cast<std::uint16_t>(head.fields.size())),
      methodSize_(static_cast<std::uint16_t>(head.method.size())),
      targetAt_(static_cast<std::uint16_t>(head.target.data() - head.raw.data())),
      targetSize_(static_cast<std::uint16_t>(head.target.size())),
      minorVersion_(head.minorVersion),
      keepAlive_(head.keepAlive) {
  // A part that does not lie in the head is one that the target did not spell out: empty here.
  const auto place = [&head](std::string_view part, std::uint16_t& at, std::uint16_t& size) {
    const bool inside =
        !part.empty() && part.data() >= head.raw.data() && part.data() < head.raw.data() + head.raw.size();
    at = inside ? static_cast<std::uint16_t>(part.data() - head.raw.data()) : 0;
    size = inside ? static_cast<std::uint16_t>(part.size()) : 0;
  };
  place(head.path, pathAt_, pathSize_);
  place(head.query, queryAt_, querySize_);
  place(head.host, hostAt_, hostSize_);
  auto* positions = reinterpret_cast<std::byte*>(this + 1);
  const std::size_t positionBytes = fieldCount_ * sizeof(detail::FieldPosition);
  if (positionBytes) std::memcpy(positions, head.fields.positions().data(), positionBytes);
  std::memcpy(positions + positionBytes, head.raw.data(), head.raw.size());
}

Request::~Request() = default;

std::unique_ptr<Request> Request::make(const RequestHead& head) {
  const std::size_t size = bight::detail::blockSizeFor(
      sizeof(Request) + head.fields.size() * sizeof(detail::FieldPosition) + head.raw.size());
  return std::unique_ptr<Request>(::new (bight::detail::takeBlock(size)) Request(head, size));
}

std::unique_ptr<Request> Request::make(std::string_view method, std::string_view target, const Headers& headers,
                                       std::string_view body) {
  std::string bytes;
  appendRequest(bytes, method, target, headers, body);
  RequestParser parser;
  std::string_view input = bytes;
  std::unique_ptr<Request> request;
  for (;;) {
    switch (parser.next(input)) {
      case RequestParser::Event::head:
        request = make(parser.head());
        break;
      case RequestParser::Event::body:
        request->body_ += parser.body();
        break;
      case RequestParser::Event::refused:
        throw StatusError(parser.refusal().status, parser.refusal().sentence);
      case RequestParser::Event::end:
        return request;
      case RequestParser::Event::needMore:
      case RequestParser::Event::closed:
        throw std::invalid_argument("bight::http::Request: the Content-Length is not that of the body");
    }
  }
}

void Request::operator delete(Request* request, std::destroying_delete_t) noexcept {
  const std::size_t size = request->blockSize_;
  request->~Request();
  bight::detail::giveBlock(request, size);
}

BodyReader Request::reader() {
  if (readerTaken_) throw std::logic_error("bight::http::Request::reader: the content is read by somebody already");
  readerTaken_ = true;
  if (!pipe_) return BodyReader(std::exchange(body_, {}));
  if (connection_) connection_->contentWanted();
  return BodyReader(pipe_);
}

std::string_view Request::parameter(std::string_view name) const noexcept {
  if (extras_) {
    for (const auto& [present, value] : extras_->parameters) {
      if (present == name) return value;
    }
  }
  return {};
}

std::string_view Request::user() const noexcept {
  return extras_ ? std::string_view(extras_->user) : std::string_view();
}

void Request::setUser(std::string name) {
  detail::RequestAccess::extras(*this).user = std::move(name);
}

Headers& Request::responseHeaders() {
  return detail::RequestAccess::extras(*this).responseHeaders;
}

std::optional<std::string> Request::queryValue(std::string_view name) const {
  const std::optional<Form> form = Form::parse(query());
  if (!form) return std::nullopt;
  const std::optional<std::string_view> value = form->get(name);
  if (!value) return std::nullopt;
  return std::string(*value);
}

Form Request::queryForm() const {
  std::optional<Form> form = Form::parse(query());
  if (!form) throw StatusError(400, "The query of the URL is not properly encoded.");
  return *std::move(form);
}

Form Request::form() const {
  if (!contentTypeIs("application/x-www-form-urlencoded")) {
    throw StatusError(415, "The content must be a form (application/x-www-form-urlencoded).");
  }
  std::optional<Form> form = Form::parse(body());
  if (!form) throw StatusError(400, "The form is not properly encoded.");
  return *std::move(form);
}

bool Request::contentTypeIs(std::string_view mediaType) const noexcept {
  const std::string_view value = header("Content-Type").value_or(std::string_view());
  return equalsIgnoringCase(trimWhitespace(value.substr(0, value.find(';'))), mediaType);
}

std::string_view Request::pathBelow() const noexcept {
  std::string_view rest = path();
  rest.remove_prefix(std::min<std::size_t>(below_, rest.size()));
  if (rest.starts_with('/')) rest.remove_prefix(1);
  return rest;
}

void Request::forget() noexcept {
  if (connection_) connection_->forgetRequest();
}

std::string Request::clientAddress() const {
  return connection_ ? connection_->transport().getPeer().host() : std::string();
}

Response Response::redirect(std::string_view location, int status) {
  Response response = error(status, {});
  response.headers.add("Location", location);
  return response;
}

Response Response::error(int status, std::string_view sentence) {
  std::string page = std::to_string(status);
  page.append(" ").append(reasonPhrase(status)).append("\n");
  if (!sentence.empty()) page.append("\n").append(sentence).append("\n");
  return text(std::move(page), status);
}

}  // namespace bight::http
