/// @file
/// What a reactor has done so far, in numbers.
#pragma once

#include <cstdint>

#include <bight/time.hpp>

namespace bight {

/// A snapshot of a reactor's counters, from `Reactor::counters()`. All count from the making of the reactor.
///
/// ```cpp
/// const auto c = reactor.counters();
/// std::cout << c.connections() << " connections, " << c.bytesIn / (c.events + 1) << " bytes an event\n";
/// ```
struct ReactorCounters {
  std::uint64_t turns = 0;              ///< of the loop
  std::uint64_t events = 0;             ///< of descriptors that were dispatched
  std::uint64_t timers = 0;             ///< timed calls that were made
  std::uint64_t calls = 0;              ///< calls from threads, and calls put off to the next turn
  std::uint64_t slowCallbacks = 0;      ///< that were logged, see `Reactor::setSlowCallbackLimit`
  std::uint64_t connectionsOpened = 0;  ///< connections of bytes: accepted, and made as a client
  std::uint64_t connectionsClosed = 0;  ///< their sockets are closed
  std::uint64_t bytesIn = 0;            ///< that those connections received from the system
  std::uint64_t bytesOut = 0;           ///< and gave to it
  /// The time that callbacks took in the longest turn: how long somebody had to wait for an answer at worst. Measured
  /// while slow callbacks are watched for.
  Duration longestTurn{0};

  std::uint64_t connections() const noexcept { return connectionsOpened - connectionsClosed; }
};

}  // namespace bight
