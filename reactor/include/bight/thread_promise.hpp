/// @file
/// Results that come from another thread: `ThreadPromise`, and calls from one reactor to another, `deferToReactor`.
#pragma once

#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/threads.hpp>

namespace bight {

/// The producing end of a Deferred that another thread may fire.
///
/// A `Promise` belongs to the thread of its Deferred, and must not even be destroyed in another. This one stays at home
/// and has itself called there: it may be carried to any thread, and be used or dropped there.
///
/// ```cpp
/// Deferred<int> answer;
/// ThreadPromise<int> promise(reactor, answer.promise());
/// library.ask([promise = std::move(promise)](int value) mutable { promise.deliver(value); });
/// ```
///
/// Dropped without having delivered, it delivers an AbandonedError. If the reactor ends first, the Deferred fails with
/// that too. A Deferred that was cancelled meanwhile drops what comes.
template <class T>
class ThreadPromise {
 public:
  /// To be made in the reactor's thread.
  ThreadPromise(ReactorThreads& reactor, Promise<T> promise)
      : state_(std::make_shared<State>(reactor, std::move(promise))) {
    reactor.keepPending(state_);
  }
  ThreadPromise(ThreadPromise&&) noexcept = default;
  ThreadPromise& operator=(ThreadPromise&& other) noexcept {
    if (this != &other) {
      abandon();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~ThreadPromise() { abandon(); }

  /// Fires the Deferred with a value or a Failure, in its reactor's thread, in one of the next turns. From any thread.
  /// @throws std::logic_error if this has delivered already, or was moved from
  void deliver(Result<T> result) {
    if (!state_) throw std::logic_error("ThreadPromise::deliver: it has delivered already, or was moved from");
    send(std::move(result));
  }

 private:
  struct State final : detail::Pending {
    State(ReactorThreads& r, Promise<T> p) : reactor(r), queue(r.threadQueue()), promise(std::move(p)) {}
    void abandon() noexcept override { promise.reset(); }

    ReactorThreads& reactor;                           // only used in its own thread
    const std::shared_ptr<detail::ThreadQueue> queue;  // refuses when the reactor is gone
    std::optional<Promise<T>> promise;                 // the reactor's thread lets go of it, whatever happens
    std::optional<Result<T>> result;                   // of whoever has this at the moment
  };

  void send(Result<T> result) {
    std::shared_ptr<State> state = std::move(state_);
    state->result.emplace(std::move(result));
    const std::shared_ptr<detail::ThreadQueue> queue = state->queue;  // the call may be over before push() returns
    queue->push([state = std::move(state)] {
      state->reactor.forgetPending(*state);
      if (auto promise = std::exchange(state->promise, std::nullopt))
        promise->callback(*std::exchange(state->result, std::nullopt));
    });
  }
  void abandon() noexcept {
    if (state_) send(Failure(AbandonedError()));
  }

  std::shared_ptr<State> state_;
};

/// Calls `f()` in the thread of the reactor `asked`, in one of its next turns; the Deferred fires in the thread of the
/// reactor `asking`, which is the calling one, with what `f` returned or threw; if `f` returned a Deferred, with its
/// result. `f` is destroyed in the other thread. It and its result must not carry along what belongs to one of the
/// reactors: Deferreds, transports, protocols.
///
/// Calls from one reactor to another arrive in order. If `asked` ends before it has answered, the Deferred fails with
/// AbandonedError. Cancelling it does not stop `f`; its result is dropped. Both reactors may be the same.
template <class F>
auto deferToReactor(ReactorThreads& asking, ReactorThreads& asked, F f,
                    std::source_location at = std::source_location::current()) {
  if constexpr (std::is_invocable_v<F&>) {
    using R = detail::AnswerOf<F>;
    Deferred<R> deferred(at);
    asked.callFromThread([answer = ThreadPromise<R>(asking, deferred.promise()), f = std::move(f)]() mutable {
      detail::callAndDeliver<R>(std::move(f), std::move(answer));
    });
    return deferred;
  } else {
    static_assert(std::is_invocable_v<F&>,
                  "bight: deferToReactor(asking, asked, f) calls f without arguments; a ReactorGroup's deferToReactor "
                  "can give it (Reactor&, std::size_t)");
    return Deferred<void>();
  }
}

}  // namespace bight
