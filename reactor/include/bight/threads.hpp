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
#include <source_location>
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

namespace detail {

/// Work that was given to a thread, and the Deferred that waits for it. The promise belongs to the reactor's thread,
/// which lets go of it when the reactor dies; work and result belong to whichever thread has the job at the moment.
template <class F, class R>
struct ThreadJob final : Pending {
  ThreadJob(F f, std::source_location place) : work(std::move(f)), at(place) {}

  void run() noexcept {
    try {
      if constexpr (std::is_void_v<R>) {
        (*work)();
        result.emplace();
      } else {
        result.emplace((*work)());
      }
    } catch (...) {
      Failure failure;
      FailureState::wentNow(failure, FailureStep::Kind::called, at);
      result.emplace(std::move(failure));
    }
    work.reset();  // what it captured dies in the thread that used it
  }
  void fire() {
    if (auto answer = std::exchange(promise, std::nullopt)) answer->callback(*std::exchange(result, std::nullopt));
  }
  void abandon() noexcept override { promise.reset(); }

  std::optional<F> work;
  std::source_location at;
  std::optional<Result<R>> result;
  std::optional<Promise<R>> promise;
};

/// What a call from a thread waits for.
template <class R>
class Rendezvous {
 public:
  void deliver(Result<R> result) {
    {
      const std::lock_guard lock(mutex_);
      if (result_) return;
      result_.emplace(std::move(result));
    }
    came_.notify_one();
  }
  R wait() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [this] { return result_.has_value(); });
    return std::move(*result_).value();
  }

  /// The end of it that must deliver: when it is dropped, the waiting thread gets an AbandonedError instead.
  class End {
   public:
    explicit End(std::shared_ptr<Rendezvous> place) : place_(std::move(place)) {}
    End(End&&) noexcept = default;
    End& operator=(End&&) = delete;
    ~End() {
      if (place_) place_->deliver(Failure(AbandonedError()));
    }
    void deliver(Result<R> result) { std::exchange(place_, nullptr)->deliver(std::move(result)); }

   private:
    std::shared_ptr<Rendezvous> place_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::optional<Result<R>> result_;
};

/// What the caller of `f` gets at last: what `f` returns, or the result of the Deferred it returns.
template <class F>
using AnswerOf = ReturnedValue<std::invoke_result_t<F&>>;

/// Runs `f` in this thread and gives its result to `end`, also if it comes later; `f` lives until then.
template <class R, class F, class End>
void callAndDeliver(F f, End end) {
  succeed().addCallback(std::move(f)).addBoth([end = std::move(end)](Result<R> result) mutable {
    end.deliver(std::move(result));
  });
}

}  // namespace detail

/// Runs `f()` in a thread of `pool`; the Deferred fires in the reactor's thread with what it returns or throws. `f`
/// must not touch anything of the reactor, and no Deferred; it is destroyed in that thread. Cancelling does not stop
/// the thread; its result is dropped then.
/// Fails with AlreadyQuit if the pool has been stopped, as the reactor's own is in its shutdown.
template <class F>
auto deferToThreadPool(ReactorThreads& reactor, ThreadPool& pool, F f,
                       std::source_location at = std::source_location::current()) {
  using R = std::decay_t<std::invoke_result_t<F&>>;
  static_assert(
      !detail::isDeferred<R>,
      "bight: a function that runs in a thread cannot return a Deferred: Deferreds belong to the reactor's thread");
  Deferred<R> deferred(at);
  auto job = std::make_shared<detail::ThreadJob<F, R>>(std::move(f), at);
  job->promise = deferred.promise();
  reactor.keepPending(job);
  try {
    pool.callInThread([job, &reactor, queue = reactor.threadQueue()]() mutable {
      job->run();
      queue->push([job = std::move(job), &reactor] {
        reactor.forgetPending(*job);
        job->fire();
      });
    });
  } catch (...) {
    reactor.forgetPending(*job);
    std::exchange(job->promise, std::nullopt)->errback(Failure());
  }
  return deferred;
}

/// The same in the reactor's own pool. Twisted: threads.deferToThread.
template <class F>
auto deferToThread(ReactorThreads& reactor, F f, std::source_location at = std::source_location::current()) {
  return deferToThreadPool(reactor, reactor.getThreadPool(), std::move(f), at);
}

/// Runs the calls one after the other, in this order, in one thread of the reactor's pool. One that throws is logged,
/// and those after it are not made.
BIGHT_API void callMultipleInThread(ReactorThreads& reactor, std::vector<Function<void()>> calls);

/// From another thread: runs `f()` in the reactor's thread, waits until it has its result, also if that is a Deferred,
/// and returns it or throws what it failed with. Waits for ever if the reactor never runs; if it is destroyed before it
/// has answered, throws AbandonedError.
/// @throws std::logic_error in the reactor's own thread, where it would wait for itself.
template <class F>
auto blockingCallFromThread(ReactorThreads& reactor, F f) {
  using R = detail::AnswerOf<F>;
  if (reactor.isInIOThread()) {
    throw std::logic_error(
        "blockingCallFromThread was called in the reactor's own thread: it would wait for itself for ever");
  }
  auto place = std::make_shared<detail::Rendezvous<R>>();
  reactor.callFromThread([end = typename detail::Rendezvous<R>::End(place), f = std::move(f)]() mutable {
    detail::callAndDeliver<R>(std::move(f), std::move(end));
  });
  return place->wait();
}

}  // namespace bight
