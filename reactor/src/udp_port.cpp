#include "udp_port.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>

namespace bight {

std::shared_ptr<DatagramTransport> ReactorUDP::listenUDP(int port, std::shared_ptr<DatagramProtocol> protocol,
                                                         const UDPOptions& options) {
  if (port < 0 || port > 65535)
    throw std::invalid_argument("port " + std::to_string(port) + " is out of range: it must be 0 to 65535");
  if (!protocol) throw std::invalid_argument("listenUDP needs a protocol, and got a null pointer");
  if (options.maxPacketSize == 0 || options.maxPacketSize > 65535)
    throw std::invalid_argument("listenUDP: maxPacketSize is " + std::to_string(options.maxPacketSize) +
                                ", and must be 1 to 65535");
  return doListenUDP(static_cast<std::uint16_t>(port), std::move(protocol), options);
}

namespace detail {

UdpPort::UdpPort(ReactorBase& reactor, std::uint16_t port, std::shared_ptr<DatagramProtocol> protocol,
                 const UDPOptions& options)
    : DatagramPort(reactor, std::move(protocol), options.maxPacketSize),
      options_(options),
      portNumber_(port),
      adopted_(false) {}

UdpPort::UdpPort(ReactorBase& reactor, Descriptor socket, std::shared_ptr<DatagramProtocol> protocol,
                 std::size_t maxPacketSize)
    : DatagramPort(reactor, std::move(protocol), maxPacketSize),
      portNumber_(0),
      adopted_(true),
      given_(std::move(socket)) {}

UdpPort::~UdpPort() = default;

void UdpPort::cannotListen(int error, const std::string& cause) const {
  throw CannotListenError(options_.interface, portNumber_, error,
                          error == 0 ? cause : cause + ": " + std::generic_category().message(error));
}

Descriptor UdpPort::open() {
  if (adopted_) return takeGiven(given_);
  const auto wanted =
      Address::parse(options_.interface.empty() ? "0.0.0.0" : options_.interface, portNumber_, AddressType::udp);
  if (!wanted) cannotListen(0, "the interface must be an IPv4 or IPv6 address of this machine, not a name");
  const SocketAddress address(*wanted);
  Descriptor socket = reactor().openSocket(address.family(), SOCK_DGRAM);
  if (!socket) cannotListen(errno, "no socket");
  if (address.family() == AF_INET6) setOption(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, options_.ipv6Only);
  if (options_.listenMultiple && (!setOption(socket.get(), SOL_SOCKET, SO_REUSEADDR, true) ||
                                  !setOption(socket.get(), SOL_SOCKET, SO_REUSEPORT, true)))
    cannotListen(errno, "no SO_REUSEPORT");
  if (sys::bind(socket.get(), address.get(), address.length) != 0) cannotListen(errno, "bind");
  return socket;
}

Descriptor takeGiven(Descriptor& given) {
  if (!given) throw std::logic_error("startListening: an adopted port cannot be opened again; adopt the socket anew");
  return std::move(given);
}

void UdpPort::opened(const Address& host) {
  portNumber_ = host.port();
  outgoing_.clear();
  dual_ = host.get<IPv6Address>() && !options_.ipv6Only;
}

SocketAddress UdpPort::encode(const Address& to) const {
  const bool v6 = isV6();
  if (const auto* v4 = to.get<IPv4Address>()) {
    if (!v6) return SocketAddress(to);
    if (!dual_) throw InvalidAddressError(to.toString(), "the port is an IPv6 one (" + getHost().toString() + ")");
    std::array<std::uint8_t, 16> mapped{};
    mapped[10] = mapped[11] = 0xff;
    std::copy(v4->bytes().begin(), v4->bytes().end(), mapped.begin() + 12);
    return SocketAddress(IPv6Address(mapped, v4->port()));
  }
  if (to.get<IPv6Address>()) {
    if (v6) return SocketAddress(to);
    throw InvalidAddressError(to.toString(), "the port is an IPv4 one (" + getHost().toString() + ")");
  }
  throw InvalidAddressError(to.toString(), "datagrams go to IPv4 and IPv6 addresses; look names up before");
}

void UdpPort::forbidden(const SocketAddress* to) const {
  const auto address = to ? to->address() : Address();
  const auto* v4 = address.get<IPv4Address>();
  constexpr std::array<std::uint8_t, 4> everybody{255, 255, 255, 255};
  if (to && v4 && v4->bytes() == everybody && !getBroadcastAllowed())
    throw std::logic_error("write: sending to " + address.host() + " needs setBroadcastAllowed(true)");
}

void UdpPort::setBroadcastAllowed(bool allowed) {
  if (!setOption(openSocketOrThrow("setBroadcastAllowed"), SOL_SOCKET, SO_BROADCAST, allowed))
    throw std::system_error(errno, std::generic_category(), "setBroadcastAllowed");
}
bool UdpPort::getBroadcastAllowed() const {
  return getOption(openSocketOrThrow("getBroadcastAllowed"), SOL_SOCKET, SO_BROADCAST);
}

std::shared_ptr<DatagramTransport> ReactorBase::doListenUDP(std::uint16_t port,
                                                            std::shared_ptr<DatagramProtocol> protocol,
                                                            const UDPOptions& options) {
  auto opened = std::make_shared<UdpPort>(*this, port, std::move(protocol), options);
  opened->startListening();
  return opened;
}

}  // namespace detail
}  // namespace bight
