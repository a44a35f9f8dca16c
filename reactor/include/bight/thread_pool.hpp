/// @file
/// A pool of threads that run what is queued.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <bight/export.hpp>
#include <bight/failure.hpp>
#include <bight/function.hpp>
#include <bight/result.hpp>
#include <bight/time.hpp>

namespace bight {

/// Between `min` and `max` threads over one queue. Threads are made when there is work for them. Every function but
/// `stop` may be called from any thread. Twisted: ThreadPool.
class BIGHT_API ThreadPool {
 public:
  /// @param min how many threads `start()` makes at once and keeps; @param max how many there may be, at least 1
  /// @throws std::invalid_argument if `max` is 0 or less than `min`.
  explicit ThreadPool(std::size_t min = 5, std::size_t max = 20, std::string name = "pool");

  /// Stops it, waiting for all the work.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Begins to work. What was queued before waits until here. Starting twice does nothing.
  /// @throws AlreadyQuit after `stop()`.
  void start();

  /// Takes no more work, does what is queued, and joins the threads. Not from a thread of the pool (throws
  /// std::logic_error).
  void stop();

  /// As `stop()`, but waits no longer than `limit`; what is queued and has not begun by then is dropped, and threads
  /// that are busy are left alone.
  /// @return how many calls were left running or were dropped
  std::size_t stop(Duration limit);

  /// Takes no more work from now on; what is queued is still done. `stop()` must follow.
  void refuse();

  /// Queues `work`. What it throws is logged.
  /// @throws AlreadyQuit after `stop()`.
  void callInThread(Function<void()> work);

  /// Queues `work`; afterwards calls `onResult(Result<R>)` in the same thread, R being what `work` returns.
  template <class OnResult, class Work>
  void callInThreadWithCallback(OnResult onResult, Work work) {
    using R = std::invoke_result_t<Work&>;
    callInThread([onResult = std::move(onResult), work = std::move(work)]() mutable {
      onResult([&]() -> Result<R> {
        try {
          if constexpr (std::is_void_v<R>) {
            work();
            return Result<void>();
          } else {
            return Result<R>(work());
          }
        } catch (...) {
          return Result<R>(Failure());
        }
      }());
    });
  }

  /// Changes the limits. Missing threads are started, surplus ones end as soon as they are idle.
  void adjustPoolsize(std::size_t min, std::size_t max);

  std::size_t min() const;
  std::size_t max() const;
  /// How many threads there are now.
  std::size_t threads() const;
  /// How many of them are at work.
  std::size_t working() const;
  /// How many calls wait for a thread.
  std::size_t queued() const;

  /// Called (in a thread of the pool) whenever no work is queued or running any more. For the reactor's shutdown.
  void setIdleHook(Function<void()> hook);

  /// Internal, for simulated reactors: no threads are made. `workCame` is called once for each piece of work, when it
  /// may begin, and whoever it tells calls `workHere()`.
  void workWithoutThreads(Function<void()> workCame);
  /// Does the piece of work that came first, in the calling thread. @return false if there is none
  bool workHere();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bight
