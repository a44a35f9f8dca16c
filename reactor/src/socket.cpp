#include "socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace bight::detail {

namespace {

#if !defined(SOCK_NONBLOCK) || !defined(SOCK_CLOEXEC)
/// For systems where a socket cannot be born so.
void makeOurs(int fd) noexcept {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
  setOption(fd, SOL_SOCKET, SO_NOSIGPIPE, true);
#endif
}
#endif

}  // namespace

SocketAddress::SocketAddress(const Address& address) {
  if (const auto* v4 = address.get<IPv4Address>()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(v4->port());
    std::memcpy(&in.sin_addr, v4->bytes().data(), sizeof in.sin_addr);
    std::memcpy(&storage, &in, sizeof in);
    length = sizeof in;
  } else if (const auto* v6 = address.get<IPv6Address>()) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(v6->port());
    in.sin6_flowinfo = htonl(v6->flowInfo());
    in.sin6_scope_id = v6->scopeId();
    std::memcpy(&in.sin6_addr, v6->bytes().data(), sizeof in.sin6_addr);
    std::memcpy(&storage, &in, sizeof in);
    length = sizeof in;
  } else if (const auto* local = address.get<UNIXAddress>()) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    // A path ends with a zero byte; an abstract name, which begins with one, ends with the structure.
    const bool abstract = !local->name.empty() && local->name[0] == '\0';
    const std::size_t size = local->name.size() + (abstract || local->name.empty() ? 0 : 1);
    if (size > sizeof un.sun_path) return;
    std::memcpy(un.sun_path, local->name.data(), local->name.size());
    std::memcpy(&storage, &un, sizeof un);
    length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  }
}

Descriptor openSocket(int family, int type) noexcept {
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
  return Descriptor(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
#else
  Descriptor fd(::socket(family, type, 0));
  if (fd) makeOurs(fd.get());
  return fd;
#endif
}

Descriptor acceptSocket(int listening, SocketAddress& peer) noexcept {
  peer.length = sizeof peer.storage;
  if (sys::isSimulated(listening)) return Descriptor(sys::simulated::accept(listening, peer.get(), &peer.length));
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
  return Descriptor(::accept4(listening, peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
#else
  Descriptor fd(::accept(listening, peer.get(), &peer.length));
  if (fd) makeOurs(fd.get());
  return fd;
#endif
}

SocketAddress localSocketAddress(int fd) noexcept {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (sys::getsockname(fd, address.get(), &address.length) != 0) address.length = 0;
  return address;
}

SocketAddress remoteSocketAddress(int fd) noexcept {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (sys::getpeername(fd, address.get(), &address.length) != 0) address.length = 0;
  return address;
}

Address localAddress(int fd, AddressType type) {
  const auto address = localSocketAddress(fd);
  return address.length == 0 ? Address() : address.address(type);
}

bool setOption(int fd, int level, int name, bool enabled) noexcept {
  const int value = enabled ? 1 : 0;
  return sys::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool getOption(int fd, int level, int name) noexcept {
  int value = 0;
  socklen_t length = sizeof value;
  return sys::getsockopt(fd, level, name, &value, &length) == 0 && value != 0;
}

int takeError(int fd) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  if (sys::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

void resetOnClose(int fd) noexcept {
  const linger now{1, 0};
  sys::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

ssize_t sendPieces(int fd, const iovec* pieces, std::size_t count) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);  // the system only reads it
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  ssize_t sent;
  do sent = sys::sendmsg(fd, &message, quietly);
  while (sent < 0 && errno == EINTR);
  return sent;
}

bool isTransient(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOBUFS;
}

}  // namespace bight::detail
