/// @file
/// Who may ask, from where, and by which name: Basic authentication, CORS, virtual hosts.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/http/middleware.hpp>
#include <bight/http/resource.hpp>

namespace bight::http {

/// @name Basic authentication (RFC 7617)
/// @{

/// What a client gives to prove who it is.
struct Credentials {
  std::string user;
  std::string password;
};

/// The credentials in an Authorization field of the scheme Basic; null if there is none or it is malformed.
BIGHT_API std::optional<Credentials> basicCredentials(const Request& request);

/// Whether two texts are the same, in a time that depends on the length of `given` alone: how a secret is compared with
/// what a stranger sends.
BIGHT_API bool constantTimeEquals(std::string_view secret, std::string_view given) noexcept;

/// Middleware that lets only those pass whose credentials `check` accepts, at once or later; others are answered with
/// 401 and asked for them. `Request::user` says afterwards who it is.
///
///     root->putChild("admin", http::behind(http::basicAuthentication("Admin", [&](const http::Credentials& c) {
///       return succeed(http::constantTimeEquals(passwordOf(c.user), c.password));
///     }), adminPages));
///
/// Use it over TLS only: the password is sent as it is. Throws std::invalid_argument if the realm holds a quote, a
/// backslash or a control character.
BIGHT_API Middleware basicAuthentication(std::string_view realm, Function<Deferred<bool>(const Credentials&)> check);
/// The same for one user. Both are compared in constant time.
BIGHT_API Middleware basicAuthentication(std::string_view realm, Credentials only);

/// @}
/// @name CORS: which pages of other origins may ask (WHATWG Fetch, 3.2)
/// @{

struct CorsOptions {
  /// "https://a.example"; or "*" alone: all.
  std::vector<std::string> origins = {};
  std::vector<std::string> methods = {"GET", "HEAD", "POST"};
  /// Fields that such a page may set beside the harmless ones.
  std::vector<std::string> requestHeaders = {};
  /// Fields of an answer that such a page may see beside the harmless ones.
  std::vector<std::string> exposedHeaders = {};
  /// Cookies and passwords may come along.
  bool credentials = false;
  /// How long a browser may remember what it was told.
  std::chrono::seconds maxAge = std::chrono::minutes(10);
};

/// Middleware that tells browsers which pages of other origins may ask, and answers their preflight requests with 204.
/// A request of another origin is answered without the fields that would let its page see the answer: it is the browser
/// that refuses. Where a request changes something, check `Origin` yourself too.
/// Throws std::invalid_argument for "*" together with credentials, or names that cannot stand in a field.
BIGHT_API Middleware cors(CorsOptions options);

/// @}
/// @name Virtual hosts
/// @{

/// A resource that has a tree for each host. Names are compared without case and without the port; "*.a.example"
/// stands for all names below a.example. Requests for other names are for `otherwise`; without one they are answered
/// with 421. Throws std::invalid_argument if a resource is null, or a name occurs twice.
BIGHT_API std::shared_ptr<Resource> virtualHosts(std::vector<std::pair<std::string, std::shared_ptr<Resource>>> hosts,
                                                 std::shared_ptr<Resource> otherwise = nullptr);

/// @}

}  // namespace bight::http
