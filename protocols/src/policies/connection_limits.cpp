// A connection is counted from the moment in which its wrapper is made, because a port may build several protocols
// before the first of them is connected. So the wrapper takes itself off in its destructor at the latest: also one that
// was never connected.
#include <bight/policies/connection_limits.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>
#include <string>
#include <utility>

#include <bight/function.hpp>
#include <bight/log.hpp>

namespace bight {

namespace {

/// Calls `release` once, when the connection is over.
class CountedConnection : public ProtocolWrapper {
 public:
  CountedConnection(std::shared_ptr<Protocol> wrapped, Function<void()> release)
      : ProtocolWrapper(std::move(wrapped)), release_(std::move(release)) {}
  ~CountedConnection() override { release(); }

  void connectionLost(const Failure& reason) override {
    struct AtTheEnd {
      CountedConnection& connection;
      ~AtTheEnd() { connection.release(); }
    };
    const AtTheEnd atTheEnd{*this};
    ProtocolWrapper::connectionLost(reason);
  }

 private:
  void release() {
    if (auto release = std::exchange(release_, {})) release();
  }

  Function<void()> release_;
};

std::shared_ptr<ProtocolWrapper> counted(std::shared_ptr<Protocol> protocol, std::shared_ptr<std::size_t> count) {
  ++*count;
  return makeWrapper<CountedConnection>(std::move(protocol), [count = std::move(count)] { --*count; });
}

std::size_t notZero(std::size_t limit, const char* what) {
  if (limit == 0) throw std::invalid_argument(std::string(what) + " of 0 would refuse every connection");
  return limit;
}

/// Says that a connection was refused: the first time, and then each time that there are twice as many, so that whoever
/// floods a server does not flood its log.
std::shared_ptr<Protocol> refuse(std::uint64_t& refused, const Address& peer, const std::string& limit) {
  static const Logger log("bight.policies");
  if (std::has_single_bit(++refused))
    log.warn(
        "the connection of " + peer.toString() + " is refused, the limit of " + limit + " is reached; " +
        (refused == 1 ? "more of these are told less and less often" : std::to_string(refused) + " refused so far"));
  return nullptr;
}

}  // namespace

// ---- in all ----

LimitTotalConnectionsFactory::LimitTotalConnectionsFactory(std::shared_ptr<Factory> wrapped,
                                                           std::size_t connectionLimit)
    : WrappingFactory(std::move(wrapped)), connectionLimit_(notZero(connectionLimit, "a connectionLimit")) {}

LimitTotalConnectionsFactory::~LimitTotalConnectionsFactory() = default;

void LimitTotalConnectionsFactory::setOverflow(std::shared_ptr<Factory> factory, std::size_t limit) {
  const bool started = numPorts() > 0;
  if (overflow_ && overflowStarted_) overflow_->doStop();
  overflow_ = std::move(factory);
  overflowLimit_ = limit;
  overflowStarted_ = started && overflow_;
  if (overflowStarted_) overflow_->doStart();
}

void LimitTotalConnectionsFactory::startFactory() {
  WrappingFactory::startFactory();
  overflowStarted_ = overflow_ != nullptr;
  if (overflow_) overflow_->doStart();
}

void LimitTotalConnectionsFactory::stopFactory() {
  WrappingFactory::stopFactory();
  if (std::exchange(overflowStarted_, false)) overflow_->doStop();
}

std::shared_ptr<Protocol> LimitTotalConnectionsFactory::buildProtocol(const Address& peer) {
  if (*count_ < connectionLimit_) return WrappingFactory::buildProtocol(peer);
  if (!overflow_ || *overflowCount_ >= overflowLimit_)
    return refuse(refused_, peer, std::to_string(connectionLimit_) + " in all");
  auto protocol = overflow_->buildProtocol(peer);
  return protocol ? counted(std::move(protocol), overflowCount_) : nullptr;
}

std::shared_ptr<ProtocolWrapper> LimitTotalConnectionsFactory::wrapProtocol(std::shared_ptr<Protocol> protocol,
                                                                            const Address&) {
  return counted(std::move(protocol), count_);
}

// ---- by peer ----

LimitConnectionsByPeer::LimitConnectionsByPeer(std::shared_ptr<Factory> wrapped, std::size_t maxConnectionsPerPeer)
    : WrappingFactory(std::move(wrapped)),
      maxConnectionsPerPeer_(notZero(maxConnectionsPerPeer, "a maxConnectionsPerPeer")) {}

LimitConnectionsByPeer::~LimitConnectionsByPeer() = default;

Address LimitConnectionsByPeer::peerOf(const Address& address) {
  if (const auto* v4 = address.get<IPv4Address>()) return IPv4Address(v4->bytes(), 0);
  if (const auto* v6 = address.get<IPv6Address>()) {
    auto bytes = v6->bytes();
    // An IPv4 peer of a port that serves both families (::ffff:a.b.c.d): the host is in the last 32 bits.
    static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::equal(mapped.begin(), mapped.end(), bytes.begin()))
      return IPv4Address({bytes[12], bytes[13], bytes[14], bytes[15]}, 0);
    const bool linkLocal = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;  // all hosts of a link share these 64 bits
    if (!linkLocal) std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
    return IPv6Address(bytes, 0, 0, v6->scopeId());
  }
  if (const auto* name = address.get<HostnameAddress>()) return HostnameAddress{name->hostname, 0};
  return UNIXAddress{};
}

std::size_t LimitConnectionsByPeer::connectionCount(const Address& peer) const {
  const auto found = peers_->find(peerOf(peer));
  return found == peers_->end() ? 0 : found->second;
}

std::shared_ptr<Protocol> LimitConnectionsByPeer::buildProtocol(const Address& peer) {
  if (connectionCount(peer) >= maxConnectionsPerPeer_)
    return refuse(refused_, peer, std::to_string(maxConnectionsPerPeer_) + " for each host");
  return WrappingFactory::buildProtocol(peer);
}

std::shared_ptr<ProtocolWrapper> LimitConnectionsByPeer::wrapProtocol(std::shared_ptr<Protocol> protocol,
                                                                      const Address& peer) {
  Address key = peerOf(peer);
  ++(*peers_)[key];
  return makeWrapper<CountedConnection>(std::move(protocol), [peers = peers_, key = std::move(key)] {
    const auto found = peers->find(key);
    if (--found->second == 0) peers->erase(found);
  });
}

}  // namespace bight
