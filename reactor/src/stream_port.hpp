/// @file
/// Internal: a port that accepts connections, whatever the kind of its socket.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <bight/poller.hpp>
#include <bight/tcp.hpp>
#include <bight/time.hpp>

#include "connection_origin.hpp"
#include "reactor_base.hpp"
#include "socket.hpp"

namespace bight::detail {

/// Accepts connections and starts their protocols. While it listens, it keeps itself alive. What kind of socket it is, a derived class
/// knows: tcp_port.hpp, unix_port.cpp, adopt.cpp.
class StreamPort : public Port, public std::enable_shared_from_this<StreamPort>, private Owned {
 public:
  StreamPort(ReactorBase& reactor, std::shared_ptr<Factory> factory);
  ~StreamPort() override;

  Address getHost() const override { return host_; }
  void startListening() override;
  Deferred<void> stopListening() override;

 protected:
  /// A socket that listens. @throws CannotListenError
  virtual Descriptor open() = 0;
  /// It is watched now, at this address.
  virtual void opened([[maybe_unused]] const Address& host) {}
  /// It is closed, or could not be watched after all.
  virtual void closed() noexcept {}
  /// Throws CannotListenError that names this port. `error` is the system's number, or 0.
  [[noreturn]] virtual void cannotListen(int error, const std::string& cause) const = 0;
  ReactorBase& reactor() const noexcept { return reactor_; }

 private:
  void ready(unsigned events) noexcept override;
  std::string describe() const override;
  void disconnect(const Failure& reason) noexcept override;

  void close() noexcept;
  bool take(Descriptor socket, const SocketAddress& peer) noexcept;
  bool refused(int error) noexcept;
  void shed() noexcept;
  void rest() noexcept;
  void reserve() noexcept;

  ReactorBase& reactor_;
  const std::weak_ptr<const void> reactorLife_;
  const Ref<ConnectionOrigin> origin_;
  Address host_;
  Descriptor socket_;
  Descriptor reserve_;  // given up for a moment when descriptors run out
  PollHandle* handle_ = nullptr;
  std::size_t numberAccepts_ = 100;  // how many to accept in one turn at most (B60)
  bool complained_ = false;          // this burst of trouble has been logged
  DelayedCall restCall_;
  std::shared_ptr<StreamPort> self_;
};

}  // namespace bight::detail
