/// @file
/// Endpoints: ways to connect and to listen, as values that are made in one place and used in another.
///
/// ```cpp
/// auto endpoint = clientFromString(*reactor, "tcp:example.org:7");       // or a HostnameEndpoint, a wrapper, your own
/// connectProtocol(*endpoint, std::make_shared<Asker>()).addCallback([](std::shared_ptr<Asker> asker) { … });
///
/// auto server = serverFromString(*reactor, "tcp:8000:interface=127.0.0.1");
/// server->listen(factory).addCallback([](std::shared_ptr<Port> port) { … });
/// ```
///
/// | endpoint | where |
/// |---|---|
/// | `HostnameEndpoint`; `TCP4ClientEndpoint`, `TCP4ServerEndpoint`, and the same with 6 | tcp_endpoints.hpp |
/// | UNIX sockets, adopted sockets, child processes, standard input and output | local_endpoints.hpp |
/// | TLS over any of them | tls/endpoints.hpp |
/// | from strings | endpoint_strings.hpp |
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/protocol.hpp>
#include <bight/tcp.hpp>

namespace bight {

/// A way to one server. It can be used any number of times, also at once. (Twisted: IStreamClientEndpoint)
///
/// An endpoint holds no connection: it may be dropped as soon as `connect()` has returned. What it was made of, a
/// reactor for one, must outlive the attempts.
class BIGHT_API ClientEndpoint {
 public:
  ClientEndpoint(const ClientEndpoint&) = delete;
  ClientEndpoint& operator=(const ClientEndpoint&) = delete;
  virtual ~ClientEndpoint();

  /// Connects a protocol of `factory`. The factory's `doStart()` and `doStop()` are called; it is not told of failures
  /// even if it is a ClientFactory: they are the Deferred's.
  ///
  /// Cancelling closes the socket, or stops looking up; the Deferred fails with ConnectingCancelledError then.
  /// @return fires when `connectionMade()` has returned (with TLS, when the handshake is through, too); fails with a
  ///         ConnectError or another reason why there is no connection, with NoProtocol if the factory refuses, with
  ///         what `buildProtocol()` or `connectionMade()` throws
  /// @throws std::invalid_argument if `factory` is null
  virtual Deferred<std::shared_ptr<Protocol>> connect(std::shared_ptr<Factory> factory) = 0;

  /// For people, in the form that `clientFromString` takes where there is one: "tcp:example.org:80".
  virtual std::string toString() const = 0;

 protected:
  ClientEndpoint() = default;
};

/// A place to listen at. (Twisted: IStreamServerEndpoint)
class BIGHT_API ServerEndpoint {
 public:
  ServerEndpoint(const ServerEndpoint&) = delete;
  ServerEndpoint& operator=(const ServerEndpoint&) = delete;
  virtual ~ServerEndpoint();

  /// Listens, and connects protocols of `factory` with whoever comes.
  /// @return the port; fails with CannotListenError, or otherwise as the kind of endpoint says
  /// @throws std::invalid_argument if `factory` is null
  virtual Deferred<std::shared_ptr<Port>> listen(std::shared_ptr<Factory> factory) = 0;

  /// For people, in the form that `serverFromString` takes where there is one: "tcp:8000".
  virtual std::string toString() const = 0;

 protected:
  ServerEndpoint() = default;
};

/// The Deferred of `ClientEndpoint::connect()` was cancelled. (Twisted: ConnectingCancelledError)
class BIGHT_API ConnectingCancelledError : public CancelledError {
 public:
  /// @param where  where to, for people
  explicit ConnectingCancelledError(const std::string& where)
      : CancelledError("The attempt to connect to " + where + " was cancelled.") {}
};

/// The factory's `buildProtocol()` returned null: there is a connection, and nobody for it. (Twisted: NoProtocol)
class BIGHT_API NoProtocol : public std::runtime_error {
 public:
  explicit NoProtocol(const std::string& where)
      : std::runtime_error("The factory refused the connection to " + where + ": buildProtocol() returned null.") {}
};

namespace detail {
/// A factory of one protocol, for one connection; a second one is refused.
BIGHT_API std::shared_ptr<Factory> factoryOf(std::shared_ptr<Protocol> protocol);
}  // namespace detail

/// Connects one protocol, without a factory. (Twisted: connectProtocol)
/// @return as `ClientEndpoint::connect()`, with the very protocol that was given
/// @throws std::invalid_argument if `protocol` is null
template <class P>
Deferred<std::shared_ptr<P>> connectProtocol(ClientEndpoint& endpoint, std::shared_ptr<P> protocol) {
  if constexpr (std::is_base_of_v<Protocol, P>) {
    return endpoint.connect(detail::factoryOf(protocol))
        .addCallback([protocol = std::move(protocol)](const std::shared_ptr<Protocol>&) { return protocol; });
  } else {
    static_assert(std::is_base_of_v<Protocol, P>,
                  "bight: connectProtocol wants a shared_ptr to a Protocol; a factory goes to endpoint.connect()");
    return Deferred<std::shared_ptr<P>>();
  }
}
/// The same with what `clientFromString` returns. @throws std::invalid_argument if `endpoint` is null, too
template <class E, class P>
  requires std::is_base_of_v<ClientEndpoint, E>
Deferred<std::shared_ptr<P>> connectProtocol(const std::shared_ptr<E>& endpoint, std::shared_ptr<P> protocol) {
  if (!endpoint) throw std::invalid_argument("connectProtocol needs an endpoint, and got a null pointer");
  return connectProtocol(static_cast<ClientEndpoint&>(*endpoint), std::move(protocol));
}

}  // namespace bight
