/// @file
/// How fast something may flow.
#pragma once

#include <cstdint>
#include <memory>

#include <bight/export.hpp>
#include <bight/time.hpp>

namespace bight {

/// Counts what flows against a rate. It is never refused: what is taken above the rate is a debt, and whoever takes
/// waits until it is paid. So the rate is exact in the long run, whatever the size of the portions.
///
/// Buckets form a tree: what is taken from one is taken from its parent too, so that each connection may have a rate,
/// and all together another. (Twisted: protocols.htb.HierarchicalBucket)
///
/// ```cpp
/// auto all = std::make_shared<TokenBucket>(clock, 1'000'000);
/// TokenBucket one(clock, 100'000, 100'000, all);
/// one.take(data.size());
/// if (one.wait() > Duration::zero()) pauseFor(one.wait());
/// ```
class BIGHT_API TokenBucket {
 public:
  /// @param rate  what is paid back, in a second
  /// @param burst  how much may be taken at once after a time of rest, before there is a debt
  /// @param clock  must outlive the bucket
  /// @throws std::invalid_argument if `rate` is 0
  TokenBucket(ReactorTime& clock, std::uint64_t rate, std::uint64_t burst,
              std::shared_ptr<TokenBucket> parent = nullptr);
  /// With a burst of one second.
  TokenBucket(ReactorTime& clock, std::uint64_t rate) : TokenBucket(clock, rate, rate) {}

  /// So much has flowed.
  void take(std::uint64_t amount);
  /// How long until there is no debt, here and in all parents. 0: now.
  Duration wait() const;
  /// How long until nothing is known of what has flowed through this one.
  Duration untilFull() const;

 private:
  double now() const;
  double burstSeconds() const noexcept { return burst_ / rate_; }

  ReactorTime& clock_;
  double rate_;
  double burst_;
  double paidAt_;   // on clock_, in seconds from begin_: when the debt is paid; before now: how full the bucket is
  Duration begin_;  // so that paidAt_ stays small, hence exact
  std::shared_ptr<TokenBucket> parent_;
};

}  // namespace bight
