/// @file
/// `CookieJar`: the cookies of a client (RFC 6265).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>
#include <bight/url.hpp>

namespace bight::http {

/// A cookie as it is kept.
struct Cookie {
  std::string name;
  std::string value;
  std::string domain;  ///< in lower case, without a dot before it
  std::string path = "/";
  /// In seconds since 1970; not given: until the client ends.
  std::optional<std::int64_t> expires = std::nullopt;
  bool hostOnly = true;   ///< for that very host; else for names below it too
  bool secure = false;    ///< over https only
  bool httpOnly = false;  ///< nothing to a client without scripts; kept for whoever stores them
};

/// Keeps what servers set, and says what to send back.
///
/// Cookies for a public suffix ("co.uk") are refused, where libpsl was found; without it, cookies are for the host that
/// set them and no other. At most 180 of one domain and 3000 in all, each of at most 4096 bytes; the ones longest
/// unused go first.
class BIGHT_API CookieJar {
 public:
  /// @param clock  seconds since 1970; for tests. Not given: the system's clock
  explicit CookieJar(std::int64_t (*clock)() = nullptr);
  ~CookieJar();
  CookieJar(const CookieJar&) = delete;
  CookieJar& operator=(const CookieJar&) = delete;

  /// Takes what a response from `url` says in a Set-Cookie field. @return whether anything was taken or deleted
  bool set(const Url& url, std::string_view setCookie);
  /// Puts a cookie in, as it is. @throws std::invalid_argument if it could break out of its field
  void put(Cookie cookie);
  /// What to send to `url`: "a=1; b=2", or nothing.
  std::string header(const Url& url);

  /// All that have not expired.
  std::vector<Cookie> all() const;
  void clear() noexcept;

 private:
  struct Kept;
  std::int64_t now() const;
  void add(Kept kept);
  void evict();

  std::int64_t (*now_)();
  std::vector<Kept> cookies_;
  std::uint64_t uses_ = 0;
};

/// A date of a cookie (RFC 6265, 5.1.1), in seconds since 1970; nothing if it is none.
BIGHT_API std::optional<std::int64_t> parseCookieDate(std::string_view text);

}  // namespace bight::http
