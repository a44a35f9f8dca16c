/// @file
/// Time for tests: it stands still until the test moves it.
#pragma once

#include <initializer_list>
#include <memory>
#include <vector>

#include <bight/export.hpp>
#include <bight/time.hpp>

namespace bight::detail {
class TimerHeap;
}

namespace bight::testing {

/// A clock that is moved by hand. Give it to whatever takes a `ReactorTime&`, and no test needs to wait:
///
/// ```cpp
/// testing::Clock clock;
/// LoopingCall call(clock, [&] { ++beats; });
/// auto done = call.start(1s);
/// clock.advance(5s);        // or clock.pump({1s, 1s, 1s, 1s, 1s})
/// ```
///
/// It starts at 0. Calls with equal times are made in the order in which they were scheduled. Twisted:
/// twisted.internet.task.Clock.
class BIGHT_API Clock final : public ReactorTime {
 public:
  Clock();
  ~Clock() override;

  /// The sum of all advances.
  Duration seconds() const override { return now_; }
  DelayedCall callLater(Duration delay, Function<void()> call) override;
  /// In the order in which they will be called.
  std::vector<DelayedCall> getDelayedCalls() const override;

  /// Moves the time by `amount` and makes all calls that are due by then, in order, including those that are scheduled
  /// meanwhile (also by `callLater(0)`). While they run, `seconds()` is the new time. What a call throws comes out of
  /// here; the calls after it stay due for the next `advance`.
  /// @throws std::invalid_argument if `amount` is negative.
  void advance(Duration amount);

  /// Advances by each of `amounts` in turn.
  void pump(const std::vector<Duration>& amounts);
  void pump(std::initializer_list<Duration> amounts) { pump(std::vector<Duration>(amounts)); }

 private:
  Duration now_{0};
  std::unique_ptr<detail::TimerHeap> timers_;
};

}  // namespace bight::testing
