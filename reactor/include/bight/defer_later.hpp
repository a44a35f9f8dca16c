/// @file
/// `deferLater`: a Deferred that fires after some time.
#pragma once

#include <concepts>
#include <memory>
#include <source_location>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/time.hpp>

namespace bight {

/// A Deferred that fires with nothing after `delay`. Cancelling it takes the call back from the clock.
/// @throws std::invalid_argument if `delay` is negative.
inline Deferred<void> deferLater(ReactorTime& clock, Duration delay,
                                 std::source_location at = std::source_location::current()) {
  auto call = std::make_shared<DelayedCall>();
  Deferred<void> deferred(
      [call](Promise<void>) {
        if (call->active()) call->cancel();
      },
      at);
  *call = clock.callLater(delay, [promise = deferred.promise()] { promise.callback(); });
  return deferred;
}

/// Calls `f()` after `delay`; the Deferred fires with what it returns (or with what the Deferred it returns fires
/// with), or fails with what it throws. Cancelling takes the call back, or, if `f` has returned a Deferred, cancels
/// that. Twisted: task.deferLater.
template <class F>
  requires(!std::same_as<F, std::source_location>)
auto deferLater(ReactorTime& clock, Duration delay, F f, std::source_location at = std::source_location::current()) {
  return deferLater(clock, delay, at).addCallback(std::move(f), at);
}

}  // namespace bight
