/// @file
/// UDP: `listenUDP`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <bight/datagram.hpp>
#include <bight/export.hpp>

namespace bight {

/// How to open a UDP port.
struct UDPOptions {
  /// The local address: "" is every IPv4 address, "::" every IPv6 one; or one address of this machine. Not a name.
  std::string interface = {};
  /// What is longer is cut to this many bytes; 65535 takes everything.
  std::size_t maxPacketSize = 8192;
  /// Several ports, also of several processes, may have the same number: each gets a share of what comes to this
  /// machine, and all of them get what comes to a group or as broadcast. (Twisted: listenMultiple)
  bool listenMultiple = false;
  /// An IPv6 port takes IPv6 only. False: "::" also takes IPv4 peers, as ::ffff:a.b.c.d, and may write to IPv4
  /// addresses.
  bool ipv6Only = true;
};

/// The part of a reactor that speaks UDP. (Twisted: IReactorUDP, IReactorMulticast)
class BIGHT_API ReactorUDP {
 public:
  /// Opens a port and starts the protocol. A client needs one too: port 0 lets the system choose.
  /// @param port  0 to 65535
  /// @throws CannotListenError if the system refuses, or `interface` is not an address; std::invalid_argument for a
  /// port out of range, a null protocol, a packet size that is not 1 to 65535; what `startProtocol()` throws
  std::shared_ptr<DatagramTransport> listenUDP(int port, std::shared_ptr<DatagramProtocol> protocol,
                                               const UDPOptions& options = {});
  /// The same: every port can join groups. (Twisted has two kinds.)
  std::shared_ptr<DatagramTransport> listenMulticast(int port, std::shared_ptr<DatagramProtocol> protocol,
                                                     const UDPOptions& options = {}) {
    return listenUDP(port, std::move(protocol), options);
  }

 protected:
  ReactorUDP() = default;
  ReactorUDP(const ReactorUDP&) = default;
  ReactorUDP& operator=(const ReactorUDP&) = default;
  virtual ~ReactorUDP() = default;

  /// The same with checked arguments; what a reactor implements.
  virtual std::shared_ptr<DatagramTransport> doListenUDP(std::uint16_t port, std::shared_ptr<DatagramProtocol> protocol,
                                                         const UDPOptions& options) = 0;
};

}  // namespace bight
