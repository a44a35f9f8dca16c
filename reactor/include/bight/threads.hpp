/// @file
/// Threads beside the reactor. The reactor and all that belongs to it (timers, transports, Deferreds) live in one
/// thread; blocking or long work goes to a pool of threads and its result comes back as a Deferred.
/// docs/howto/threads.md says when to use what.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <bight/core.hpp>
#include <bight/deferred.hpp>
#include <bight/detail/thread_queue.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/thread_pool.hpp>

namespace bight {

/// A reactor's dealings with other threads. Twisted: IReactorThreads and IReactorFromThreads.
class BIGHT_API ReactorThreads {
 public:
  virtual ~ReactorThreads();

  /// Calls `call` in the reactor's thread, in the next turn, in the order of these calls; wakes the reactor if it
  /// waits. The one function that may be called from every thread. Before `run()` the calls are kept for it. What
  /// `call` throws is logged. When the reactor has been destroyed nothing is called (but the reactor object must exist
  /// while this function is called).
  virtual void callFromThread(Function<void()> call) = 0;

  /// Calls `call` in a thread of the reactor's pool. Its result is dropped, what it throws is logged; see
  /// `deferToThread` for more. Work that is given before the reactor runs is kept until then.
  virtual void callInThread(Function<void()> call) = 0;

  /// Sets how many threads the reactor's pool may have; at first 10. Threads are started as they are needed; surplus
  /// ones end when they are idle.
  /// @throws std::invalid_argument if `size` is 0.
  virtual void suggestThreadPoolSize(std::size_t size) = 0;

  /// The reactor's pool: 0 to 10 threads. It is started with the reactor and stopped in its shutdown.
  virtual ThreadPool& getThreadPool() = 0;

  /// True in the reactor's thread: the one that called `run()`, or, before that, the one that made the reactor.
  virtual bool isInIOThread() const noexcept = 0;

  /// Internal: for those who may call after the reactor's end.
  virtual std::shared_ptr<detail::ThreadQueue> threadQueue() = 0;
  /// Internal: keeps `pending` and abandons it if the reactor is destroyed before `forgetPending`.
  virtual void keepPending(std::shared_ptr<detail::Pending> pending) = 0;
  virtual void forgetPending(const detail::Pending& pending) noexcept = 0;
};

}  // namespace bight
