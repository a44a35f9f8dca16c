/// @file
/// Internal: a listening TCP port.
#pragma once

#include <cstddef>
#include <memory>

#include <bight/poller.hpp>
#include <bight/tcp.hpp>
#include <bight/time.hpp>

#include "connection_origin.hpp"
#include "reactor_base.hpp"
#include "socket.hpp"

namespace bight::detail {

/// Accepts connections and starts their protocols. While it listens, it keeps itself alive.
class TcpPort final : public Port, public std::enable_shared_from_this<TcpPort>, private PollTarget, private Owned {
 public:
  TcpPort(ReactorBase& reactor, std::uint16_t port, std::shared_ptr<Factory> factory, const ListenOptions& options);
  ~TcpPort() override;

  Address getHost() const override { return host_; }
  void startListening() override;
  Deferred<void> stopListening() override;

 private:
  void ready(unsigned events) noexcept override;
  void disconnect(const Failure& reason) noexcept override;

  Descriptor open();
  void close() noexcept;
  bool take(Descriptor socket, const SocketAddress& peer) noexcept;
  bool refused(int error) noexcept;
  void shed() noexcept;
  void rest() noexcept;
  void reserve() noexcept;

  ReactorBase& reactor_;
  const Ref<ConnectionOrigin> origin_;
  const ListenOptions options_;
  std::uint16_t portNumber_;
  Address host_;
  Descriptor socket_;
  Descriptor reserve_;  // given up for a moment when descriptors run out
  PollHandle* handle_ = nullptr;
  std::size_t numberAccepts_ = 100;  // how many to accept in one turn at most (B14)
  bool complained_ = false;          // this burst of trouble has been logged
  DelayedCall restCall_;
  std::shared_ptr<TcpPort> self_;
};

}  // namespace bight::detail
