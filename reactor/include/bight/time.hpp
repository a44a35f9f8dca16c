/// @file
/// Timers: "call this function later". Implemented by every reactor and by `testing::Clock`, so that code which takes a
/// `ReactorTime&` can be tested without waiting.
///
/// ```cpp
/// DelayedCall call = reactor.callLater(1500ms, [] { ... });
/// if (call.active()) call.cancel();
/// ```
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <bight/export.hpp>
#include <bight/function.hpp>

namespace bight {

/// Every span of time and every point on a reactor's clock. Any `std::chrono` literal converts to it.
using Duration = std::chrono::nanoseconds;

namespace detail {
struct TimerNode;
class TimerHeap;
}  // namespace detail

/// A call that was scheduled by `callLater`: a copyable handle, one pointer wide.
///
/// Dropping every handle does not cancel the call. A handle may outlive the reactor (the call then counts as
/// cancelled). To be used in the reactor's thread only, also the copying and dropping of handles.
///
/// Twisted: IDelayedCall, with the same errors.
class BIGHT_API DelayedCall {
 public:
  /// A handle on nothing: `active()` is false and every other function throws std::logic_error.
  DelayedCall() noexcept = default;
  DelayedCall(const DelayedCall& other) noexcept;
  DelayedCall(DelayedCall&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  DelayedCall& operator=(DelayedCall other) noexcept;
  ~DelayedCall();

  /// The moment of the call, on the clock of `ReactorTime::seconds()`. Also known after the call.
  Duration getTime() const;

  /// True until the call has been made or cancelled. False while it runs.
  bool active() const noexcept;

  /// Takes the call back; the function and what it captured are destroyed before this returns.
  /// @throws AlreadyCalled if it was called, or is just running;  AlreadyCancelled if it was cancelled.
  void cancel();

  /// Sets the moment to `delay` from now, earlier or later than it was.
  /// @throws std::invalid_argument if `delay` is negative;  AlreadyCalled, AlreadyCancelled as `cancel()`.
  void reset(Duration delay);

  /// Puts the moment off by `delay`; a negative one brings it forward.
  /// @throws AlreadyCalled, AlreadyCancelled as `cancel()`.
  void delay(Duration delay);

  /// For people: `<DelayedCall in 1.5 s>`, `<DelayedCall called>` or `<DelayedCall cancelled>`.
  std::string toString() const;

  friend bool operator==(const DelayedCall& a, const DelayedCall& b) noexcept { return a.node_ == b.node_; }

 private:
  friend class detail::TimerHeap;
  explicit DelayedCall(detail::TimerNode* adopted) noexcept : node_(adopted) {}
  detail::TimerNode* live(const char* verb) const;

  detail::TimerNode* node_ = nullptr;
};

/// Something that knows the time and can call back later. Twisted: IReactorTime.
class BIGHT_API ReactorTime {
 public:
  virtual ~ReactorTime();

  /// The present moment on this clock: steady, it never jumps; its zero means nothing. Twisted counts seconds since
  /// 1970 here, and so a change of the system's date disturbs its timers.
  virtual Duration seconds() const = 0;

  /// Calls `call` once, after at least `delay` (0 is allowed: in the next turn of the loop, never in this one). Calls
  /// with equal times are made in the order in which they were scheduled. What `call` throws is logged, and the next
  /// call is made.
  /// @throws std::invalid_argument if `delay` is negative or `call` is empty.
  virtual DelayedCall callLater(Duration delay, Function<void()> call) = 0;

  /// The calls that are still to come, in the order in which they will be made.
  virtual std::vector<DelayedCall> getDelayedCalls() const = 0;
};

}  // namespace bight
