/// @file
/// Internal: the queue through which other threads reach a reactor.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include <bight/export.hpp>
#include <bight/function.hpp>

namespace bight::detail {

/// Calls from any thread, in order, with one wake-up pending at most. It is shared by the reactor and by everybody who
/// may still call when the reactor is gone; from then on calls are refused.
class BIGHT_API ThreadQueue {
 public:
  /// @param wake called (in the pushing thread) when a call comes into an empty queue
  explicit ThreadQueue(Function<void()> wake);

  /// Queues a call. False, and nothing is queued, if the reactor is gone.
  bool push(Function<void()> call, bool wake = true);

  /// Anything there? Cheap: one load.
  bool pending() const noexcept { return pending_.load(std::memory_order_acquire); }

  /// Takes all calls that are there now. `into` must be empty; its memory is used again.
  void take(std::vector<Function<void()>>& into);

  /// Refuses calls from now on and forgets the waker; returns what was still queued.
  std::vector<Function<void()>> close();

 private:
  std::mutex mutex_;
  std::vector<Function<void()>> calls_;
  Function<void()> wake_;
  bool closed_ = false;
  std::atomic<bool> pending_{false};
};

/// Something that waits for an answer from another thread and must be told when that cannot come any more. The
/// reactor's thread only.
class BIGHT_API Pending {
 public:
  virtual ~Pending();
  virtual void abandon() noexcept = 0;
};

}  // namespace bight::detail
