/// @file
/// Internal: a clock that costs a few instructions.
#pragma once

#include <cstdint>

#include <bight/poller.hpp>

namespace bight::detail {

/// The processor's own counter where it has one that can be read directly; elsewhere the steady clock.
inline std::uint64_t ticks() noexcept {
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

/// Tells how long a tick is: how many there were since this was made, and how much time. Any thread may ask.
class TickScale {
 public:
  /// Ticks in a nanosecond; 0 if it is too early to say.
  double perNanosecond() const noexcept {
    const auto ticksSince = static_cast<double>(ticks() - firstTicks_);
    const auto timeSince = static_cast<double>((Poller::steadyNow() - firstTime_).count());
    return timeSince > 0 && ticksSince > 0 ? ticksSince / timeSince : 0;
  }
  Duration duration(std::uint64_t count) const noexcept {
    const double rate = perNanosecond();
    return Duration(rate > 0 ? static_cast<Duration::rep>(static_cast<double>(count) / rate) : 0);
  }

 private:
  std::uint64_t firstTicks_ = ticks();
  Duration firstTime_ = Poller::steadyNow();
};

}  // namespace bight::detail
