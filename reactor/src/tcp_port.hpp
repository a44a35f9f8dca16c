/// @file
/// Internal: ports of TCP that are opened for several reactors at once.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <bight/tcp.hpp>

#include "reactor_base.hpp"
#include "socket.hpp"

namespace bight::detail {

/// How several sockets can listen on one number.
enum class Sharing {
  reusePort,  ///< each is a socket of its own, and the system spreads connections among them
  duplicate,  ///< all are the same socket
};
#ifdef __linux__
inline constexpr Sharing systemSharing = Sharing::reusePort;
#else
inline constexpr Sharing systemSharing = Sharing::duplicate;
#endif

/// Sockets that listen on one number, which nobody else has unless `options.reusePort`.
/// @throws CannotListenError
std::vector<Descriptor> openTcpListeners(std::uint16_t port, const ListenOptions& options, std::size_t count,
                                         Sharing sharing = systemSharing);

/// A port of `reactor` on such a socket. @throws as `listenTCP`
std::shared_ptr<Port> listenOnTcpSocket(ReactorBase& reactor, Descriptor socket, std::uint16_t port,
                                        std::shared_ptr<Factory> factory, const ListenOptions& options);

}  // namespace bight::detail
