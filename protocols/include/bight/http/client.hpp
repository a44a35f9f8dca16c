/// @file
/// The client of HTTP: `http::get(reactor, url)` and its like, and `Client`, which keeps cookies and defaults.
///
///     http::get(reactor, "https://example.org/", {.timeout = 5s})
///         .addCallback([](http::ClientResponse response) { return response.text(); })
///         .addCallbacks([](const std::string& text) { std::cout << text; },
///                       [](const Failure& failure) { std::cerr << failure.getErrorMessage() << '\n'; });
///
/// Twisted: treq, with its names in camel case.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/http/agent.hpp>
#include <bight/http/auth.hpp>
#include <bight/http/client_errors.hpp>
#include <bight/http/client_response.hpp>
#include <bight/http/cookie_jar.hpp>
#include <bight/http/form.hpp>
#include <bight/http/headers.hpp>
#include <bight/http/multipart_writer.hpp>
#include <bight/http/request_body.hpp>
#include <bight/time.hpp>
#include <bight/url.hpp>

namespace bight {
class Reactor;
}

namespace bight::http {

namespace detail {
struct Session;
}

/// Whether and when a request is made again. Only requests that can be repeated are: the method is idempotent, and the
/// content no stream.
struct RetryPolicy {
  /// How many times in all; 1: never again.
  unsigned attempts = 1;
  /// The pause after the first attempt; each one after that is `factor` times as long, up to `longest`.
  Duration pause = std::chrono::milliseconds(500);
  double factor = 2;
  Duration longest = std::chrono::seconds(30);
  /// The answers after which it is tried again. A Retry-After field is obeyed, as far as `longest` allows: a server
  /// that wants us to wait for longer has given its answer.
  std::vector<int> statuses = {429, 502, 503, 504};
  /// Whether it is tried again after no connection, a lost one, or a limit of time.
  bool failures = true;
};

/// What can be said about one request; all of it may be left out. What is given here goes before what the Client has.
struct RequestOptions {
  Form params = {};                      ///< added to the query of the URL
  Headers headers = {};                  ///< in the place of those of the same name that the client would send
  RequestBody data = {};                 ///< the content, as it is
  std::optional<Form> form = {};         ///< the content, as application/x-www-form-urlencoded, or with `files`
  std::vector<FormFile> files = {};      ///< the content, as multipart/form-data
  std::optional<std::string> json = {};  ///< the content, a text of JSON
  std::optional<Auth> auth = {};         ///< a user and password in the URL count as Auth::basic
  Form cookies = {};                     ///< for the origin of the URL, beside those of the Client
  std::optional<Duration> timeout = {};  ///< Timeouts::total: redirects, retries and the content included
  std::optional<Duration> connectTimeout = {};
  std::optional<Duration> readTimeout = {};
  std::optional<Duration> writeTimeout = {};
  bool allowRedirects = true;
  std::optional<unsigned> maxRedirects = {};
  bool decode = true;  ///< ask for gzip and its like, and undo it
  std::optional<RetryPolicy> retry = {};
};

/// What all requests of a Client have in common.
struct ClientOptions {
  Headers headers = {};
  Timeouts timeouts = {};
  std::optional<Auth> auth = {};  ///< sent to every origin that is asked, not to those it redirects to
  unsigned maxRedirects = 10;
  RetryPolicy retry = {};
  /// Where cookies are kept. Null: each request has a jar of its own, for the time of its redirects.
  std::shared_ptr<CookieJar> cookies = {};
};

/// Makes requests: follows redirects, keeps cookies, answers challenges, tries again. A handle: copies share it all.
/// Twisted: treq's `HTTPClient`.
///
///     http::Client client(std::make_shared<http::NetworkAgent>(reactor),
///                         {.cookies = std::make_shared<http::CookieJar>()});
///     co_await client.post("https://a.example/login", {.form = {{{"user", "ada"}, {"password", secret}}}});
///     auto page = co_await client.get("https://a.example/private");
///
/// **Redirects.** 301 and 302 make a POST a GET, 303 makes everything but HEAD one, 307 and 308 repeat the request.
/// Across origins (scheme, host or port differ) the credentials stay behind: `auth`, `cookies`, and the fields
/// Authorization, Cookie and Proxy-Authorization. From https to http none is followed.
///
/// **Failures** are those of client_errors.hpp, CancelledError, and what a stream of content fails with. Misuse throws.
class BIGHT_API Client {
 public:
  /// @throws std::invalid_argument if `agent` is null
  explicit Client(std::shared_ptr<Agent> agent, ClientOptions options = ClientOptions());

