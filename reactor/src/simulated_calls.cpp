// The system's calls on simulated sockets, and the table of their descriptors. The table is the process's, as the
// system's is: sockets may be opened in one thread and closed in another.
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "simulated_socket.hpp"
#include "system_calls.hpp"

namespace bight::detail {

namespace {

struct Table {
  std::mutex mutex;
  std::vector<std::shared_ptr<SimulatedSocket>> sockets;
  std::vector<std::size_t> free;
};

Table& table() {
  static Table* const it = new Table;  // outlives every static object that may hold a reactor
  return *it;
}

}  // namespace

int numberSocket(std::shared_ptr<SimulatedSocket> socket) {
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  std::size_t index = all.sockets.size();
  if (all.free.empty()) {
    all.sockets.push_back(std::move(socket));
  } else {
    index = all.free.back();
    all.free.pop_back();
    all.sockets[index] = std::move(socket);
  }
  return sys::firstSimulated + static_cast<int>(index);
}

std::shared_ptr<SimulatedSocket> findSocket(int fd) noexcept {
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  const auto index = static_cast<std::size_t>(fd - sys::firstSimulated);
  return index < all.sockets.size() ? all.sockets[index] : nullptr;
}

namespace sys::simulated {

namespace {

/// Calls `f(socket)`; what cannot be done for lack of memory is what the system says then.
template <class F>
auto on(int fd, F&& f) noexcept -> decltype(f(std::declval<SimulatedSocket&>())) {
  const auto socket = findSocket(fd);
  if (!socket) return failed(EBADF);
  try {
    return f(*socket);
  } catch (...) {
    return failed(ENOBUFS);
  }
}

}  // namespace

ssize_t recv(int fd, void* buffer, std::size_t size) noexcept {
  return on(fd, [&](SimulatedSocket& it) { return it.receive(static_cast<char*>(buffer), size, nullptr); });
}

ssize_t recvfrom(int fd, void* buffer, std::size_t size, sockaddr* from, socklen_t* length) noexcept {
  return on(fd, [&](SimulatedSocket& it) {
    SimulatedName sender;
    const ssize_t got = it.receive(static_cast<char*>(buffer), size, &sender);
    if (got >= 0 && from) sender.write(from, length);
    return got;
  });
}

ssize_t send(int fd, const void* data, std::size_t size) noexcept {
  return on(fd, [&](SimulatedSocket& it) { return it.send({static_cast<const char*>(data), size}, nullptr); });
}

ssize_t sendto(int fd, const void* data, std::size_t size, const sockaddr* to, socklen_t length) noexcept {
  return on(fd, [&](SimulatedSocket& it) {
    if (!to) return it.send({static_cast<const char*>(data), size}, nullptr);
    const SimulatedName name = SimulatedName::of(to, length);
    return it.send({static_cast<const char*>(data), size}, &name);
  });
}

ssize_t sendmsg(int fd, const msghdr* message) noexcept {
  return on(fd, [&](SimulatedSocket& it) {
    std::string joined;
    for (std::size_t i = 0; i < static_cast<std::size_t>(message->msg_iovlen); ++i)
      joined.append(static_cast<const char*>(message->msg_iov[i].iov_base), message->msg_iov[i].iov_len);
    return it.send(joined, nullptr);
  });
}

int bind(int fd, const sockaddr* address, socklen_t length) noexcept {
  return on(fd, [&](SimulatedSocket& it) { return it.bind(SimulatedName::of(address, length)); });
}

int listen(int fd, int backlog) noexcept {
  return on(fd, [&](SimulatedSocket& it) { return it.listen(backlog); });
}

int connect(int fd, const sockaddr* address, socklen_t length) noexcept {
  return on(fd, [&](SimulatedSocket& it) { return it.connect(SimulatedName::of(address, length)); });
}

int accept(int fd, sockaddr* peer, socklen_t* length) noexcept {
  return on(fd, [&](SimulatedSocket& it) {
    auto accepted = it.accept();
    if (!accepted) return -1;
    if (accepted->peer()) accepted->peer()->write(peer, length);
    return numberSocket(std::move(accepted));
  });
}

int shutdown(int fd) noexcept {
  return on(fd, [&](SimulatedSocket& it) { return it.shutdown(); });
}

int close(int fd) noexcept {
  std::shared_ptr<SimulatedSocket> socket;
  {
    Table& all = table();
    const std::lock_guard lock(all.mutex);
    const auto index = static_cast<std::size_t>(fd - firstSimulated);
    if (index >= all.sockets.size() || !all.sockets[index]) return failed(EBADF);
    socket = std::exchange(all.sockets[index], nullptr);
    all.free.push_back(index);
  }
  try {
    socket->close();
  } catch (...) {  // without memory there is nothing to tell the peer with; a closed socket is closed
  }
  return 0;
}

int getsockname(int fd, sockaddr* address, socklen_t* length) noexcept {
  return on(fd, [&](SimulatedSocket& it) {
    it.here().write(address, length);
    return 0;
  });
}

int getpeername(int fd, sockaddr* address, socklen_t* length) noexcept {
  return on(fd, [&](SimulatedSocket& it) {
    if (!it.peer()) return failed(ENOTCONN);
    it.peer()->write(address, length);
    return 0;
  });
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
  return on(fd, [&](SimulatedSocket& it) { return it.setOption(level, name, value, length); });
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  return on(fd, [&](SimulatedSocket& it) { return it.getOption(level, name, value, length); });
}

}  // namespace sys::simulated
}  // namespace bight::detail
