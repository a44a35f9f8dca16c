/// @file
/// Connecting to a WebSocket server.
///
/// ```cpp
/// websocket::connect(*reactor, "wss://example.org/feed", std::make_shared<Feed>())
///     .addErrback([](const Failure& failure) { … });         // HandshakeError, ConnectError, …
/// ```
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/endpoint.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/function.hpp>
#include <bight/http/headers.hpp>
#include <bight/tcp_endpoints.hpp>
#include <bight/tls/context.hpp>
#include <bight/url.hpp>
#include <bight/websocket/protocol.hpp>

namespace bight::websocket {

/// How to connect, and what to say in the request.
struct ConnectOptions {
  Duration connectTimeout = std::chrono::seconds(30);  ///< for looking up the name and connecting
  Duration openTimeout = std::chrono::seconds(10);     ///< for the server's answer from then on, TLS included
  std::string origin = {};                             ///< an Origin field, which browsers send
  http::Headers headers = {};                          ///< further fields: Authorization, Cookie
  /// "http://proxy.example:3128", which is asked for a tunnel by CONNECT, or "socks5://proxy.example:1080"; a user and a
  /// password in it are presented. The proxy has `connectTimeout` to agree.
  std::optional<Url> proxy = std::nullopt;
  /// For wss; if it is not given, what the system trusts is trusted.
  std::optional<tls::ClientContext> tls = std::nullopt;
};

namespace detail {
BIGHT_API Deferred<void> connect(const HostReactor& reactor, const Url& url, const std::shared_ptr<Protocol>& protocol,
                                 Options options, ConnectOptions how);
BIGHT_API Deferred<void> connect(ClientEndpoint& endpoint, ReactorTime& clock, const Url& url,
                                 const std::shared_ptr<Protocol>& protocol, Options options, ConnectOptions how);
}  // namespace detail

/// Connects a protocol to a server: "ws://host[:port]/path", or "wss://…" for TLS.
/// @return the protocol, when it is open; fails with a ConnectError, a tls error, or HandshakeError. Cancelling closes
///         the connection. (`onClose` is called, too, if there was a connection.)
/// @throws std::invalid_argument for another scheme, a fragment or a name in the URL, a kind of proxy that is not known,
///         a null protocol, and options that make no sense
// Not `= {}`: g++ 12 destroys that twice where the call is awaited.
template <class P>
Deferred<std::shared_ptr<P>> connect(const HostReactor& reactor, const Url& url, std::shared_ptr<P> protocol,
                                     Options options = Options(), ConnectOptions how = ConnectOptions()) {
  return detail::connect(reactor, url, protocol, std::move(options), std::move(how))
      .addCallback([protocol = std::move(protocol)] { return protocol; });
}

/// The same over an endpoint, which is where the connection goes whatever the URL says: a UNIX socket, a proxy, an
/// endpoint of `tls::wrapClientTLS`. The URL gives the Host field and the path. Of `how`, TLS and the time to connect
/// are the endpoint's business.
template <class P>
Deferred<std::shared_ptr<P>> connect(ClientEndpoint& endpoint, ReactorTime& clock, const Url& url,
                                     std::shared_ptr<P> protocol, Options options = Options(),
                                     ConnectOptions how = ConnectOptions()) {
  return detail::connect(endpoint, clock, url, protocol, std::move(options), std::move(how))
      .addCallback([protocol = std::move(protocol)] { return protocol; });
}

/// A factory of clients, for connectors, `ReconnectingClientFactory`'s kin and `ClientService`: each connection gets a
/// protocol of its own, which asks as soon as it is connected.
BIGHT_API std::shared_ptr<bight::ClientFactory> clientFactory(ReactorTime& clock, const Url& url,
                                                              Function<std::shared_ptr<Protocol>()> make,
                                                              Options options = Options(),
                                                              ConnectOptions how = ConnectOptions());

}  // namespace bight::websocket
