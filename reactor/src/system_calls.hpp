/// @file
/// Internal: the calls of the system that sockets need, under their own names and with their own meaning, for both kinds
/// of sockets: those of the system, and those of a simulated network (simulated_world.hpp). Everything above these calls
/// is the same for both, so that what runs in a simulation is what runs in production.
///
/// Which kind a descriptor is, its number says: no system gives out numbers so high. That costs a comparison.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

struct iovec;

namespace bight::detail::sys {

/// Descriptors from here on are sockets of a simulated network.
inline constexpr int firstSimulated = 1 << 30;
inline bool isSimulated(int fd) noexcept {
  return fd >= firstSimulated;
}

/// @name The same on a simulated socket: in simulated_calls.cpp
/// @{
namespace simulated {
ssize_t recv(int fd, void* buffer, std::size_t size) noexcept;
ssize_t recvfrom(int fd, void* buffer, std::size_t size, sockaddr* from, socklen_t* length) noexcept;
ssize_t send(int fd, const void* data, std::size_t size) noexcept;
ssize_t sendto(int fd, const void* data, std::size_t size, const sockaddr* to, socklen_t length) noexcept;
ssize_t sendmsg(int fd, const msghdr* message) noexcept;
int bind(int fd, const sockaddr* address, socklen_t length) noexcept;
int listen(int fd, int backlog) noexcept;
int connect(int fd, const sockaddr* address, socklen_t length) noexcept;
int accept(int fd, sockaddr* peer, socklen_t* length) noexcept;
int shutdown(int fd) noexcept;
int close(int fd) noexcept;
int getsockname(int fd, sockaddr* address, socklen_t* length) noexcept;
int getpeername(int fd, sockaddr* address, socklen_t* length) noexcept;
int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept;
int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept;
}  // namespace simulated
/// @}

inline ssize_t recv(int fd, void* buffer, std::size_t size, int flags) noexcept {
  if (isSimulated(fd)) [[unlikely]]
    return simulated::recv(fd, buffer, size);
  return ::recv(fd, buffer, size, flags);
}
inline ssize_t recvfrom(int fd, void* buffer, std::size_t size, int flags, sockaddr* from, socklen_t* length) noexcept {
  if (isSimulated(fd)) [[unlikely]]
    return simulated::recvfrom(fd, buffer, size, from, length);
  return ::recvfrom(fd, buffer, size, flags, from, length);
}
inline ssize_t send(int fd, const void* data, std::size_t size, int flags) noexcept {
  if (isSimulated(fd)) [[unlikely]]
    return simulated::send(fd, data, size);
  return ::send(fd, data, size, flags);
}
inline ssize_t sendto(int fd, const void* data, std::size_t size, int flags, const sockaddr* to,
                      socklen_t length) noexcept {
  if (isSimulated(fd)) [[unlikely]]
    return simulated::sendto(fd, data, size, to, length);
  return ::sendto(fd, data, size, flags, to, length);
}
inline ssize_t sendmsg(int fd, const msghdr* message, int flags) noexcept {
  if (isSimulated(fd)) [[unlikely]]
    return simulated::sendmsg(fd, message);
  return ::sendmsg(fd, message, flags);
}
inline int bind(int fd, const sockaddr* address, socklen_t length) noexcept {
  return isSimulated(fd) ? simulated::bind(fd, address, length) : ::bind(fd, address, length);
}
inline int listen(int fd, int backlog) noexcept {
  return isSimulated(fd) ? simulated::listen(fd, backlog) : ::listen(fd, backlog);
}
inline int connect(int fd, const sockaddr* address, socklen_t length) noexcept {
  return isSimulated(fd) ? simulated::connect(fd, address, length) : ::connect(fd, address, length);
}
/// Ends our half; nobody here ends anything else.
inline int shutdown(int fd, int how) noexcept {
  return isSimulated(fd) ? simulated::shutdown(fd) : ::shutdown(fd, how);
}
inline int close(int fd) noexcept {
  return isSimulated(fd) ? simulated::close(fd) : ::close(fd);
}
inline int getsockname(int fd, sockaddr* address, socklen_t* length) noexcept {
  return isSimulated(fd) ? simulated::getsockname(fd, address, length) : ::getsockname(fd, address, length);
}
inline int getpeername(int fd, sockaddr* address, socklen_t* length) noexcept {
  return isSimulated(fd) ? simulated::getpeername(fd, address, length) : ::getpeername(fd, address, length);
}
inline int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
  return isSimulated(fd) ? simulated::setsockopt(fd, level, name, value, length)
                         : ::setsockopt(fd, level, name, value, length);
}
inline int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  return isSimulated(fd) ? simulated::getsockopt(fd, level, name, value, length)
                         : ::getsockopt(fd, level, name, value, length);
}

}  // namespace bight::detail::sys
