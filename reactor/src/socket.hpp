/// @file
/// Sockets of the system: making them, and asking them. All of them non-blocking and closed on exec.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <string_view>

#include <bight/address.hpp>
#include <bight/file_descriptor.hpp>

#include "system_calls.hpp"

struct iovec;

namespace bight::detail {

using Descriptor = FileDescriptor;

/// An address as the system takes it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  SocketAddress() = default;
  /// From an IPv4, IPv6 or UNIX address; the length is 0 of anything else, and of a UNIX name that is too long.
  explicit SocketAddress(const Address& address);
  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const noexcept { return storage.ss_family; }
  Address address(AddressType type = AddressType::tcp) const { return Address::fromSockaddr(get(), length, type); }
};

/// A new socket; `type` is SOCK_STREAM or SOCK_DGRAM. Empty on failure, with errno set; so it is with the other one.
Descriptor openSocket(int family, int type) noexcept;
/// One connection that waits on a listening socket.
Descriptor acceptSocket(int listening, SocketAddress& peer) noexcept;

/// The two ends of a socket; 0.0.0.0:0 if the system does not know.
Address localAddress(int fd, AddressType type = AddressType::tcp);
SocketAddress localSocketAddress(int fd) noexcept;
SocketAddress remoteSocketAddress(int fd) noexcept;

/// Switches an option on or off; says whether the system agreed (errno).
bool setOption(int fd, int level, int name, bool enabled) noexcept;
bool getOption(int fd, int level, int name) noexcept;
/// The error that a socket holds (SO_ERROR), 0 if none.
int takeError(int fd) noexcept;
/// Makes the close of this socket a reset instead of an orderly end.
void resetOnClose(int fd) noexcept;

/// The flag that keeps the system from sending us a signal when the peer is gone.
#ifdef MSG_NOSIGNAL
inline constexpr int quietly = MSG_NOSIGNAL;
#else
inline constexpr int quietly = 0;  // there, SO_NOSIGPIPE does it for the whole socket
#endif

/// Sends pieces, without a signal if the peer is gone. As sendmsg(2).
ssize_t sendPieces(int fd, const iovec* pieces, std::size_t count) noexcept;
/// One piece. As send(2).
inline ssize_t sendPiece(int fd, std::string_view data) noexcept {
  for (;;) {
    const ssize_t sent = sys::send(fd, data.data(), data.size(), quietly);
    if (sent >= 0 || errno != EINTR) return sent;
  }
}

/// Whether an error number only says "not now".
bool isTransient(int error) noexcept;

}  // namespace bight::detail
