/// @file
/// Connections that are no faster than they may be.
///
/// ```cpp
/// bight::ThrottleOptions options;
/// options.total = {.read = 10'000'000, .write = 10'000'000};
/// options.perPeer = {.write = 200'000};
/// reactor->listenTCP(8000, std::make_shared<bight::ThrottlingFactory>(*reactor, site, options));
/// ```
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include <bight/export.hpp>
#include <bight/policies/protocol_wrapper.hpp>
#include <bight/time.hpp>

namespace bight {

/// Bytes per second. 0: as many as come.
struct Rates {
  std::uint64_t read = 0;
  std::uint64_t write = 0;
};

/// What a `ThrottlingFactory` allows.
struct ThrottleOptions {
  /// All connections of the factory together.
  Rates total = {};
  /// All connections of a peer, see `LimitConnectionsByPeer::peerOf`.
  Rates perPeer = {};
  /// Each connection.
  Rates perConnection = {};
  /// More connections than these are refused.
  std::size_t maxConnectionCount = std::numeric_limits<std::size_t>::max();
};

/// Keeps the connections of a factory within rates. (Twisted: policies.ThrottlingFactory, and htb's hierarchical
/// buckets)
///
/// **Reading.** What has been received is paid for before more is read: the connection is paused meanwhile, and the
/// network makes the peer wait.
///
/// **Writing.** What is written leaves at once, and is then paid for: meanwhile a registered producer is paused (a pull
/// producer not asked), and `drained()` waits. Who writes without asking is not slowed.
///
/// Rates hold in the long run; after a time of rest, one second's worth may pass at once. A connection may exceed its
/// rate by what it received or wrote in one piece (64 KiB when reading), which it then pays for.
class BIGHT_API ThrottlingFactory : public WrappingFactory {
 public:
  /// @param clock  the reactor, or a test's `Clock`; must outlive the factory and its connections
  ThrottlingFactory(ReactorTime& clock, std::shared_ptr<Factory> wrapped, const ThrottleOptions& options);
  ~ThrottlingFactory() override;

  /// How many connections there are; of how many peers something is known.
  std::size_t connectionCount() const noexcept;
  std::size_t peerCount() const noexcept;

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;

 protected:
  std::shared_ptr<ProtocolWrapper> wrapProtocol(std::shared_ptr<Protocol> protocol, const Address& peer) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bight
