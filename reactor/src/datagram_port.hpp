/// @file
/// Internal: a port of datagrams, whatever the kind of its socket.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <bight/datagram.hpp>
#include <bight/poller.hpp>
#include <bight/time.hpp>

#include "reactor_base.hpp"
#include "socket.hpp"

namespace bight::detail {

/// Receives and sends. While it listens, the reactor keeps it, and it keeps its protocol; afterwards the protocol keeps it. What kind of
/// socket it is, a derived class knows: udp_port.cpp, unix_port.cpp.
class DatagramPort : public DatagramTransport, public std::enable_shared_from_this<DatagramPort>, private Owned {
 public:
  DatagramPort(ReactorBase& reactor, std::shared_ptr<DatagramProtocol> protocol, std::size_t maxPacketSize);
  ~DatagramPort() override;

  Address getHost() const override { return host_; }
  void startListening() override;
  Deferred<void> stopListening() override;
  using DatagramTransport::write;
  std::error_code write(std::string_view data, const Address& to) override;
  std::error_code write(std::string_view data) override;
  using DatagramTransport::connect;
  void connect(const Address& peer) override;
  std::optional<Address> getPeer() const override { return peer_; }

  /// The peer of a socket that was born connected.
  void setPeer(const Address& peer) { peer_ = peer; }

 protected:
  /// A bound socket. @throws CannotListenError
  virtual Descriptor open() = 0;
  /// It is watched now, at this address.
  virtual void opened([[maybe_unused]] const Address& host) {}
  /// The socket is closed, or could not be watched after all.
  virtual void closed() noexcept {}
  /// Throws CannotListenError that names this port.
  [[noreturn]] virtual void cannotListen(int error, const std::string& cause) const = 0;
  /// An address that this port can send to. @throws InvalidAddressError
  virtual SocketAddress encode(const Address& to) const = 0;
  /// The system has refused to send for lack of permission; throws if that is misuse.
  virtual void forbidden([[maybe_unused]] const SocketAddress* to) const {}

  /// Ends in `connectionFailed()`, in the next turn.
  void failSoon(const Failure& reason);
  /// @throws std::logic_error unless listening
  int openSocketOrThrow(const char* what) const;
  ReactorBase& reactor() const noexcept { return reactor_; }

 private:
  /// Closing: the socket is closed, and the protocol will be told.
  enum class State { closed, open, closing };

  void ready(unsigned events) noexcept override;
  std::string describe() const override;
  void disconnect(const Failure& reason) noexcept override;

  std::error_code send(std::string_view data, const SocketAddress* to);
  void deliver(std::string_view data, const sockaddr* from, std::size_t size) noexcept;
  bool refused(int error) noexcept;
  void refusedSoon();
  void rest() noexcept;
  void closeSocket() noexcept;
  void finish() noexcept;

  ReactorBase& reactor_;
  std::shared_ptr<DatagramProtocol> protocol_;        // while it listens
  const std::weak_ptr<DatagramProtocol> remembered_;  // to listen again
  const std::size_t maxPacketSize_;
  State state_ = State::closed;
  bool refusalTold_ = false;  // connectionRefused() is under way already
  bool complained_ = false;
  bool reactorEnded_ = false;
  Address host_;
  std::optional<Address> peer_;
  std::optional<Failure> failure_;  // for connectionFailed()
  Descriptor socket_;
  PollHandle* handle_ = nullptr;
  DelayedCall restCall_;
  std::vector<Promise<void>> stopped_;
  std::shared_ptr<DatagramPort> self_;
};

}  // namespace bight::detail
