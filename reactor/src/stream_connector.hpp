/// @file
/// Internal: a client's way to a server, whatever the kind of its socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>
#include <vector>

#include <bight/failure.hpp>
#include <bight/poller.hpp>
#include <bight/tcp.hpp>
#include <bight/time.hpp>

#include "reactor_base.hpp"
#include "socket.hpp"
#include "stream_connection.hpp"

namespace bight::detail {

/// Finds addresses, tries one after the other, hands the socket that works to a connection. While it is connecting or connected, it keeps
/// itself alive. What kind of addresses they are, a derived class knows: tcp_connector.cpp, unix_connector.cpp.
class StreamConnector : public Connector, private Owned {
 public:
  StreamConnector(ReactorBase& reactor, std::shared_ptr<ClientFactory> factory, Duration timeout);
  ~StreamConnector() override;

  State state() const noexcept override { return state_; }
  void connect() override;
  void stopConnecting() override;
  void disconnect() override;

 protected:
  /// Starts to look for addresses: calls `found` or `fail` when done, at once or later. Later, it must ask first whether that is still
  /// wanted: `isAttempt(number)`, with the `attempt()` of when it began.
  virtual void lookUp() = 0;
  /// Before a socket connects: its options, its own address. @return why it cannot be used
  virtual std::optional<Failure> prepare([[maybe_unused]] int fd, [[maybe_unused]] int family) { return std::nullopt; }
  /// Why `connect` failed, in the words of this kind of socket.
  virtual Failure refusal(int error, const SocketAddress& address) const;

  /// The attempt is over: what was looked for is not wanted any more.
  virtual void cancelLookUp() noexcept {}

  void found(std::vector<SocketAddress> addresses);
  void fail(const Failure& reason) noexcept;
  std::uint64_t attempt() const noexcept { return attempt_; }
  bool isAttempt(std::uint64_t number) const noexcept { return attempt_ == number && state_ == State::connecting; }
  ReactorBase& reactor() const noexcept { return reactor_; }
  std::string where() const { return getDestination().toString(); }

 private:
  class Origin;

  void ready(unsigned events) noexcept override;
  std::string describe() const override {
    const ClientFactory& factory = *factory_;
    return typeName(typeid(factory)) + ", connecting to " + where();
  }
  void disconnect(const Failure& reason) noexcept override;

  std::shared_ptr<StreamConnector> shared() { return std::static_pointer_cast<StreamConnector>(shared_from_this()); }
  void tryNext();
  std::optional<Failure> begin(const SocketAddress& address);
  void established(Descriptor socket, const SocketAddress& peer);
  void lost(const Failure& reason) noexcept;
  void ceaseUnlessConnecting() noexcept;
  void dropSocket() noexcept;

  ReactorBase& reactor_;
  const std::shared_ptr<ClientFactory> factory_;
  const Duration timeout_;
  State state_ = State::disconnected;
  bool factoryStarted_ = false;
  bool reactorEnded_ = false;
  std::uint64_t attempt_ = 0;  // tells answers to this attempt from those to earlier ones
  std::vector<SocketAddress> addresses_;
  std::size_t next_ = 0;
  std::optional<Failure> lastError_;
  Descriptor socket_;
  PollHandle* handle_ = nullptr;
  DelayedCall timeoutCall_;
  DelayedCall againCall_;
  Ref<StreamConnection> connection_;
  std::shared_ptr<StreamConnector> self_;
};

}  // namespace bight::detail
