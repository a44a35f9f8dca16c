/// @file
/// `Url`: an absolute URL with a host, such as "https://example.org:8443/a?b#c". RFC 3986, and RFC 3987 for what is not
/// ASCII.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <bight/export.hpp>

namespace bight {

/// A text is not a URL that can be used here. The message quotes the text and says what is wrong with it.
class BIGHT_API UrlError : public std::invalid_argument {
 public:
  UrlError(std::string_view text, const std::string& why);
};

/// A URL that names a server: scheme, host, and what follows. Immutable, checked when it is made, and in one form:
/// scheme and host in lower case, the host in ASCII, the default port left out, an empty path written as "/".
///
///     Url url("http://user@München.example:80/a b");   // UrlError: ' ' cannot be in a URL, percent-encode it
///     Url url("HTTP://München.example:80/ä?q=1#top");
///     url.str();                                       // "http://xn--mnchen-3ya.example/%C3%A4?q=1#top"
///     url.resolve("../b").target();                    // "/b"
///
/// Strict, because a URL that two programs read differently leads one of them to a place the other has not checked: no
/// spaces, no backslashes, no second '@', no control characters. Only characters that are not ASCII are taken as they
/// are, in UTF-8: in the host by IDNA 2008 (UTS 46, non-transitional), elsewhere as their percent-encoding.
class BIGHT_API Url {
 public:
  /// @throws UrlError
  Url(std::string_view text);  // NOLINT(google-explicit-constructor): a URL in a program is a text
  Url(const char* text) : Url(std::string_view(text)) {}         // NOLINT(google-explicit-constructor)
  Url(const std::string& text) : Url(std::string_view(text)) {}  // NOLINT(google-explicit-constructor)

  // Copies share what does not change, and moving is copying: one that was moved from is still itself.
  Url(const Url&) noexcept = default;
  Url(Url&& other) noexcept : it_(other.it_) {}  // NOLINT(performance-move-constructor-init)
  Url& operator=(const Url&) noexcept = default;
  Url& operator=(Url&& other) noexcept { return *this = other; }
  ~Url() = default;

  /// Null instead of an exception.
  static std::optional<Url> parse(std::string_view text);

  /// The whole of it.
  const std::string& str() const noexcept { return it_->text; }
  /// "http", "https", "ws", …; in lower case.
  std::string_view scheme() const noexcept { return view(it_->scheme); }
  /// What stands before the '@': "user:password", percent-encoded; empty if there is none.
  std::string_view userinfo() const noexcept { return view(it_->userinfo); }
  /// The two parts of it, decoded.
  std::string user() const;
  std::string password() const;
  /// The host, in lower case: "example.org", "127.0.0.1", "::1" (without []).
  std::string_view host() const noexcept { return view(it_->host); }
  /// Whether the host was written in [], which IPv6 addresses are.
  bool hostIsBracketed() const noexcept { return it_->bracketed; }
  /// The port that is given, or else the scheme's: 80 for http and ws, 443 for https and wss, 0 for others.
  std::uint16_t port() const noexcept { return it_->port; }
  /// Host and port as a Host field has them: "example.org:8443", "[::1]"; without the port if it is the scheme's own.
  std::string_view authority() const noexcept { return view(it_->authority); }
  /// "https://example.org:8443": who is asked. Two URLs of one origin are asked over the same connections.
  std::string origin() const;
  /// "/a/b", percent-encoded; never empty.
  std::string_view path() const noexcept { return view(it_->path); }
  /// What follows the '?', percent-encoded; null without a '?'.
  std::optional<std::string_view> query() const noexcept;
  /// What follows the '#', percent-encoded; null without a '#'.
  std::optional<std::string_view> fragment() const noexcept;
  /// Path and query, as a request line has them: "/a?b".
  std::string_view target() const noexcept { return view(it_->target); }
  /// Whether the scheme is https or wss.
  bool secure() const noexcept { return scheme() == "https" || scheme() == "wss"; }

  /// What `reference` ("../b", "?q", "//other.example/") means where this URL is the base: RFC 3986, 5.2. A fragment of
  /// the base is not inherited. @throws UrlError
  Url resolve(std::string_view reference) const;
  /// The same with more in its query, encoded already: "a=1". Nothing changes if it is empty.
  Url withQuery(std::string_view more) const;
  /// The same without name and password.
  Url withoutUserinfo() const;
  /// The same without a fragment.
  Url withoutFragment() const;

  bool operator==(const Url& other) const noexcept { return it_ == other.it_ || str() == other.str(); }

 private:
  using Part = std::pair<std::uint32_t, std::uint32_t>;  // where it begins in the text, and how long it is
  struct Spelled {
    std::string text;
    Part scheme{}, userinfo{}, host{}, authority{}, path{}, query{}, fragment{}, target{};
    std::uint16_t port = 0;
    bool bracketed = false;
    bool hasQuery = false;
    bool hasFragment = false;
  };

  std::string_view view(Part part) const noexcept {
    return std::string_view(it_->text).substr(part.first, part.second);
  }

  std::shared_ptr<const Spelled> it_;
};

}  // namespace bight
