/// @file
/// Internal: notices when the reactor's thread was held up.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include <bight/poller.hpp>

#include "ticks.hpp"

namespace bight::detail {

/// Times what the reactor dispatches, at the price of a few instructions for each.
///
/// It counts ticks. How long a tick is need not be known for that: the limit is first taken for a slow counter, and
/// only when that seems to be exceeded is the steady clock asked.
class SlowWatch {
 public:
  explicit SlowWatch(const TickScale& scale) noexcept : scale_(scale) {}

  /// 0: watches nothing.
  void setLimit(Duration limit) noexcept {
    limit_ = limit;
    threshold_ = limit == Duration::zero()
                     ? std::numeric_limits<std::uint64_t>::max()
                     : static_cast<std::uint64_t>(static_cast<double>(limit.count()) * ticksPerNanosecond_);
  }
  bool on() const noexcept { return limit_ != Duration::zero(); }

  void forget() noexcept { began_ = 0; }
  void begin() noexcept { began_ = ticks(); }

  /// Ends one span and begins the next. True if it may have been too long: then ask `tookTooLong`. False if `begin` was
  /// not called since `forget`.
  bool suspicious() noexcept {
    if (began_ == 0) return false;
    const std::uint64_t now = ticks();
    span_ = now - std::exchange(began_, now);
    turn_ += span_;
    return span_ >= threshold_;
  }

  /// How long the suspicious span was; zero if it was within the limit after all.
  Duration tookTooLong() noexcept {
    if (const double rate = scale_.perNanosecond(); rate > 0) ticksPerNanosecond_ = rate;
    setLimit(limit_);
    const Duration took(static_cast<Duration::rep>(static_cast<double>(span_) / ticksPerNanosecond_));
    return on() && took >= limit_ ? took : Duration::zero();
  }

  /// All spans since the last call, in ticks.
  std::uint64_t takeTurn() noexcept { return std::exchange(turn_, 0); }

 private:
  std::uint64_t began_ = 0;
  std::uint64_t threshold_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t span_ = 0;
  std::uint64_t turn_ = 0;
  const TickScale& scale_;
  double ticksPerNanosecond_ = 0.01;  // slower than any counter there is, so that nothing is missed
  Duration limit_{0};
};

}  // namespace bight::detail
