/// @file
/// Internal: ports of UNIX datagrams.
#pragma once

#include <memory>
#include <string>

#include <bight/unix.hpp>

#include "datagram_port.hpp"
#include "unix_name.hpp"

namespace bight::detail {

class UnixDatagramPort final : public DatagramPort {
 public:
  /// `address` may be empty: no name. `peer` may be empty: not connected.
  UnixDatagramPort(ReactorBase& reactor, const std::string& address, std::string peer,
                   std::shared_ptr<DatagramProtocol> protocol, const UNIXDatagramOptions& options);
  /// Of a socket that exists already.
  UnixDatagramPort(ReactorBase& reactor, Descriptor socket, std::shared_ptr<DatagramProtocol> protocol,
                   std::size_t maxPacketSize);
  ~UnixDatagramPort() override;

  void startListening() override;

 private:
  Descriptor open() override;
  void closed() noexcept override { name_.remove(); }
  [[noreturn]] void cannotListen(int error, const std::string& cause) const override;
  SocketAddress encode(const Address& to) const override;

  UnixName name_;
  const std::string peerName_;
  const bool adopted_;
  Descriptor given_;  // an adopted socket, until it is opened
};

}  // namespace bight::detail
