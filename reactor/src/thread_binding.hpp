/// @file
/// Internal: which thread may use a reactor, and what happens to the others.
#pragma once

#include <pthread.h>

#include <atomic>

namespace bight::detail {

/// The thread a reactor belongs to: the one that made it, then the one that runs it.
class ThreadBinding {
 public:
  ThreadBinding() noexcept : owner_(pthread_self()) {}

  void bindHere() noexcept { owner_.store(pthread_self(), std::memory_order_relaxed); }
  bool here() const noexcept { return pthread_equal(owner_.load(std::memory_order_relaxed), pthread_self()); }

  /// Catches calls from other threads: WrongThread in debug builds, one line in the log per reactor in release builds.
  /// `what` names the function.
  void check(const char* what) const {
    if (!here()) [[unlikely]]
      wrong(what);
  }

  /// Throw, or log? For tests; debug builds throw.
  void setThrows(bool throws) noexcept { throws_.store(throws, std::memory_order_relaxed); }

 private:
  void wrong(const char* what) const;

  std::atomic<pthread_t> owner_;
#ifdef NDEBUG
  std::atomic<bool> throws_{false};
#else
  std::atomic<bool> throws_{true};
#endif
  mutable std::atomic<bool> logged_{false};
};

}  // namespace bight::detail
