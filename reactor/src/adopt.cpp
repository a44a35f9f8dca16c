#include <bight/adopt.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>

#include "reactor_base.hpp"
#include "socket.hpp"
#include "stream_connection.hpp"
#include "stream_port.hpp"
#include "udp_port.hpp"
#include "unix_port.hpp"

namespace bight {

UnsupportedAddressFamily::~UnsupportedAddressFamily() = default;
UnsupportedSocketType::~UnsupportedSocketType() = default;

std::shared_ptr<Port> ReactorSocket::adoptStreamPort(int fd, AddressFamily family, std::shared_ptr<Factory> factory) {
  if (!factory) throw std::invalid_argument("adoptStreamPort needs a factory, and got a null pointer");
  return doAdoptStreamPort(fd, family, std::move(factory));
}

std::shared_ptr<Protocol> ReactorSocket::adoptStreamConnection(int fd, AddressFamily family,
                                                               std::shared_ptr<Factory> factory) {
  if (!factory) throw std::invalid_argument("adoptStreamConnection needs a factory, and got a null pointer");
  return doAdoptStreamConnection(fd, family, std::move(factory));
}

std::shared_ptr<DatagramTransport> ReactorSocket::adoptDatagramPort(int fd, AddressFamily family,
                                                                    std::shared_ptr<DatagramProtocol> protocol,
                                                                    std::size_t maxPacketSize) {
  if (!protocol) throw std::invalid_argument("adoptDatagramPort needs a protocol, and got a null pointer");
  if (maxPacketSize == 0 || maxPacketSize > 65535)
    throw std::invalid_argument("adoptDatagramPort: maxPacketSize is " + std::to_string(maxPacketSize) +
                                ", and must be 1 to 65535");
  return doAdoptDatagramPort(fd, family, std::move(protocol), maxPacketSize);
}

namespace detail {

namespace {

const char* nameOf(AddressFamily family) {
  switch (family) {
    case AddressFamily::ipv4:
      return "IPv4";
    case AddressFamily::ipv6:
      return "IPv6";
    case AddressFamily::local:
      return "UNIX";
    case AddressFamily::any:
      break;
  }
  return "unknown";
}

AddressFamily familyOf(int fd) {
  switch (localSocketAddress(fd).family()) {
    case AF_INET:
      return AddressFamily::ipv4;
    case AF_INET6:
      return AddressFamily::ipv6;
    case AF_UNIX:
      return AddressFamily::local;
    default:
      return AddressFamily::any;
  }
}

/// A duplicate of a socket of the right type and family, ready for the reactor.
Descriptor duplicate(int fd, AddressFamily wanted, int type) {
  const std::string what = "descriptor " + std::to_string(fd);
  int has = 0;
  socklen_t length = sizeof has;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &has, &length) != 0) {
    if (errno == ENOTSOCK) throw UnsupportedSocketType(what + " is not a socket");
    throw std::system_error(errno, std::generic_category(), "adopting " + what);
  }
  if (has != type)
    throw UnsupportedSocketType(what + " is " +
                                (has == SOCK_STREAM  ? "a stream socket"
                                 : has == SOCK_DGRAM ? "a datagram socket"
                                                     : "a socket of type " + std::to_string(has)) +
                                ", and a " + (type == SOCK_STREAM ? "stream" : "datagram") + " socket is needed");
  const AddressFamily family = familyOf(fd);
  if (family == AddressFamily::any)
    throw UnsupportedAddressFamily(what +
                                   " is a socket of a family that is not supported: neither IPv4, IPv6 nor UNIX");
  if (wanted != AddressFamily::any && wanted != family)
    throw UnsupportedAddressFamily(what + " is of the family " + nameOf(family) + ", and not " + nameOf(wanted));
  Descriptor copy = FileDescriptor::duplicate(fd);
  const int flags = ::fcntl(copy.get(), F_GETFL);
  if (flags < 0 || ::fcntl(copy.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    throw std::system_error(errno, std::generic_category(), "setting " + what + " to non-blocking");
  return copy;
}

class AdoptedPort final : public StreamPort {
 public:
  AdoptedPort(ReactorBase& reactor, Descriptor socket, std::shared_ptr<Factory> factory)
      : StreamPort(reactor, std::move(factory)), given_(std::move(socket)) {}

 private:
  Descriptor open() override { return takeGiven(given_); }
  void cannotListen(int error, const std::string& cause) const override {
    throw CannotListenError("an adopted socket", error, cause);
  }

  Descriptor given_;
};

}  // namespace

std::shared_ptr<Port> ReactorBase::doAdoptStreamPort(int fd, AddressFamily family, std::shared_ptr<Factory> factory) {
  checkThread("adoptStreamPort");
  notSimulated("adoptStreamPort");
  Descriptor socket = duplicate(fd, family, SOCK_STREAM);
  if (!getOption(socket.get(), SOL_SOCKET, SO_ACCEPTCONN))
    throw UnsupportedSocketType("descriptor " + std::to_string(fd) +
                                " does not listen: whoever makes it has to call listen() on it");
  auto port = std::make_shared<AdoptedPort>(*this, std::move(socket), std::move(factory));
  port->startListening();
  return port;
}

std::shared_ptr<Protocol> ReactorBase::doAdoptStreamConnection(int fd, AddressFamily family,
                                                               std::shared_ptr<Factory> factory) {
  checkThread("adoptStreamConnection");
  notSimulated("adoptStreamConnection");
  Descriptor socket = duplicate(fd, family, SOCK_STREAM);
  const SocketAddress peer = remoteSocketAddress(socket.get());
  if (peer.length == 0) throw UnsupportedSocketType("descriptor " + std::to_string(fd) + " is not connected");
  const auto origin = makeRef<ConnectionOrigin>(*this, factory);
  const auto connection = makeRef<StreamConnection>(*origin, std::move(socket), peer);
  connection->attach();
  std::shared_ptr<Protocol> protocol;
  try {
    protocol = factory->buildProtocol(connection->getPeer());
  } catch (...) {
    connection->detach();
    throw;
  }
  if (protocol)
    connection->start(protocol);
  else
    connection->detach();
  return protocol;
}

std::shared_ptr<DatagramTransport> ReactorBase::doAdoptDatagramPort(int fd, AddressFamily family,
                                                                    std::shared_ptr<DatagramProtocol> protocol,
                                                                    std::size_t maxPacketSize) {
  checkThread("adoptDatagramPort");
  notSimulated("adoptDatagramPort");
  Descriptor socket = duplicate(fd, family, SOCK_DGRAM);
  const SocketAddress peer = remoteSocketAddress(socket.get());
  std::shared_ptr<DatagramPort> port;
  if (familyOf(fd) == AddressFamily::local)
    port = std::make_shared<UnixDatagramPort>(*this, std::move(socket), std::move(protocol), maxPacketSize);
  else
    port = std::make_shared<UdpPort>(*this, std::move(socket), std::move(protocol), maxPacketSize);
  if (peer.length != 0) port->setPeer(peer.address(AddressType::udp));
  port->startListening();
  return port;
}

}  // namespace detail
}  // namespace bight
