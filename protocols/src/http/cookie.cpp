#include <bight/http/cookie.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include <bight/http/serializer.hpp>
#include <bight/http/syntax.hpp>

namespace bight::http {

namespace {

// RFC 6265, 4.1.1: cookie-octet
bool isCookieOctet(char c) noexcept {
  return c > ' ' && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

// What may stand in the value of an attribute.
bool isAttribute(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f && c != ';'; });
}

// The first cookie in `rest`, which moves behind it; false at the end.
bool nextCookie(std::string_view& rest, std::pair<std::string_view, std::string_view>& cookie) noexcept {
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    cookie = {trimWhitespace(part.substr(0, equals)), trimWhitespace(part.substr(equals + 1))};
    if (cookie.first.empty()) continue;
    if (cookie.second.size() >= 2 && cookie.second.front() == '"' && cookie.second.back() == '"') {
      cookie.second.remove_prefix(1);
      cookie.second.remove_suffix(1);
    }
    return true;
  }
  return false;
}

[[noreturn]] void refuse(const std::string& name, const char* why) {
  throw std::invalid_argument("bight::http::SetCookie: the cookie \"" + name + "\" " + why);
}

}  // namespace

std::vector<std::pair<std::string_view, std::string_view>> parseCookies(std::string_view field) {
  std::vector<std::pair<std::string_view, std::string_view>> cookies;
  std::pair<std::string_view, std::string_view> cookie;
  while (nextCookie(field, cookie)) cookies.push_back(cookie);
  return cookies;
}

std::optional<std::string_view> Request::cookie(std::string_view name) const noexcept {
  for (const Field& field : headers()) {
    if (!equalsIgnoringCase(field.name, "Cookie")) continue;
    std::string_view rest = field.value;
    std::pair<std::string_view, std::string_view> one;
    while (nextCookie(rest, one)) {
      if (one.first == name) return one.second;
    }
  }
  return std::nullopt;
}

std::string SetCookie::text() const {
  if (!isToken(name)) refuse(name, "has a name that is no token");
  if (!std::all_of(value.begin(), value.end(), isCookieOctet))
    refuse(name, "has a value with characters that no cookie may have; percent-encode them");
  if (!isAttribute(path) || !isAttribute(domain)) refuse(name, "has a path or a domain that breaks out of its place");
  if (sameSite == SameSite::none && !secure) refuse(name, "is for all sites and not secure: browsers refuse that");
  const bool hostOnly = name.starts_with("__Host-");
  if ((hostOnly || name.starts_with("__Secure-")) && !secure) refuse(name, "has a name that asks for secure");
  if (hostOnly && (path != "/" || !domain.empty())) refuse(name, "has a name that asks for the path / and no domain");
  std::string text = name + "=" + value;
  if (!path.empty()) text += "; Path=" + path;
  if (!domain.empty()) text += "; Domain=" + domain;
  if (maxAge) {
    using namespace std::chrono;
    constexpr seconds longest = hours(24 * 366 * 100);
    const seconds age = std::clamp(*maxAge, seconds(0), longest);
    const auto now = duration_cast<seconds>(system_clock::now().time_since_epoch());
    text += "; Max-Age=" + std::to_string(age.count()) +
            "; Expires=" + formatDate(age.count() == 0 ? 0 : (now + age).count());
  }
  if (secure) text += "; Secure";
  if (httpOnly) text += "; HttpOnly";
  if (sameSite) {
    text += *sameSite == SameSite::strict ? "; SameSite=Strict"
            : *sameSite == SameSite::lax  ? "; SameSite=Lax"
                                          : "; SameSite=None";
  }
  return text;
}

}  // namespace bight::http
