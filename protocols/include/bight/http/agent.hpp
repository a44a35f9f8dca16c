/// @file
/// `Agent`: sends single requests. `NetworkAgent`: over connections that it keeps for the next request.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/endpoint.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/http/client_response.hpp>
#include <bight/http/headers.hpp>
#include <bight/http/request_body.hpp>
#include <bight/http/response_parser.hpp>
#include <bight/tcp_endpoints.hpp>
#include <bight/time.hpp>
#include <bight/tls/context.hpp>
#include <bight/url.hpp>

namespace bight::http {

namespace detail {
class Pool;
}

/// The limits of time for one request. Zero or less: none.
struct Timeouts {
  Duration connect = std::chrono::seconds(10);  ///< looking up, connecting, TLS, the opening of a proxy
  Duration read = std::chrono::seconds(30);     ///< until the answer begins, and between two pieces of it
  Duration write = std::chrono::seconds(30);    ///< for the server to take anything of what is sent
  Duration total = std::chrono::minutes(5);     ///< from the call to the end of the content
};

/// One request, ready to be sent.
struct OutgoingRequest {
  std::string method;
  Url url;
  Headers headers = {};
  RequestBody body = {};
  Timeouts timeouts = {};
  /// Ask for gzip and its like, and undo it; unless `headers` has an Accept-Encoding.
  bool decode = true;
};

/// Something that sends a request and gives the answer to it: no redirects, no cookies. Twisted: IAgent.
class BIGHT_API Agent {
 public:
  Agent() = default;
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  virtual ~Agent();

  /// Fires when the head of the answer is there. Cancelling closes the connection. What goes wrong is in
  /// client_errors.hpp.
  virtual Deferred<ClientResponse> request(OutgoingRequest request) = 0;
  /// The clock of its limits of time.
  virtual ReactorTime& clock() = 0;
};

/// A proxy, and for whom it is not used.
struct Proxy {
  /// "http://proxy.example:3128": http: is asked through it in the absolute form, https: through CONNECT.
  /// "socks5://proxy.example:1080": everything goes through SOCKS, and the server looks names up. With a user and a
  /// password in it, these are presented.
  Url url;
  /// Hosts that are asked directly: "localhost", "127.0.0.1", ".example.org" (which includes the names below).
  std::vector<std::string> except = {};
};

/// Something that happened to a request: for logs, figures and traces.
struct TraceEvent {
  enum class What : std::uint8_t { queued, connecting, connected, reused, sent, answered, finished, failed, resent };
  What what;
  std::string_view method;
  const Url& url;
  Duration since;       ///< since the call
  int status;           ///< from `answered` on
  std::uint64_t bytes;  ///< of the content, with `finished`
};

/// What a NetworkAgent allows itself.
struct AgentOptions {
  /// How many connections to one server (scheme, host and port) there may be; further requests wait in their order.
  std::size_t connectionsPerHost = 8;
  /// How many requests may wait for one server; one more fails at once.
  std::size_t queuedPerHost = 10000;
  /// How long a request may wait for a connection to become free.
  Duration queueTimeout = std::chrono::seconds(30);
  /// Whether connections are kept at all. Twisted: `persistent`.
  bool persistent = true;
  /// How long an unused connection is kept.
  Duration idleTimeout = std::chrono::seconds(30);
  /// Sizes of heads and chunk lines; `body` is the largest content, as it is sent.
  Limits limits = ResponseParser::defaultLimits();
  /// An encoded content may expand to `expansion` times what was received; the first MiB is free. Beyond it the content
  /// fails with DecodingError.
  std::size_t expansion = 200;
  /// From this length on (and for streams of unknown length) the server is asked whether it wants the content before it
  /// is sent, and given a second to answer (RFC 9110, 10.1.1).
  std::uint64_t expectContinueFrom = std::uint64_t{1} << 20;
  /// Whom to trust, and who we are: for https. Not given: what the system trusts.
  std::optional<tls::ClientContext> tls = std::nullopt;
  std::optional<Proxy> proxy = std::nullopt;
  /// How to reach the server of a URL, instead of by its host and port: a UNIX socket, a tunnel. Null from it: as ever.
  /// What it gives is used for every connection to that server; for https it has to speak TLS itself. Twisted:
  /// `Agent.usingEndpointFactory`.
  Function<std::shared_ptr<ClientEndpoint>(const Url&)> endpoint = {};
  /// The User-Agent field, unless a request has its own; empty: none.
  std::string userAgent = "bight";
  /// Called at each step of each request; it must not throw.
  Function<void(const TraceEvent&)> trace = {};
};

/// Sends requests over TCP and TLS, and keeps connections for later requests to the same server. Twisted: Agent with an
/// HTTPConnectionPool.
///
/// | | |
/// |---|---|
/// | a connection is free | it is used, the last one used first |
/// | fewer than `connectionsPerHost` | a new one is made |
/// | else | the request waits its turn |
///
/// If a connection that was used before turns out to be dead before a byte of the answer has come, the request is sent
/// again on a new one, once; but only if its method is idempotent (RFC 9110, 9.2.2) and its content is no stream.
///
/// May be dropped at any time: free connections are closed then, and requests under way go on.
class BIGHT_API NetworkAgent final : public Agent {
 public:
  /// What `reactor` is made of must outlive the requests.
  explicit NetworkAgent(const HostReactor& reactor, AgentOptions options = {});
  ~NetworkAgent() override;

  Deferred<ClientResponse> request(OutgoingRequest request) override;
  ReactorTime& clock() override;

  /// How many connections are open, and how many of them are free.
  std::size_t connections() const noexcept;
  std::size_t idleConnections() const noexcept;
  /// Closes the free connections. Twisted: `closeCachedConnections`.
  void closeIdle();

 private:
  std::shared_ptr<detail::Pool> pool_;
};

}  // namespace bight::http
