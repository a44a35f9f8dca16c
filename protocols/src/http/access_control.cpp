#include <bight/http/access_control.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>

#include <bight/http/syntax.hpp>

#include "characters.hpp"
#include "locate.hpp"

namespace bight::http {

// ---- Basic ----

namespace {

// Null if it is not base64 (RFC 4648, 4) with its padding.
std::optional<std::string> decodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (char c : text) {
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (value < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(value)) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  return out;
}

Response unauthorized(const std::string& challenge) {
  return Response::error(401, "This is only for those who have a name and a password here.")
      .with("WWW-Authenticate", challenge);
}

Deferred<Answer> authenticate(std::shared_ptr<Function<Deferred<bool>(const Credentials&)>> check,
                              std::string challenge, Request& request, Next next) {
  std::optional<Credentials> given = basicCredentials(request);
  if (!given) co_return unauthorized(challenge);
  const bool accepted = co_await (*check)(*given);
  if (!accepted) co_return unauthorized(challenge);
  request.setUser(std::move(given->user));
  co_return next(request);
}

}  // namespace

std::optional<Credentials> basicCredentials(const Request& request) {
  const std::optional<std::string_view> field = request.header("Authorization");
  if (!field || field->size() < 6 || !equalsIgnoringCase(field->substr(0, 5), "Basic") || (*field)[5] != ' ')
    return std::nullopt;
  const std::optional<std::string> text = decodeBase64(trimWhitespace(field->substr(6)));
  if (!text) return std::nullopt;
  const std::size_t colon = text->find(':');
  if (colon == std::string::npos) return std::nullopt;
  for (char c : *text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;  // RFC 7617, 2
  }
  return Credentials{text->substr(0, colon), text->substr(colon + 1)};
}

bool constantTimeEquals(std::string_view secret, std::string_view given) noexcept {
  // With an empty secret something is compared all the same.
  const std::string_view against = secret.empty() ? std::string_view("\xff") : secret;
  volatile std::size_t different = secret.size() ^ given.size();
  for (std::size_t i = 0, j = 0; i < given.size(); ++i) {
    different = different |
                static_cast<std::size_t>(static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(against[j]));
    j = j + 1 == against.size() ? 0 : j + 1;
  }
  return different == 0;
}

Middleware basicAuthentication(std::string_view realm, Function<Deferred<bool>(const Credentials&)> check) {
  if (realm.find_first_of("\"\\") != std::string_view::npos || !isFieldValue(realm))
    throw std::invalid_argument("bight::http::basicAuthentication: the realm cannot be quoted");
  if (!check) throw std::invalid_argument("bight::http::basicAuthentication: there is no function to check with");
  std::string challenge = "Basic realm=\"" + std::string(realm) + "\", charset=\"UTF-8\"";
  auto shared = std::make_shared<Function<Deferred<bool>(const Credentials&)>>(std::move(check));
  return [shared = std::move(shared), challenge = std::move(challenge)](Request& request, const Next& next) -> Answer {
    return authenticate(shared, challenge, request, next);
  };
}

Middleware basicAuthentication(std::string_view realm, Credentials only) {
  return basicAuthentication(realm, [only = std::move(only)](const Credentials& given) {
    const bool user = constantTimeEquals(only.user, given.user);
    const bool password = constantTimeEquals(only.password, given.password);
    return succeed(user && password);
  });
}

// ---- CORS ----

namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (!isToken(name)) throw std::invalid_argument("bight::http::cors: \"" + name + "\" is no token");
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace

Middleware cors(CorsOptions options) {
  const bool all = std::find(options.origins.begin(), options.origins.end(), "*") != options.origins.end();
  if (all && options.credentials)
    throw std::invalid_argument(
        "bight::http::cors: credentials for pages of all origins would be for everybody; name the origins");
  const std::string methods = joined(options.methods), fields = joined(options.requestHeaders),
                    exposed = joined(options.exposedHeaders);
  return [options = std::move(options), all, methods, fields, exposed](Request& request, const Next& next) -> Answer {
    const std::optional<std::string_view> origin = request.header("Origin");
    Headers& out = request.responseHeaders();
    if (!all) out.add("Vary", "Origin");
    const bool allowed =
        origin && (all || std::find(options.origins.begin(), options.origins.end(), *origin) != options.origins.end());
    if (allowed) {
      out.add("Access-Control-Allow-Origin", all ? std::string_view("*") : *origin);
      if (options.credentials) out.add("Access-Control-Allow-Credentials", "true");
    }
    if (origin && request.method() == "OPTIONS" && request.header("Access-Control-Request-Method")) {
      if (!allowed) return Response::error(403, "Pages of that origin may not ask here.");
      Response preflight = Response::empty();
      preflight.headers.add("Access-Control-Allow-Methods", methods);
      if (!fields.empty()) preflight.headers.add("Access-Control-Allow-Headers", fields);
      preflight.headers.add("Access-Control-Max-Age", std::to_string(options.maxAge.count()));
      return preflight;
    }
    if (allowed && !exposed.empty()) out.add("Access-Control-Expose-Headers", exposed);
    return next(request);
  };
}

// ---- virtual hosts ----

namespace {

std::string lowered(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = characters::lower(c);
  return out;
}

class VirtualHosts final : public Resource {
 public:
  VirtualHosts(std::vector<std::pair<std::string, std::shared_ptr<Resource>>> hosts,
               std::shared_ptr<Resource> otherwise)
      : otherwise_(std::move(otherwise)) {
    for (auto& [name, resource] : hosts) {
      if (!resource)
        throw std::invalid_argument("bight::http::virtualHosts: the resource for \"" + name + "\" is null");
      if (!hosts_.emplace(lowered(name), std::move(resource)).second)
        throw std::invalid_argument("bight::http::virtualHosts: \"" + name + "\" occurs twice");
    }
  }

  bool isLeaf() const noexcept override { return true; }
  std::uint64_t streamedBody(const Request& request) const override {
    const std::shared_ptr<Resource>& root = rootFor(request);
    return root ? detail::RequestAccess::streamedBody(root, request) : 0;
  }
  Answer render(Request& request) override {
    const std::shared_ptr<Resource>& root = rootFor(request);
    if (!root) return Response::error(421, "There is no site of that name here.");
    return detail::RequestAccess::render(root, request);
  }

 private:
  const std::shared_ptr<Resource>& rootFor(const Request& request) const {
    std::string_view host = request.host();
    // A port is behind the last colon, unless that is inside the brackets of an IPv6 address.
    const std::size_t colon = host.rfind(':');
    if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos)
      host = host.substr(0, colon);
    if (host.ends_with('.')) host.remove_suffix(1);
    std::string name = lowered(host);
    if (const auto exact = hosts_.find(name); exact != hosts_.end()) return exact->second;
    for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      if (const auto wild = hosts_.find("*" + name.substr(dot)); wild != hosts_.end()) return wild->second;
    }
    return otherwise_;
  }

  std::map<std::string, std::shared_ptr<Resource>, std::less<>> hosts_;
  std::shared_ptr<Resource> otherwise_;
};

}  // namespace

std::shared_ptr<Resource> virtualHosts(std::vector<std::pair<std::string, std::shared_ptr<Resource>>> hosts,
                                       std::shared_ptr<Resource> otherwise) {
  return std::make_shared<VirtualHosts>(std::move(hosts), std::move(otherwise));
}

}  // namespace bight::http
