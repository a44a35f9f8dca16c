#include <bight/policies/throttling.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <bight/policies/connection_limits.hpp>
#include <bight/policies/token_bucket.hpp>

#include "throttled_connection.hpp"

namespace bight {

namespace {

/// What is kept of peers that have gone while in debt: else they would pay by coming again.
constexpr std::size_t mostAbsentPeers = 10000;

}  // namespace

struct ThrottlingFactory::State : std::enable_shared_from_this<State> {
  struct Pair {
    Pair(ReactorTime& clock, const Rates& rates)
        : read(rates.read > 0 ? std::make_shared<TokenBucket>(clock, rates.read) : nullptr),
          write(rates.write > 0 ? std::make_shared<TokenBucket>(clock, rates.write) : nullptr) {}

    void addTo(detail::Throttle::Buckets& reading, detail::Throttle::Buckets& writing) const {
      if (read) reading.push_back(read);
      if (write) writing.push_back(write);
    }
    Duration untilFull() const {
      return std::max(read ? read->untilFull() : Duration::zero(), write ? write->untilFull() : Duration::zero());
    }

    std::shared_ptr<TokenBucket> read;
    std::shared_ptr<TokenBucket> write;
  };

  struct Peer {
    Pair buckets;
    std::size_t connections = 0;
  };

  State(ReactorTime& time, const ThrottleOptions& given) : clock(time), options(given), total(time, given.total) {}

  void leave(const Address& key) {
    --connections;
    const auto found = peers.find(key);
    if (found == peers.end() || --found->second.connections > 0) return;
    ++absent;
    forget(key);
  }

  /// Drops a peer without connections, as soon as there is nothing to know about it.
  void forget(const Address& key) {
    const auto found = peers.find(key);
    if (found == peers.end() || found->second.connections > 0) return;
    const Duration left = found->second.buckets.untilFull();
    if (left > Duration::zero() && absent <= mostAbsentPeers) {
      clock.callLater(left, [weak = weak_from_this(), key] {
        if (const auto state = weak.lock()) state->forget(key);
      });
      return;
    }
    peers.erase(found);
    --absent;
  }

  ReactorTime& clock;
  ThrottleOptions options;
  Pair total;
  std::unordered_map<Address, Peer> peers;
  std::size_t absent = 0;  // peers without connections
  std::size_t connections = 0;
};

ThrottlingFactory::ThrottlingFactory(ReactorTime& clock, std::shared_ptr<Factory> wrapped,
                                     const ThrottleOptions& options)
    : WrappingFactory(std::move(wrapped)), state_(std::make_shared<State>(clock, options)) {}

ThrottlingFactory::~ThrottlingFactory() = default;

std::size_t ThrottlingFactory::connectionCount() const noexcept {
  return state_->connections;
}

std::size_t ThrottlingFactory::peerCount() const noexcept {
  return state_->peers.size();
}

std::shared_ptr<Protocol> ThrottlingFactory::buildProtocol(const Address& peer) {
  if (state_->connections >= state_->options.maxConnectionCount) return nullptr;
  return WrappingFactory::buildProtocol(peer);
}

std::shared_ptr<ProtocolWrapper> ThrottlingFactory::wrapProtocol(std::shared_ptr<Protocol> protocol,
                                                                 const Address& peer) {
  detail::Throttle::Buckets read;
  detail::Throttle::Buckets write;
  const Rates& each = state_->options.perConnection;
  const Rates& perPeer = state_->options.perPeer;
  State::Pair(state_->clock, each).addTo(read, write);
  const Address key = LimitConnectionsByPeer::peerOf(peer);
  if (perPeer.read > 0 || perPeer.write > 0) {
    const auto [entry, isNew] = state_->peers.try_emplace(key, State::Peer{State::Pair(state_->clock, perPeer)});
    if (!isNew && entry->second.connections == 0) --state_->absent;
    ++entry->second.connections;
    entry->second.buckets.addTo(read, write);
  }
  state_->total.addTo(read, write);
  ++state_->connections;
  return makeWrapper<detail::ThrottledConnection>(std::move(protocol), state_->clock, std::move(read), std::move(write),
                                                  [state = state_, key] { state->leave(key); });
}

}  // namespace bight
