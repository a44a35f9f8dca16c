/// @file
/// Datagrams: `DatagramProtocol`, which you write, and `DatagramTransport`, the port it sends from. Over UDP (udp.hpp)
/// and UNIX sockets (unix.hpp).
///
/// ```cpp
/// class Echo : public bight::DatagramProtocol {
///   void datagramReceived(std::string_view data, const bight::Address& from) override {
///     transport().write(data, from);
///   }
/// };
/// auto port = reactor->listenUDP(7007, std::make_shared<Echo>());
/// ```
///
/// Datagrams get lost, and come twice or out of order: whoever needs more asks again after a while (`callLater`), or
/// uses TCP.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <bight/address.hpp>
#include <bight/cancel_scope.hpp>
#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/tcp.hpp>

namespace bight {

class Failure;

/// A datagram is longer than the network below takes. (Twisted: error.MessageLengthError)
class BIGHT_API MessageLengthError : public std::length_error {
 public:
  explicit MessageLengthError(std::size_t length);
  ~MessageLengthError() override;
};

/// Where an address was needed there is something else: a name, an address of another family. (Twisted:
/// error.InvalidAddressError)
class BIGHT_API InvalidAddressError : public std::invalid_argument {
 public:
  InvalidAddressError(const std::string& address, const std::string& why);
  ~InvalidAddressError() override;
};

/// A group could not be joined or left. (Twisted: error.MulticastJoinError)
class BIGHT_API MulticastJoinError : public std::runtime_error {
 public:
  MulticastJoinError(const std::string& what, int osError);
  ~MulticastJoinError() override;
  int osError() const noexcept { return osError_; }

 private:
  int osError_ = 0;
};

/// A port of datagrams: what a `DatagramProtocol` writes to, and what `listenUDP()` and its kin return. (Twisted:
/// IUDPTransport, IMulticastTransport)
///
/// **Sending is immediate.** A datagram is handed to the system inside `write()`, or it is not sent: nothing is kept
/// for later.
///
/// **Lifetime.** Dropping the handle does not close the port: the reactor keeps it, and with it the protocol, until it
/// has stopped. The protocol's `transport()` is valid until the protocol dies; on a port that has stopped, writes are
/// ignored.
///
/// **Re-entrancy.** Everything may be called from inside any callback. Nothing calls the protocol before it returns,
/// but `startListening()`, which calls `startProtocol()`.
class BIGHT_API DatagramTransport : public Port {
 public:
  /// @name Sending
  /// @{

  /// Sends one datagram; it may be empty.
  /// @param to  an address, not a name: looking up takes time. What it says about TCP or UDP does not matter. On a
  /// connected port: its peer.
  /// @returns what the system answered: nothing if it took the datagram (which does not mean that it arrives).
  /// Otherwise the datagram is lost, as it may be later on its way, so most programs need not look.
  /// `operation_would_block`: more was sent than the network takes now; `network_unreachable` and others speak for
  /// themselves; `not_connected`: the port has stopped.
  /// @throws MessageLengthError if it is longer than the network allows (65507 bytes for UDP over IPv4);
  /// InvalidAddressError if `to` is of another family than the port; std::logic_error if the port is connected to
  /// somebody else
  virtual std::error_code write(std::string_view data, const Address& to) = 0;
  /// The same, to an IPv4 or IPv6 literal. @throws InvalidAddressError also if `host` is a name
  std::error_code write(std::string_view data, std::string_view host, int port);
  /// To the peer that the port is connected to. @throws as above; std::logic_error if it is not connected
  virtual std::error_code write(std::string_view data) = 0;

  /// From now on everything goes to `peer`, and only what comes from there is received. And only a connected port hears
  /// that nobody listens there: `connectionRefused()`.
  /// @throws InvalidAddressError; std::logic_error if it is connected already; std::system_error if the system refuses
  virtual void connect(const Address& peer) = 0;
  /// The same, to an IPv4 or IPv6 literal.
  void connect(std::string_view host, int port);
  /// Whom the port is connected to.
  virtual std::optional<Address> getPeer() const = 0;

  /// @}
  /// @name UDP only: std::logic_error on ports of UNIX sockets, and on ports that do not listen
  /// @{

