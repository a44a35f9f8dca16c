// One number says it all: the moment at which everything taken so far will have been paid for. A debt puts it into the
// future; rest leaves it behind, at most by the burst.
#include <bight/policies/token_bucket.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace bight {

namespace {

/// Rounded: a debt of less than half a nanosecond is none. No longer than a clock can count.
Duration inNanoseconds(double seconds) {
  if (seconds <= 0) return Duration::zero();
  return Duration(static_cast<Duration::rep>(std::round(std::min(seconds, 1e9) * 1e9)));
}

}  // namespace

TokenBucket::TokenBucket(ReactorTime& clock, std::uint64_t rate, std::uint64_t burst,
                         std::shared_ptr<TokenBucket> parent)
    : clock_(clock),
      rate_(static_cast<double>(rate)),
      burst_(static_cast<double>(burst)),
      paidAt_(0),
      begin_(clock.seconds()),
      parent_(std::move(parent)) {
  if (rate == 0) throw std::invalid_argument("a TokenBucket with a rate of 0 would never let anything flow");
  paidAt_ = -burstSeconds();
}

double TokenBucket::now() const {
  return std::chrono::duration<double>(clock_.seconds() - begin_).count();
}

void TokenBucket::take(std::uint64_t amount) {
  paidAt_ = std::max(paidAt_, now() - burstSeconds()) + static_cast<double>(amount) / rate_;
  if (parent_) parent_->take(amount);
}

Duration TokenBucket::wait() const {
  const Duration own = inNanoseconds(paidAt_ - now());
  return parent_ ? std::max(own, parent_->wait()) : own;
}

Duration TokenBucket::untilFull() const {
  return inNanoseconds(paidAt_ + burstSeconds() - now());
}

}  // namespace bight
