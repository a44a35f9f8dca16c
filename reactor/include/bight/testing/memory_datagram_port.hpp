/// @file
/// A port of datagrams that sends nothing: it keeps what is written, and the test plays the network.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <bight/datagram.hpp>
#include <bight/export.hpp>
#include <bight/time.hpp>

namespace bight::testing {

/// What `MemoryReactor::listenUDP` and its kin return.
///
/// ```cpp
/// auto& port = *reactor.udpPorts().at(0);
/// port.deliver("ping", *Address::parse("10.0.0.7", 4000));
/// BOOST_TEST(port.sent().at(0).data == "pong");
/// ```
class BIGHT_API MemoryDatagramPort final : public DatagramTransport,
                                           public std::enable_shared_from_this<MemoryDatagramPort> {
 public:
  /// @param clock  whose next moment the protocol is told of the end in
  MemoryDatagramPort(ReactorTime& clock, Address host, std::shared_ptr<DatagramProtocol> protocol,
                     std::size_t maxPacketSize);
  ~MemoryDatagramPort() override;

  struct Sent {
    std::string data;
    std::optional<Address> to;  ///< nothing: to the peer that the port is connected to
  };

  /// @name What the protocol did
  /// @{

  /// Everything written since the last `clear()`.
  const std::vector<Sent>& sent() const noexcept { return sent_; }
  void clear() { sent_.clear(); }
  bool listening() const noexcept { return listening_; }
  DatagramProtocol& protocol() const noexcept { return *protocol_; }
  /// The groups that are joined: address and interface.
  const std::set<std::pair<std::string, std::string>>& groups() const noexcept { return groups_; }

  /// @}
  /// @name Playing the network
  /// @{

  /// A datagram comes, cut to the packet size. @throws std::logic_error unless listening
  void deliver(std::string_view data, const Address& from);
  /// The peer of a connected port refuses. @throws std::logic_error unless connected
  void refuse();
  /// From now on `write()` sends nothing and answers this; a default one: it sends again.
  void answer(std::error_code error) { answer_ = error; }

  /// @}

  // DatagramTransport
  Address getHost() const override { return host_; }
  void startListening() override;
  /// The protocol is told when the clock is advanced, be it by nothing.
  Deferred<void> stopListening() override;
  using DatagramTransport::write;
  std::error_code write(std::string_view data, const Address& to) override;
  std::error_code write(std::string_view data) override;
  using DatagramTransport::connect;
  void connect(const Address& peer) override;
  std::optional<Address> getPeer() const override { return peer_; }
  void setBroadcastAllowed(bool allowed) override { broadcast_ = allowed; }
  bool getBroadcastAllowed() const override { return broadcast_; }
  Deferred<void> joinGroup(std::string_view group, std::string_view interface) override;
  Deferred<void> leaveGroup(std::string_view group, std::string_view interface) override;
  void setTTL(int hops) override { ttl_ = hops; }
  int getTTL() const override { return ttl_; }
  void setLoopbackMode(bool enabled) override { loopback_ = enabled; }
  bool getLoopbackMode() const override { return loopback_; }
  void setOutgoingInterface(std::string_view interface) override { outgoing_ = interface; }
  std::string getOutgoingInterface() const override { return outgoing_; }

 private:
  friend class MemoryReactor;
  /// The protocol is told, unless it has been.
  void end();

  ReactorTime& clock_;
  const Address host_;
  std::shared_ptr<DatagramProtocol> protocol_;  // while it listens
  const std::weak_ptr<DatagramProtocol> remembered_;
  const std::size_t maxPacketSize_;
  bool listening_ = false;
  bool closing_ = false;
  std::vector<Sent> sent_;
  std::optional<Address> peer_;
  std::error_code answer_;
  std::set<std::pair<std::string, std::string>> groups_;
  bool broadcast_ = false;
  bool loopback_ = true;
  int ttl_ = 1;
  std::string outgoing_;
  std::vector<Promise<void>> stopped_;
};

}  // namespace bight::testing