  /// Whether datagrams may go to broadcast addresses (IPv4). At first they may not.
  virtual void setBroadcastAllowed(bool allowed);
  virtual bool getBroadcastAllowed() const;

  /// Also receives what is sent to the multicast group `group`, a literal of the port's family. Several ports may be in
  /// the same group; for several on the same number there is `UDPOptions::listenMultiple`.
  /// @param interface  where: an interface's name ("eth0") or, for IPv4, one of its addresses; "" lets the system
  /// choose
  /// @returns fires when joined (at once); fails with MulticastJoinError
  /// @throws InvalidAddressError if `group` is not a multicast address of the port's family, or there is no such
  /// interface
  virtual Deferred<void> joinGroup(std::string_view group, std::string_view interface = {});
  /// The opposite. As `joinGroup`.
  virtual Deferred<void> leaveGroup(std::string_view group, std::string_view interface = {});

  /// How many routers a multicast datagram may pass: 0 stays in this machine, 1 (the default) in this network.
  /// @throws std::invalid_argument unless 0 to 255
  virtual void setTTL(int hops);
  virtual int getTTL() const;
  /// Whether this machine, this port included, gets its own multicast datagrams. At first it does.
  virtual void setLoopbackMode(bool enabled);
  virtual bool getLoopbackMode() const;
  /// The interface that multicast datagrams leave by: as for `joinGroup`; "" lets the system choose. @throws
  /// InvalidAddressError
  virtual void setOutgoingInterface(std::string_view interface);
  /// What was set: an interface's name, or "".
  virtual std::string getOutgoingInterface() const;

  /// @}

 protected:
  DatagramTransport() = default;
};

/// One user of datagrams. It serves one port. (Twisted: DatagramProtocol, ConnectedDatagramProtocol)
///
/// **Order of calls.** `startProtocol()`, then any number of the others, then `stopProtocol()` exactly once, also when
/// the reactor is destroyed. None of them runs inside another one of the same protocol. A port that listens again
/// begins again.
///
/// **Exceptions.** What they throw is logged, and the port goes on; but what `startProtocol()` throws leaves
/// `listenUDP()`.
class BIGHT_API DatagramProtocol : public std::enable_shared_from_this<DatagramProtocol> {
 public:
  DatagramProtocol(const DatagramProtocol&) = delete;
  DatagramProtocol& operator=(const DatagramProtocol&) = delete;
  virtual ~DatagramProtocol();

  /// The port is open. Called inside `listenUDP()`.
  virtual void startProtocol() {}
  /// The port is closed. Nothing more will be called.
  virtual void stopProtocol() {}
  /// A datagram has come. `data` is only valid until the call returns. It is cut if it was longer than `maxPacketSize`.
  virtual void datagramReceived([[maybe_unused]] std::string_view data, [[maybe_unused]] const Address& from) {}
  /// On a connected port: the peer's machine says that nobody listens there. The port goes on, and so may you.
  virtual void connectionRefused() {}
  /// `connectUNIXDatagram()` found nobody: `startProtocol()` was not called and will not be.
  virtual void connectionFailed([[maybe_unused]] const Failure& reason) {}

  /// The port. @throws std::logic_error before `startProtocol()`
  DatagramTransport& transport() const {
    if (!transport_) noTransport();
    return *transport_;
  }

  /// Called by ports and tests: the first gives the protocol its port and calls `startProtocol()`, the second calls
  /// `stopProtocol()` and cancels what was `track()`ed.
  /// @throws std::logic_error if the protocol serves a port already
  void makeConnection(std::shared_ptr<DatagramTransport> transport);
  void breakConnection();

 protected:
  DatagramProtocol() = default;

  /// Ties a Deferred to this port: it is cancelled right after `stopProtocol()`, so a stage of it may capture `this`.
  template <class T>
  Deferred<T> track(Deferred<T> deferred) {
    auto tracked = scope_.track(std::move(deferred));
    if (transport_ && !serving_) scope_.cancel();
    return tracked;
  }

 private:
  [[noreturn]] static void noTransport();

  std::shared_ptr<DatagramTransport> transport_;
  CancelScope scope_;
  bool serving_ = false;
};

}  // namespace bight
