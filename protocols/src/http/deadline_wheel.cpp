#include "deadline_wheel.hpp"

#include <algorithm>
#include <utility>

namespace bight::http::detail {

DeadlineWheel::~DeadlineWheel() {
  if (timer_.active()) timer_.cancel();
}

void DeadlineWheel::remove(WheelEntry& entry) noexcept {
  if (entry.lookAt_ == 0) return;
  (entry.previous_ ? entry.previous_->next_ : bucket(entry.lookAt_)) = entry.next_;
  if (entry.next_) entry.next_->previous_ = entry.previous_;
  entry.previous_ = entry.next_ = nullptr;
  entry.lookAt_ = 0;
}

void DeadlineWheel::link(WheelEntry& entry, std::uint32_t second) noexcept {
  WheelEntry*& first = bucket(second);
  entry.lookAt_ = second;
  entry.next_ = first;
  if (first) first->previous_ = &entry;
  first = &entry;
}

void DeadlineWheel::hang(WheelEntry& entry) {
  remove(entry);
  if (entry.deadline_ == 0) return link(entry, resting);
  const std::uint32_t present = now();
  link(entry, std::clamp(entry.deadline_, present, present + size - 1));  // once around at most
  if (!turning_ && (timerAt_ == 0 || entry.lookAt_ < timerAt_)) arm();
}

// Sets the timer for the nearest bucket that is not empty.
void DeadlineWheel::arm() {
  if (timer_.active()) timer_.cancel();
  timerAt_ = 0;
  const std::uint32_t present = now();
  for (std::uint32_t second = present; second < present + size; ++second) {
    if (!bucket(second)) continue;
    timerAt_ = second;
    const Duration delay = std::chrono::seconds(second) - clock_.seconds();
    timer_ = clock_.callLater(std::max(delay, Duration(0)), [this] { turn(); });
    return;
  }
}

// Looks at the bucket of the timer, and at those that were passed by since, if the loop was busy. All that is due is
// set apart first: what is hung up again, and whatever a passed deadline does to other entries, cannot disturb the
// walk.
void DeadlineWheel::turn() {
  turning_ = true;
  const std::uint32_t present = now();
  for (std::uint32_t second = timerAt_; second < present && second < timerAt_ + size; ++second) {
    while (WheelEntry* entry = bucket(second)) {
      remove(*entry);
      link(*entry, due);
    }
  }
  while (WheelEntry* entry = bucket(due)) {
    remove(*entry);
    if (entry->deadline_ >= present) {
      hang(*entry);
    } else {
      link(*entry, resting);
      if (std::exchange(entry->deadline_, 0) != 0) passed_(*entry);
    }
  }
  turning_ = false;
  arm();
}

}  // namespace bight::http::detail
