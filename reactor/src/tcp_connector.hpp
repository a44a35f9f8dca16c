/// @file
/// Internal: a client's way to a TCP server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/failure.hpp>
#include <bight/poller.hpp>
#include <bight/tcp.hpp>
#include <bight/time.hpp>

#include "reactor_base.hpp"
#include "socket.hpp"
#include "stream_connection.hpp"

namespace bight::detail {

/// Looks up, tries one address after the other, hands the socket that works to a connection. While it is connecting or
/// connected, it keeps itself alive.
class TcpConnector final : public Connector, private PollTarget, private Owned {
 public:
  TcpConnector(ReactorBase& reactor, std::string host, std::uint16_t port, std::shared_ptr<ClientFactory> factory,
               const ConnectOptions& options);
  ~TcpConnector() override;

  State state() const noexcept override { return state_; }
  void connect() override;
  void stopConnecting() override;
  void disconnect() override;
  Address getDestination() const override;

 private:
  class Origin;

  void ready(unsigned events) noexcept override;
  void disconnect(const Failure& reason) noexcept override;

  void lookUp();
  void tryNext();
  std::optional<Failure> attempt(const SocketAddress& address);
  void established(Descriptor socket, const SocketAddress& peer);
  void fail(const Failure& reason) noexcept;
  void lost(const Failure& reason) noexcept;
  void ceaseUnlessConnecting() noexcept;
  std::shared_ptr<TcpConnector> shared() { return std::static_pointer_cast<TcpConnector>(shared_from_this()); }
  void dropSocket() noexcept;
  std::string where() const;

  ReactorBase& reactor_;
  const std::string host_;
  const std::uint16_t port_;
  const std::shared_ptr<ClientFactory> factory_;
  const ConnectOptions options_;
  State state_ = State::disconnected;
  bool factoryStarted_ = false;
  bool reactorEnded_ = false;
  std::uint64_t attempt_ = 0;  // tells answers to this attempt from those to earlier ones
  std::vector<SocketAddress> addresses_;
  std::size_t next_ = 0;
  std::optional<Deferred<std::vector<Address>>> lookup_;  // under way, to be cancelled
  std::optional<Failure> lastError_;
  Descriptor socket_;
  PollHandle* handle_ = nullptr;
  DelayedCall timeoutCall_;
  Ref<StreamConnection> connection_;
  std::shared_ptr<TcpConnector> self_;
};

}  // namespace bight::detail
