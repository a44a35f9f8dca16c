/// @file
/// `Protocol`: subclass it, override three functions, and you have a server or a client.
///
/// ```cpp
/// class Echo : public bight::Protocol {
///   void dataReceived(std::string_view data) override { transport().write(data); }
/// };
/// reactor->listenTCP(8000, bight::Factory::forProtocol<Echo>());
/// ```
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <bight/cancel_scope.hpp>
#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/ref.hpp>
#include <bight/transport.hpp>

namespace bight {

/// One end of one connection.
///
/// **Order of calls.** `connectionMade()`, then any number of `dataReceived()`, then `connectionLost()` exactly once,
/// also when the reactor is destroyed. None of them runs inside another one of the same protocol.
///
/// **Exceptions.** What `connectionMade()` or `dataReceived()` throws is logged and closes the connection, and is the
/// reason given to `connectionLost()`. What `connectionLost()` throws is logged.
///
/// **Lifetime.** The connection holds a `std::shared_ptr` to its protocol until `connectionLost()` has returned. A
/// callback on a Deferred that uses `this` is therefore either tracked (`track(d)`: cancelled when the connection is
/// lost), or captures `self = shared_from_this()` (runs whatever happens).
class BIGHT_API Protocol : public std::enable_shared_from_this<Protocol> {
 public:
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  virtual ~Protocol();

  /// The connection is there: greet, if the protocol says so. Data that the peer has sent already comes after this
  /// returns.
  virtual void connectionMade() {}
  /// Bytes have arrived: at least one, at most 64 KiB, cut anywhere. `data` is only valid until the call returns; copy
  /// what you keep.
  virtual void dataReceived([[maybe_unused]] std::string_view data) {}
  /// The connection is gone; nothing more will be called. Why: `reason.check<ConnectionDone>()` and its siblings,
  /// connection_errors.hpp.
  virtual void connectionLost([[maybe_unused]] const Failure& reason) {}

  /// The connection.
  /// @throws std::logic_error before `connectionMade()`
  Transport& transport() const {
    if (!transport_) noTransport();
    return *transport_;
  }

  /// Fires right after `connectionLost()` has returned, for whoever supervises the connection: a service, a pool. Once
  /// the connection is lost: at once. If the protocol dies without ever having been connected, it fires then. Any
  /// number may wait.
  Deferred<void> whenLost();

  /// Who this is, for a log; as it comes, the name of the class. Layers name the protocol above them. (Twisted:
  /// ILoggingContext.logPrefix)
  virtual std::string logPrefix() const;

  /// How many bytes this protocol was given and has not acted upon yet: those behind the line that it is just treating,
  /// for one. Whoever changes what the bytes of the connection mean (`tls::startTLS`) refuses if there are any.
  /// Protocols that keep input should override it.
  virtual std::size_t unreadInput() const noexcept { return 0; }

  /// Gives the protocol its transport and calls `connectionMade()`. Called by transports, wrappers and tests.
  void makeConnection(Transport& transport);
  /// Gives a connected protocol another transport, silently: a layer has slipped in below it. Called by that layer.
  /// @throws std::logic_error before `makeConnection()`
  void changeTransport(Transport& transport);
  /// Calls `connectionLost(reason)`, then cancels what was `track()`ed, also if `connectionLost` throws (then the
  /// exception goes on to the caller). Called by transports, wrappers and tests, once.
  void breakConnection(const Failure& reason);

 protected:
  Protocol() = default;

  /// Ties a Deferred to this connection: it is cancelled right after `connectionLost()`, and none of its stages runs
  /// after that. So a stage of a tracked Deferred may capture `this`.
  ///
  /// ```cpp
  /// track(lookUp(name)).addCallback([this](std::string answer) { transport().write(answer); });
  /// ```
  /// From `connectionLost()` on, a Deferred given to it is cancelled at once.
  template <class T>
  Deferred<T> track(Deferred<T> deferred) {
    auto tracked = scope_.track(std::move(deferred));
    if (transport_ && !transport_->connected()) scope_.cancel();
    return tracked;
  }

 private:
  [[noreturn]] static void noTransport();

  Ref<Transport> transport_;
  CancelScope scope_;
};

/// Mixed into a Protocol that wants to go on when only one half of the connection has ended. (Twisted:
/// IHalfCloseableProtocol)
///
/// Without it, the peer's end of data closes the connection. An exception from either function is logged and closes the
/// connection with it as the reason.
class BIGHT_API HalfCloseable {
 public:
  /// The peer will send no more; we may go on writing. Close with `loseConnection()` when done.
  virtual void readConnectionLost() = 0;
  /// Our half is closed, after `loseWriteConnection()`.
  virtual void writeConnectionLost() = 0;

 protected:
  HalfCloseable() = default;
  HalfCloseable(const HalfCloseable&) = default;
  HalfCloseable& operator=(const HalfCloseable&) = default;
  ~HalfCloseable() = default;
};

}  // namespace bight
