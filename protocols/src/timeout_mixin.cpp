#include <bight/timeout_mixin.hpp>

#include <stdexcept>
#include <utility>

#include <bight/protocol.hpp>

namespace bight {

TimeoutMixin::~TimeoutMixin() {
  if (call_.active()) call_.cancel();
}

std::optional<Duration> TimeoutMixin::setTimeout(std::optional<Duration> period) {
  if (period && *period <= Duration::zero())
    throw std::invalid_argument("setTimeout: the period must be above 0; std::nullopt ends the counting");
  if (call_.active()) call_.cancel();
  call_ = {};
  const auto before = std::exchange(period_, period);
  if (!period) return before;
  deadline_ = clock_.seconds() + *period;
  schedule(*period);
  return before;
}

void TimeoutMixin::resetTimeout() {
  if (period_) deadline_ = clock_.seconds() + *period_;
}

void TimeoutMixin::schedule(Duration delay) {
  call_ = clock_.callLater(delay, [this] { due(); });
}

/// The timer is not moved by every packet: when it is due, it looks whether something has happened since it was set.
void TimeoutMixin::due() {
  if (const Duration left = deadline_ - clock_.seconds(); left > Duration::zero()) return schedule(left);
  period_.reset();
  timeoutConnection();
}

void TimeoutMixin::timeoutConnection() {
  auto* protocol = dynamic_cast<Protocol*>(this);
  if (!protocol)
    throw std::logic_error("TimeoutMixin is mixed into a class that is no Protocol: override timeoutConnection()");
  protocol->transport().loseConnection();
}

}  // namespace bight
