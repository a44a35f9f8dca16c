#include <bight/detail/thread_queue.hpp>

#include <utility>

namespace bight::detail {

Pending::~Pending() = default;

ThreadQueue::ThreadQueue(Function<void()> wake) : wake_(std::move(wake)) {}

bool ThreadQueue::push(Function<void()> call, bool wake) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  const bool first = calls_.empty();
  calls_.push_back(std::move(call));
  pending_.store(true, std::memory_order_release);
  // Inside the lock, so that the waker cannot be destroyed by a `close()` meanwhile. Only the first call wakes: the
  // reactor looks at `pending()` before it waits, so calls that it pushed itself need no wake-up, nor do those that
  // come after them.
  if (first && wake) wake_();
  return true;
}

void ThreadQueue::take(std::vector<Function<void()>>& into) {
  const std::lock_guard lock(mutex_);
  into.swap(calls_);
  pending_.store(false, std::memory_order_relaxed);
}

std::vector<Function<void()>> ThreadQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  pending_.store(false, std::memory_order_relaxed);
  wake_ = nullptr;
  return std::exchange(calls_, {});
}

}  // namespace bight::detail
