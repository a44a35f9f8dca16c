/// @file
/// How many connections there may be at once: in all, and from one peer.
///
/// ```cpp
/// auto limited = std::make_shared<bight::LimitConnectionsByPeer>(chat, 20);
/// reactor->listenTCP(9000, std::make_shared<bight::LimitTotalConnectionsFactory>(limited, 10000));
/// ```
/// A connection that is refused is closed at once, and costs nothing more; the log tells of the first, the second, the
/// fourth, the eighth … Both count from the moment in which the
/// protocol is built until `connectionLost()` has returned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include <bight/address.hpp>
#include <bight/export.hpp>
#include <bight/policies/protocol_wrapper.hpp>

namespace bight {

/// Builds protocols while fewer than `connectionLimit` of them are connected. (Twisted:
/// policies.LimitTotalConnectionsFactory)
class BIGHT_API LimitTotalConnectionsFactory : public WrappingFactory {
 public:
  /// @throws std::invalid_argument if `connectionLimit` is 0
  LimitTotalConnectionsFactory(std::shared_ptr<Factory> wrapped, std::size_t connectionLimit);
  ~LimitTotalConnectionsFactory() override;

  /// Excess connections are refused, or, if `factory` is given, get a protocol of this one (which says "try again
  /// later", for one), of which there may be `limit` at a time. Null refuses them again.
  void setOverflow(std::shared_ptr<Factory> factory, std::size_t limit = 100);

  std::size_t connectionLimit() const noexcept { return connectionLimit_; }
  /// How many are connected, those that overflow not counted.
  std::size_t connectionCount() const noexcept { return *count_; }
  /// How many were refused since this was made.
  std::uint64_t refusedCount() const noexcept { return refused_; }

  void startFactory() override;
  void stopFactory() override;
  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;

 protected:
  std::shared_ptr<ProtocolWrapper> wrapProtocol(std::shared_ptr<Protocol> protocol, const Address& peer) override;

 private:
  std::shared_ptr<Factory> overflow_;
  std::shared_ptr<std::size_t> count_ = std::make_shared<std::size_t>(0);
  std::shared_ptr<std::size_t> overflowCount_ = std::make_shared<std::size_t>(0);
  std::size_t connectionLimit_;
  std::size_t overflowLimit_ = 0;
  std::uint64_t refused_ = 0;
  bool overflowStarted_ = false;
};

/// Builds protocols for a peer while fewer than `maxConnectionsPerPeer` of its connections are open. Its table has one
/// entry for each peer that is connected now, so what bounds the connections bounds the table. (Twisted:
/// policies.LimitConnectionsByPeer)
///
/// A peer is a host, whatever its port. An IPv6 host is known by its first 64 bits: whoever has one address of such a
/// network has them all (a link-local one, fe80::/10, by all of them). UNIX sockets and processes count as one peer.
///
/// Behind a proxy all connections come from one peer: put a `HAProxyWrappingFactory` (haproxy.hpp) around this factory.
class BIGHT_API LimitConnectionsByPeer : public WrappingFactory {
 public:
  /// @throws std::invalid_argument if `maxConnectionsPerPeer` is 0
  LimitConnectionsByPeer(std::shared_ptr<Factory> wrapped, std::size_t maxConnectionsPerPeer);
  ~LimitConnectionsByPeer() override;

  /// How many connections this peer has; and how many peers are connected.
  std::size_t connectionCount(const Address& peer) const;
  std::size_t peerCount() const noexcept { return peers_->size(); }
  /// How many connections were refused since this was made.
  std::uint64_t refusedCount() const noexcept { return refused_; }

  /// The peer that an address belongs to: without its port, and an IPv6 one without its last 64 bits.
  static Address peerOf(const Address& address);

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;

 protected:
  std::shared_ptr<ProtocolWrapper> wrapProtocol(std::shared_ptr<Protocol> protocol, const Address& peer) override;

 private:
  using Peers = std::unordered_map<Address, std::size_t>;

  std::shared_ptr<Peers> peers_ = std::make_shared<Peers>();
  std::size_t maxConnectionsPerPeer_;
  std::uint64_t refused_ = 0;
};

}  // namespace bight
