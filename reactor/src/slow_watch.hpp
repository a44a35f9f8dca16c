/// @file
/// Internal: notices when the reactor's thread was held up.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include <bight/poller.hpp>

namespace bight::detail {

/// Times what the reactor dispatches, at the price of a few instructions for each wait of the loop.
///
/// It counts the processor's own ticks where it has a counter that can be read directly. How long a tick is need not be
/// known for that: the limit is first taken for a slow counter, and only when that seems to be exceeded is the steady
/// clock asked, which tells how many ticks there were since the watch was made. Elsewhere the steady clock is used.
class SlowWatch {
 public:
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
    return span_ >= threshold_;
  }

  /// How long the suspicious span was; zero if it was within the limit after all.
  Duration tookTooLong() noexcept {
    const auto ticksSince = static_cast<double>(ticks() - firstTicks_);
    const auto timeSince = static_cast<double>((Poller::steadyNow() - firstTime_).count());
    if (timeSince > 0 && ticksSince > 0) ticksPerNanosecond_ = ticksSince / timeSince;
    setLimit(limit_);
    const Duration took(static_cast<Duration::rep>(static_cast<double>(span_) / ticksPerNanosecond_));
    return on() && took >= limit_ ? took : Duration::zero();
  }

 private:
  static std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    std::uint64_t count;
    asm volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#else
    return static_cast<std::uint64_t>(Poller::steadyNow().count());
#endif
  }

  std::uint64_t began_ = 0;
  std::uint64_t threshold_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t span_ = 0;
  std::uint64_t firstTicks_ = ticks();
  Duration firstTime_ = Poller::steadyNow();
  double ticksPerNanosecond_ = 0.01;  // slower than any counter there is, so that nothing is missed
  Duration limit_{0};
};

}  // namespace bight::detail
