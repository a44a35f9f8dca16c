/// @file
/// Cookies, as a server reads and sets them (RFC 6265).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/export.hpp>
#include <bight/http/message.hpp>

namespace bight::http {

/// The pairs in the value of a Cookie field, in their order, as they were sent ("a=1; b=\"2\"" gives a and 1, b and
/// "2" without its quotes). Parts without '=' or with an empty name are skipped, as browsers' servers do.
BIGHT_API std::vector<std::pair<std::string_view, std::string_view>> parseCookies(std::string_view field);

/// Whom a browser sends a cookie to when a request comes from another site.
enum class SameSite : std::uint8_t {
  strict,  ///< not at all
  lax,     ///< when somebody follows a link there
  none,    ///< always; needs `secure`
};

/// A cookie that a client shall keep. The defaults are the careful ones.
///
///     return http::Response::redirect("/").with("Set-Cookie", http::SetCookie{.name = "session", .value = id}.text());
///     request.responseHeaders().add("Set-Cookie", …);          // the same with whatever the answer will be
struct BIGHT_API SetCookie {
  std::string name;
  std::string value = {};
  /// For which paths; empty: for the directory of the request's.
  std::string path = "/";
  /// Empty: for this host alone; else for it and all hosts below it.
  std::string domain = {};
  /// How long; nothing: until the browser is closed; zero or less: it is to be forgotten now.
  std::optional<std::chrono::seconds> maxAge = {};
  bool secure = true;    ///< over TLS only (browsers take localhost for that too)
  bool httpOnly = true;  ///< not for scripts
  std::optional<SameSite> sameSite = SameSite::lax;

  /// The value of a Set-Cookie field. With `maxAge`, old clients are told by Expires too.
  /// @throws std::invalid_argument if the name is no token, the value holds what a cookie may not (controls, spaces,
  /// quotes, commas, semicolons, backslashes, bytes above 126: percent-encode those), path or domain hold a semicolon
  /// or a control, or `SameSite::none` comes without `secure`; a name that begins with "__Host-" needs `secure`, path
  /// "/" and no domain, one with "__Secure-" `secure`
  std::string text() const;
};

}  // namespace bight::http
