/// @file
/// Internal: the sockets of a simulated network, as the system's would be.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "simulated_world.hpp"

namespace bight::detail {

/// What a system call does that fails: for `return failed(EBADF);`.
inline int failed(int error) noexcept {
  errno = error;
  return -1;
}

/// What both kinds have. All functions are the system calls of their names; they return -1 and set errno.
class SimulatedSocket : public std::enable_shared_from_this<SimulatedSocket> {
 public:
  SimulatedSocket(std::shared_ptr<SimulatedWorld> world, std::shared_ptr<SimulatedHost> host, int family, int type);
  virtual ~SimulatedSocket();
  SimulatedSocket(const SimulatedSocket&) = delete;
  SimulatedSocket& operator=(const SimulatedSocket&) = delete;

  int bind(const SimulatedName& name);
  virtual int connect(const SimulatedName& peer) = 0;
  virtual int listen(int backlog);
  virtual std::shared_ptr<SimulatedSocket> accept();
  virtual ssize_t receive(char* buffer, std::size_t size, SimulatedName* from) = 0;
  virtual ssize_t send(std::string_view data, const SimulatedName* to) = 0;
  virtual int shutdown();
  virtual void close() = 0;
  int setOption(int level, int name, const void* value, socklen_t length);
  int getOption(int level, int name, void* value, socklen_t* length);
  const SimulatedName& here() const noexcept { return here_; }
  virtual const SimulatedName* peer() const = 0;

  /// Bits of PollEvents: what is so now.
  virtual unsigned events() const noexcept = 0;
  /// These may have changed.
  void changed() noexcept;

  int type() const noexcept { return type_; }
  std::uint64_t number() const noexcept { return number_; }
  SimulatedRegistration* registration = nullptr;

  // For the world
  virtual void tryParked() {}
  virtual bool resetBetween(const SimulatedIp&, const SimulatedIp&) { return false; }

 protected:
  int flag(int level, int name) const noexcept;
  /// Gives an unbound socket the address from which it reaches `to`. @return 0 or an error number
  int bindFor(const SimulatedName& to);
  /// Whether what is sent to `to`, on this machine, is for this socket.
  bool takes(const SimulatedName& to) const noexcept;
  virtual bool listens() const noexcept { return false; }
  SimulatedWorld& world() const noexcept { return *world_; }
  int takeError() noexcept { return std::exchange(error_, 0); }

  const std::shared_ptr<SimulatedWorld> world_;
  const std::shared_ptr<SimulatedHost> host_;
  const int family_;
  const int type_;
  const std::uint64_t number_;
  SimulatedName here_;
  bool bound_ = false;
  bool closed_ = false;
  bool resetOnClose_ = false;
  int error_ = 0;
  std::map<std::pair<int, int>, int> options_;
  std::set<SimulatedIp> groups_;

  friend class SimulatedStream;
  friend class SimulatedDatagrams;
};

/// A listening socket, or one end of a connection.
class SimulatedStream final : public SimulatedSocket {
 public:
  using SimulatedSocket::SimulatedSocket;

  int connect(const SimulatedName& peer) override;
  int listen(int backlog) override;
  std::shared_ptr<SimulatedSocket> accept() override;
  ssize_t receive(char* buffer, std::size_t size, SimulatedName* from) override;
  ssize_t send(std::string_view data, const SimulatedName* to) override;
  int shutdown() override;
  void close() override;
  const SimulatedName* peer() const override { return state_ == State::connected ? &there_ : nullptr; }
  unsigned events() const noexcept override;
  void tryParked() override;
  bool resetBetween(const SimulatedIp& one, const SimulatedIp& other) override;

 private:
  enum class State { fresh, listening, connecting, connected };
  /// What goes from one end to the other, in order.
  struct Packet {
    enum class Kind { accepted, data, taken, end, reset } kind;
    std::string data = {};
    std::size_t count = 0;
  };

  bool listens() const noexcept override { return state_ == State::listening; }
  std::shared_ptr<SimulatedStream> self() { return std::static_pointer_cast<SimulatedStream>(shared_from_this()); }
  std::shared_ptr<SimulatedStream> findListener() const;
  void knock(Duration began, Duration patience);
  std::shared_ptr<SimulatedStream> meet(SimulatedStream& listener);
  void refuse(int error, Duration delay);
  void transmit(Packet packet);
  void arrive(Packet packet);
  void take(Packet packet);
  void hearReset();
  void fail(int error) noexcept;

  State state_ = State::fresh;
  SimulatedName there_;
  std::weak_ptr<SimulatedStream> other_;
  std::deque<std::shared_ptr<SimulatedStream>> waiting_;  // to be accepted
  std::size_t backlog_ = 0;
  std::deque<std::string> inbox_;
  std::size_t unread_ = 0;       // of the first piece, what has been read of it
  std::size_t outstanding_ = 0;  // sent, and not read by the peer
  Duration lastArrival_{0};
  std::deque<Packet> parked_;  // they cannot pass now
  std::uint64_t parking_ = 0;  // how often something was parked
  bool broken_ = false;        // nothing can be sent or received any more
  bool ended_ = false;         // our half is closed
  bool peerEnded_ = false;
};

class SimulatedDatagrams final : public SimulatedSocket {
 public:
  using SimulatedSocket::SimulatedSocket;

  int connect(const SimulatedName& peer) override;
  ssize_t receive(char* buffer, std::size_t size, SimulatedName* from) override;
  ssize_t send(std::string_view data, const SimulatedName* to) override;
  void close() override;
  const SimulatedName* peer() const override { return connected_ ? &there_ : nullptr; }
  unsigned events() const noexcept override;

 private:
  void deliver(const std::string& data, const SimulatedName& from, const SimulatedName& to,
               const std::shared_ptr<SimulatedDatagrams>& sender);

  SimulatedName there_;
  bool connected_ = false;
  std::deque<std::pair<SimulatedName, std::string>> inbox_;
  std::size_t inboxBytes_ = 0;
};

/// The socket of a number; null if there is none.
std::shared_ptr<SimulatedSocket> findSocket(int fd) noexcept;
/// Gives a socket a number. @return -1, with errno set, if there are too many
int numberSocket(std::shared_ptr<SimulatedSocket> socket);

}  // namespace bight::detail
