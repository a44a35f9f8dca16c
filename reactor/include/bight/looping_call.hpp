/// @file
/// `LoopingCall`: a function that is called again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/detail/waitable.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/time.hpp>

namespace bight {

/// Calls a function at regular times.
///
/// ```cpp
/// LoopingCall beat(*reactor, [&] { factory->tick(); });
/// beat.start(1s).addErrback([](Failure f) { ... });     // ends, and fails, with what the function throws
/// ```
///
/// The calls keep their phase: they are made at start + n * interval, however long each takes. Times that have passed
/// already are skipped, not made up for. If the function returns a Deferred, the next call waits until that has fired.
/// With interval 0 it is called once in every turn of the loop.
///
/// Destroying a LoopingCall that runs stops it; the Deferred of `start` then fails with CancelledError. The function
/// may do that too. Twisted: task.LoopingCall.
class BIGHT_API LoopingCall {
 public:
  /// @param f takes nothing; it may return nothing or a Deferred
  template <class F>
  LoopingCall(ReactorTime& clock, F f)
      : LoopingCall(clock, Call([f = std::move(f)](std::int64_t) mutable { return detail::callWaitable(f); }), false) {}

  /// A loop that tells its function how many intervals have passed since its last call: 1 if none was skipped. It is
  /// not called when less than one has passed.
  /// @param f takes a std::int64_t
  template <class F>
  static LoopingCall withCount(ReactorTime& clock, F f) {
    return LoopingCall(
        clock, Call([f = std::move(f)](std::int64_t count) mutable { return detail::callWaitable(f, count); }), true);
  }

  LoopingCall(LoopingCall&&) noexcept = default;
  LoopingCall& operator=(LoopingCall&&) = delete;
  ~LoopingCall();

  /// Begins. The first call is made at once, inside this function, or with `now` false after one interval.
  /// @return fires after `stop()`; fails with what the function throws (or its Deferred fails with), which also ends
  /// the loop
  /// @throws std::logic_error if it runs already;  std::invalid_argument if `interval` is negative.
  Deferred<void> start(Duration interval, bool now = true);

  /// Ends it. If a Deferred of the function is still waited for, the Deferred of `start` fires only after that.
  /// @throws std::logic_error if it does not run.
  void stop();

  /// Skips what is left of this interval: the next call is one interval from now, and that is the new phase. Nothing
  /// changes while a Deferred of the function is waited for, but the phase.
  /// @throws std::logic_error if it does not run.
  void reset();

  bool running() const noexcept;
  /// As given to `start`.
  Duration interval() const noexcept;

 private:
  using Call = Function<std::optional<Deferred<void>>(std::int64_t)>;
  struct State;
  LoopingCall(ReactorTime& clock, Call call, bool counts);
  std::shared_ptr<State> state_;
};

}  // namespace bight
