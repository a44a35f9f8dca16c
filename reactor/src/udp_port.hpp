/// @file
/// Internal: a UDP port. Multicast is in udp_multicast.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <bight/udp.hpp>

#include "datagram_port.hpp"

namespace bight::detail {

class UdpPort final : public DatagramPort {
 public:
  UdpPort(ReactorBase& reactor, std::uint16_t port, std::shared_ptr<DatagramProtocol> protocol,
          const UDPOptions& options);
  /// Of a socket that is bound already.
  UdpPort(ReactorBase& reactor, Descriptor socket, std::shared_ptr<DatagramProtocol> protocol,
          std::size_t maxPacketSize);
  ~UdpPort() override;

  void setBroadcastAllowed(bool allowed) override;
  bool getBroadcastAllowed() const override;
  Deferred<void> joinGroup(std::string_view group, std::string_view interface) override;
  Deferred<void> leaveGroup(std::string_view group, std::string_view interface) override;
  void setTTL(int hops) override;
  int getTTL() const override;
  void setLoopbackMode(bool enabled) override;
  bool getLoopbackMode() const override;
  void setOutgoingInterface(std::string_view interface) override;
  std::string getOutgoingInterface() const override { return outgoing_; }

 private:
  Descriptor open() override;
  void opened(const Address& host) override;
  [[noreturn]] void cannotListen(int error, const std::string& cause) const override;
  SocketAddress encode(const Address& to) const override;
  void forbidden(const SocketAddress* to) const override;

  bool isV6() const { return getHost().get<IPv6Address>() != nullptr; }
  Deferred<void> changeGroup(bool join, std::string_view group, std::string_view interface);

  const UDPOptions options_;
  std::uint16_t portNumber_;
  const bool adopted_;
  Descriptor given_;   // an adopted socket, until it is opened
  bool dual_ = false;  // IPv6 that also speaks IPv4
  std::string outgoing_;
};

/// The socket of an adopted port, or why there is none any more.
Descriptor takeGiven(Descriptor& given);

}  // namespace bight::detail
