/// @file
/// `Deferred::addTimeout`, over any clock.
#pragma once

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <bight/deferred.hpp>

namespace bight {

/// Anything that can call a function later and take that back: a reactor, or the test Clock.
template <class Clock>
concept HasCallLater = requires(Clock& clock, std::chrono::nanoseconds delay, Function<void()> f) {
  clock.callLater(delay, std::move(f)).active();
  clock.callLater(delay, std::move(f)).cancel();
};

namespace detail {

template <class Clock>
constexpr bool checkClock() {
  static_assert(HasCallLater<Clock>,
                "bight: addTimeout needs a clock with callLater(duration, function): a reactor, or a testing::Clock");
  return HasCallLater<Clock>;
}

/// The delayed call of one addTimeout. Lives in the stage, and takes the call back when that is over.
template <class Clock>
class Timeout {
 public:
  Timeout(Chain& chain, std::chrono::nanoseconds limit, Clock& clock) : state_(std::make_unique<State>()) {
    state_->call.emplace(clock.callLater(limit, [state = state_.get(), chain = ChainReference(chain)] {
      state->ranOut = true;
      chain->cancel();  // ends the state
    }));
  }
  Timeout(Timeout&&) noexcept = default;
  Timeout& operator=(Timeout&&) = delete;
  ~Timeout() {
    if (state_ && state_->call->active()) state_->call->cancel();
  }
  bool ranOut() const noexcept { return state_->ranOut; }

 private:
  using Call = decltype(std::declval<Clock&>().callLater(std::chrono::nanoseconds(), Function<void()>()));
  struct State {
    std::optional<Call> call;
    bool ranOut = false;
  };
  std::unique_ptr<State> state_;
};

}  // namespace detail

template <class T>
template <class Clock>
Deferred<T>& Deferred<T>::addTimeout(std::chrono::nanoseconds limit, Clock& clock, std::source_location at) & {
  if constexpr (detail::checkClock<Clock>()) {
    if (need().ready()) return *this;
    const detail::Kept kept(*chain_);
    detail::addObserver<StageKind::timeout>(
        kept.chain,
        [timeout = detail::Timeout<Clock>(kept.chain, limit, clock), limit](detail::Chain& chain) {
          if (timeout.ranOut() && chain.failed() && chain.failure().template check<CancelledError>())
            chain.setFailure(Failure(TimeoutError(limit)));
        },
        at, kept.chain.endType());
  }
  return *this;
}

template <class T>
template <class Clock>
Deferred<T> Deferred<T>::addTimeout(std::chrono::nanoseconds limit, Clock& clock, std::source_location at) && {
  addTimeout(limit, clock, at);
  return std::move(*this);
}

template <class T>
template <class Clock, class F>
  requires(!std::same_as<std::remove_cvref_t<F>, std::source_location>)
Deferred<T>& Deferred<T>::addTimeout(std::chrono::nanoseconds limit, Clock& clock, F&& onTimeoutCancel,
                                     std::source_location at) & {
  constexpr bool takesResultAndLimit = std::is_invocable_v<std::decay_t<F>&, Result<T>, std::chrono::nanoseconds>;
  static_assert(takesResultAndLimit,
                "bight: onTimeoutCancel takes a Result<T> and the limit as std::chrono::nanoseconds");
  if constexpr (takesResultAndLimit && detail::checkClock<Clock>()) {
    if (need().ready()) return *this;
    addBoth(
        [timeout = detail::Timeout<Clock>(*chain_, limit, clock), limit,
         decide = std::forward<F>(onTimeoutCancel)](Result<T> result) mutable -> Result<T> {
          if (timeout.ranOut()) return decide(std::move(result), limit);
          return result;
        },
        at);
  }
  return *this;
}

template <class T>
template <class Clock, class F>
  requires(!std::same_as<std::remove_cvref_t<F>, std::source_location>)
Deferred<T> Deferred<T>::addTimeout(std::chrono::nanoseconds limit, Clock& clock, F&& onTimeoutCancel,
                                    std::source_location at) && {
  addTimeout(limit, clock, std::forward<F>(onTimeoutCancel), at);
  return std::move(*this);
}

}  // namespace bight
