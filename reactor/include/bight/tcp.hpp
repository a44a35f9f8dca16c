/// @file
/// TCP: `listenTCP`, `connectTCP`, and the handles they return.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <bight/address.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>

namespace bight {

template <class T>
class Deferred;

/// How to listen.
struct ListenOptions {
  /// The local address: "" is every IPv4 address, "::" every IPv6 one; or one address of this machine, with a scope
  /// ("fe80::1%eth0") if it needs one. Not a name.
  std::string interface = {};
  /// How many connections may wait to be accepted.
  int backlog = 50;
  /// An IPv6 port takes IPv6 only. False: "::" also takes IPv4 peers, as ::ffff:a.b.c.d.
  bool ipv6Only = true;
  /// TCP_NODELAY of accepted connections.
  bool noDelay = true;
  /// Lets several ports, also of several processes, listen on the same number, and the system spreads connections among
  /// them.
  bool reusePort = false;
};

/// A listening port. Dropping the handle does not close it: the reactor keeps it until `stopListening()` or its own
/// end.
class BIGHT_API Port {
 public:
  virtual ~Port() = default;
  /// Where it listens; with port 0 asked for, the one given.
  virtual Address getHost() const = 0;
  /// Listens again after `stopListening()`, on the same number.
  /// @throws CannotListenError; std::logic_error if it listens
  virtual void startListening() = 0;
  /// Accepts no more. Open connections stay open. Fires when the port is closed and the factory told; at once if it is
  /// not listening.
  virtual Deferred<void> stopListening() = 0;

 protected:
  Port() = default;
  Port(const Port&) = default;
  Port& operator=(const Port&) = default;
};

/// Refused: there is nothing to wait for.
template <class P>
  requires std::is_base_of_v<Port, P>
auto operator co_await(const std::shared_ptr<P>& port) {
  static_assert(!std::is_base_of_v<Port, P>,
                "bight: listenTCP and its like return the port at once, there is nothing to await: leave co_await out "
                "(the listen() of an endpoint returns a Deferred)");
  struct Here {
    const std::shared_ptr<P>& port;
    bool await_ready() const { return true; }
    void await_suspend(std::coroutine_handle<>) const {}
    std::shared_ptr<P> await_resume() const { return port; }
  };
  return Here{port};
}

/// How to connect.
struct ConnectOptions {
  /// How long the whole attempt may take, looking up the name included. Zero or less: no limit of ours.
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);
  /// The local address (not a name) and port to connect from; port 0 is any.
  std::optional<std::pair<std::string, std::uint16_t>> bindAddress = std::nullopt;
  /// TCP_NODELAY of the connection.
  bool noDelay = true;
};

/// One way to somewhere: an attempt under way, a connection, or neither. (Twisted: Connector)
///
/// The reactor keeps it while it is connecting or connected. A factory that means to call `connect()` later takes its
/// `shared_from_this()`.
class BIGHT_API Connector : public std::enable_shared_from_this<Connector> {
 public:
  enum class State { disconnected, connecting, connected };

  virtual ~Connector() = default;
  virtual State state() const noexcept = 0;
  /// Tries (again). @throws std::logic_error unless disconnected
  virtual void connect() = 0;
  /// Gives up: `clientConnectionFailed(UserError)` is called before this returns. @throws NotConnectingError unless
  /// connecting
  virtual void stopConnecting() = 0;
  /// Whichever fits: `stopConnecting()`, `loseConnection()`, or nothing.
  virtual void disconnect() = 0;
  /// Where to: the literal, or the name as given.
  virtual Address getDestination() const = 0;

 protected:
  Connector() = default;
  Connector(const Connector&) = default;
  Connector& operator=(const Connector&) = default;
};

/// The part of a reactor that speaks TCP. (Twisted: IReactorTCP)
class BIGHT_API ReactorTCP {
 public:
  /// Opens a port; listens when this returns.
  /// @param port  0 to 65535; 0 lets the system choose, see `Port::getHost()`
  /// @throws CannotListenError if the system refuses, or `interface` is not an address; std::invalid_argument for a
  /// port out of range, a null factory
  std::shared_ptr<Port> listenTCP(int port, std::shared_ptr<Factory> factory, const ListenOptions& options = {});
  /// Refused: anything else.
  template <detail::NoFactory F>
  std::shared_ptr<Port> listenTCP(int, F&&, const ListenOptions& = {}) {
    static_assert(!detail::NoFactory<F>,
                  "bight: listenTCP wants a shared_ptr to a Factory, which makes a protocol for each connection: "
                  "Factory::forProtocol<P>(arguments of P)");
    return nullptr;
  }

  /// Connects to a literal address or a name, whose addresses are tried in order. Nothing but `startedConnecting()` is
  /// called before this returns: failures come later, through `clientConnectionFailed()`.
  /// @param port  1 to 65535
  /// @throws std::invalid_argument for a port out of range, an empty host, a null factory
  std::shared_ptr<Connector> connectTCP(const std::string& host, int port, std::shared_ptr<ClientFactory> factory,
                                        const ConnectOptions& options = {});
  /// Refused: anything else.
  template <detail::NoClientFactory F>
  std::shared_ptr<Connector> connectTCP(const std::string&, int, F&&, const ConnectOptions& = {}) {
    static_assert(!detail::NoClientFactory<F>,
                  "bight: connectTCP wants a shared_ptr to a ClientFactory: ClientFactory::forProtocol<P>(arguments of "
                  "P); or give a Factory to the connect() of an endpoint");
    return nullptr;
  }

 protected:
  ReactorTCP() = default;
  ReactorTCP(const ReactorTCP&) = default;
  ReactorTCP& operator=(const ReactorTCP&) = default;
  virtual ~ReactorTCP() = default;

  /// The same with checked arguments; what a reactor implements.
  virtual std::shared_ptr<Port> doListenTCP(std::uint16_t port, std::shared_ptr<Factory> factory,
                                            const ListenOptions& options) = 0;
  virtual std::shared_ptr<Connector> doConnectTCP(const std::string& host, std::uint16_t port,
                                                  std::shared_ptr<ClientFactory> factory,
                                                  const ConnectOptions& options) = 0;
};

}  // namespace bight
