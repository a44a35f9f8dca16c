#include <bight/testing/clock.hpp>

#include <algorithm>
#include <stdexcept>

#include "timer_heap.hpp"

namespace bight::testing {

Clock::Clock() : timers_(std::make_unique<detail::TimerHeap>(*this)) {}

Clock::~Clock() = default;

DelayedCall Clock::callLater(Duration delay, Function<void()> call) {
  if (delay < Duration::zero()) throw std::invalid_argument("Clock::callLater: the delay is negative");
  return timers_->add(detail::TimerHeap::later(now_, delay), std::move(call));
}

std::vector<DelayedCall> Clock::getDelayedCalls() const {
  return timers_->sorted();
}

void Clock::advance(Duration amount) {
  if (amount < Duration::zero()) throw std::invalid_argument("Clock::advance: time does not run backwards");
  now_ = detail::TimerHeap::later(now_, amount);
  while (!timers_->empty() && timers_->top() <= now_) {
    auto due = timers_->pop();
    due();
  }
}

void Clock::pump(const std::vector<Duration>& amounts) {
  for (const Duration amount : amounts) advance(amount);
}

}  // namespace bight::testing