  // Not `= {}`: g++ 12 destroys that twice where the call is awaited.
  Deferred<ClientResponse> request(std::string method, Url url, RequestOptions options = RequestOptions()) const;
  Deferred<ClientResponse> get(Url url, RequestOptions options = RequestOptions()) const {
    return request("GET", std::move(url), std::move(options));
  }
  Deferred<ClientResponse> head(Url url, RequestOptions options = RequestOptions()) const {
    return request("HEAD", std::move(url), std::move(options));
  }
  Deferred<ClientResponse> post(Url url, RequestOptions options = RequestOptions()) const {
    return request("POST", std::move(url), std::move(options));
  }
  Deferred<ClientResponse> put(Url url, RequestOptions options = RequestOptions()) const {
    return request("PUT", std::move(url), std::move(options));
  }
  Deferred<ClientResponse> patch(Url url, RequestOptions options = RequestOptions()) const {
    return request("PATCH", std::move(url), std::move(options));
  }
  /// DELETE, which C++ has taken.
  Deferred<ClientResponse> del(Url url, RequestOptions options = RequestOptions()) const {
    return request("DELETE", std::move(url), std::move(options));
  }

  Agent& agent() const noexcept;
  const ClientOptions& options() const noexcept;

 private:
  std::shared_ptr<detail::Session> session_;
};

/// The client that the functions below use: with a NetworkAgent of its own for each reactor, which keeps connections
/// until the reactor stops. Twisted: treq's global pool.
BIGHT_API Client clientFor(Reactor& reactor);
/// For a reactor that is not whole (a `testing::MemoryReactor`): no connections are kept.
BIGHT_API Client clientFor(const HostReactor& reactor);

/// A Reactor, or whatever else a HostReactor can be made of.
template <class R>
concept IsHostReactor = std::convertible_to<R&, HostReactor>;

/// @name One request
/// @{
template <IsHostReactor R>
Deferred<ClientResponse> request(R& reactor, std::string method, Url url, RequestOptions options = RequestOptions()) {
  return clientFor(reactor).request(std::move(method), std::move(url), std::move(options));
}
template <IsHostReactor R>
Deferred<ClientResponse> get(R& reactor, Url url, RequestOptions options = RequestOptions()) {
  return clientFor(reactor).get(std::move(url), std::move(options));
}
template <IsHostReactor R>
Deferred<ClientResponse> head(R& reactor, Url url, RequestOptions options = RequestOptions()) {
  return clientFor(reactor).head(std::move(url), std::move(options));
}
template <IsHostReactor R>
Deferred<ClientResponse> post(R& reactor, Url url, RequestOptions options = RequestOptions()) {
  return clientFor(reactor).post(std::move(url), std::move(options));
}
template <IsHostReactor R>
Deferred<ClientResponse> put(R& reactor, Url url, RequestOptions options = RequestOptions()) {
  return clientFor(reactor).put(std::move(url), std::move(options));
}
template <IsHostReactor R>
Deferred<ClientResponse> patch(R& reactor, Url url, RequestOptions options = RequestOptions()) {
  return clientFor(reactor).patch(std::move(url), std::move(options));
}
template <IsHostReactor R>
Deferred<ClientResponse> del(R& reactor, Url url, RequestOptions options = RequestOptions()) {
  return clientFor(reactor).del(std::move(url), std::move(options));
}
/// @}

}  // namespace bight::http
