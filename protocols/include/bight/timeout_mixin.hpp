/// @file
/// A connection that gives up when nothing happens for a while.
#pragma once

#include <optional>

#include <bight/export.hpp>
#include <bight/time.hpp>

namespace bight {

/// Mixed into a Protocol: counts the time since the last `resetTimeout()`. (Twisted: policies.TimeoutMixin)
///
/// ```cpp
/// class Patient : public bight::LineReceiver, public bight::TimeoutMixin {
///  public:
///   explicit Patient(bight::ReactorTime& clock) : TimeoutMixin(clock) {}
///   void connectionMade() override { setTimeout(60s); }
///   void lineReceived(std::string_view line) override { resetTimeout(); ... }
///   void connectionLost(const bight::Failure&) override { setTimeout(std::nullopt); }
/// };
/// ```
/// The clock is any: a reactor, or a test's `Clock`; it must outlive the mixin. A mixin that dies takes its timer with
/// it. `resetTimeout()` only notes the time: it may be called for every packet.
class BIGHT_API TimeoutMixin {
 public:
  TimeoutMixin(const TimeoutMixin&) = delete;
  TimeoutMixin& operator=(const TimeoutMixin&) = delete;

  /// Begins to count `period`; nothing ends the counting.
  /// @return what the period was before
  /// @throws std::invalid_argument if the period is not above 0
  std::optional<Duration> setTimeout(std::optional<Duration> period);
  /// The period begins anew. Does nothing when none is set.
  void resetTimeout();
  /// The period that is set.
  std::optional<Duration> timeout() const noexcept { return period_; }

  /// Nothing happened for the period; it is not counted any more. Calls `loseConnection()` of the protocol that this is
  /// mixed into, unless overridden.
  virtual void timeoutConnection();

 protected:
  explicit TimeoutMixin(ReactorTime& clock) noexcept : clock_(clock) {}
  virtual ~TimeoutMixin();

  ReactorTime& clock() const noexcept { return clock_; }

 private:
  void schedule(Duration delay);
  void due();

  ReactorTime& clock_;
  DelayedCall call_;
  Duration deadline_{};
  std::optional<Duration> period_;
};

}  // namespace bight
