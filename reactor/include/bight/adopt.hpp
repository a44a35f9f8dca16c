/// @file
/// Sockets that somebody else has opened: a parent process, systemd, a library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include <bight/address.hpp>
#include <bight/datagram.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/tcp.hpp>

namespace bight {

/// The socket is of another family than was said, or of one that this library does not know.
class BIGHT_API UnsupportedAddressFamily : public std::invalid_argument {
 public:
  explicit UnsupportedAddressFamily(const std::string& what) : std::invalid_argument(what) {}
  ~UnsupportedAddressFamily() override;
};

/// The descriptor is no socket, or one of another type (stream, datagram) or state (listening, connected) than is
/// needed.
class BIGHT_API UnsupportedSocketType : public std::invalid_argument {
 public:
  explicit UnsupportedSocketType(const std::string& what) : std::invalid_argument(what) {}
  ~UnsupportedSocketType() override;
};

/// The part of a reactor that takes over open sockets. (Twisted: IReactorSocket)
///
/// **Ownership.** The reactor works on a duplicate: `fd` stays yours, and you may close it as soon as the call has
/// returned. Both are the same socket, and it is set to non-blocking. The file of a UNIX socket is not removed at the
/// end: it belongs to who made it.
///
/// All three throw std::system_error if `fd` is not open, UnsupportedSocketType, UnsupportedAddressFamily, and
/// std::invalid_argument for a null factory or protocol.
class BIGHT_API ReactorSocket {
 public:
  /// Accepts connections from a listening stream socket. It cannot be started again once stopped.
  std::shared_ptr<Port> adoptStreamPort(int fd, AddressFamily family, std::shared_ptr<Factory> factory);
  /// Serves a connected stream socket. The factory's start and stop are not called.
  /// @returns the protocol; null if the factory refused, and our duplicate is closed
  std::shared_ptr<Protocol> adoptStreamConnection(int fd, AddressFamily family, std::shared_ptr<Factory> factory);
  /// Serves a bound datagram socket. If it is connected, so is the port.
  std::shared_ptr<DatagramTransport> adoptDatagramPort(int fd, AddressFamily family,
                                                       std::shared_ptr<DatagramProtocol> protocol,
                                                       std::size_t maxPacketSize = 8192);

 protected:
  ReactorSocket() = default;
  ReactorSocket(const ReactorSocket&) = default;
  ReactorSocket& operator=(const ReactorSocket&) = default;
  virtual ~ReactorSocket() = default;

  /// The same with checked arguments; what a reactor implements.
  virtual std::shared_ptr<Port> doAdoptStreamPort(int fd, AddressFamily family, std::shared_ptr<Factory> factory) = 0;
  virtual std::shared_ptr<Protocol> doAdoptStreamConnection(int fd, AddressFamily family,
                                                            std::shared_ptr<Factory> factory) = 0;
  virtual std::shared_ptr<DatagramTransport> doAdoptDatagramPort(int fd, AddressFamily family,
                                                                 std::shared_ptr<DatagramProtocol> protocol,
                                                                 std::size_t maxPacketSize) = 0;
};

}  // namespace bight
