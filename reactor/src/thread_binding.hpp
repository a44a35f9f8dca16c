/// @file
/// Internal: which thread may use a reactor, and what happens to the others.
#pragma once

#include <atomic>

namespace bight::detail {

/// Its address is the cheapest name of a thread: no call is needed to compare it.
inline constinit thread_local char threadMark = 0;

/// The thread a reactor belongs to: the one that made it, then the one that runs it.
class ThreadBinding {
 public:
  ThreadBinding() noexcept : owner_(&threadMark) {}

  void bindHere() noexcept { owner_.store(&threadMark, std::memory_order_relaxed); }
  bool here() const noexcept { return owner_.load(std::memory_order_relaxed) == &threadMark; }

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

  std::atomic<const char*> owner_;
#ifdef NDEBUG
  std::atomic<bool> throws_{false};
#else
  std::atomic<bool> throws_{true};
#endif
  mutable std::atomic<bool> logged_{false};
};

}  // namespace bight::detail
