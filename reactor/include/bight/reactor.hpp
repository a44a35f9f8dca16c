/// @file
/// The whole of the reactor: including this brings all that a program needs to serve and to fetch.
///
/// ```cpp
/// auto reactor = makeReactor();
/// reactor->callWhenRunning([&] { ... });
/// reactor->run();
/// ```
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string_view>

#include <bight/adopt.hpp>
#include <bight/core.hpp>
#include <bight/counters.hpp>
#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/fdset.hpp>
#include <bight/log.hpp>
#include <bight/poller.hpp>
#include <bight/process.hpp>
#include <bight/reactor_errors.hpp>
#include <bight/resolver.hpp>
#include <bight/signals.hpp>
#include <bight/tcp.hpp>
#include <bight/threads.hpp>
#include <bight/time.hpp>
#include <bight/udp.hpp>
#include <bight/unix.hpp>

namespace bight {

namespace detail {
class Vitals;
}

/// An event loop with all its abilities. Code that needs one of them should ask for the narrow class: that is easier to
/// test.
///
/// Objects, not a global: there may be several in a process, one per thread. A stopped reactor stays stopped; make a
/// new one. Everything is to be called in the reactor's own thread, except `callFromThread` and `counters`; other calls
/// are caught (WrongThread in debug builds, else logged once).
class BIGHT_API Reactor : public ReactorCore,
                          public ReactorTime,
                          public ReactorThreads,
                          public ReactorFDSet,
                          public ReactorTCP,
                          public ReactorUDP,
                          public ReactorUNIX,
                          public ReactorSocket,
                          public ReactorNames,
                          public ReactorProcess,
                          public ReactorSignals {
 public:
  ~Reactor() override;

  /// The backend: "select", "poll", "epoll", "kqueue", or the name of a registered poller.
  virtual std::string_view name() const noexcept = 0;

  /// A callback that holds up the loop for at least this long is logged, with what it was: the protocol and its peer,
  /// the function in which a timed call was written. 100 ms at first; 0 switches it off, and the measuring too.
  /// Triggers of the startup and the shutdown are not timed.
  virtual void setSlowCallbackLimit(Duration limit) = 0;

  /// What this reactor has done so far. Cheap, and may be called from any thread.
  virtual ReactorCounters counters() const noexcept;
  /// `counters().longestTurn` begins anew, so that a report can tell the longest of its own time.
  virtual void forgetLongestTurn();
  /// For `Watchdog`; null if this reactor gives no signs of life.
  virtual std::shared_ptr<detail::Vitals> vitals() const;

  /// How long the shutdown waits for calls that run in the reactor's thread pool; 5 s at first. Then it logs what it
  /// leaves behind.
  virtual void setThreadPoolPatience(Duration limit) = 0;
};

/// The ways to wait that this library knows. Which of them there are depends on the system: `availableReactors()`.
enum class Backend : std::uint8_t { select, poll, epoll, kqueue };

/// There is no such reactor here. The message names those there are.
class BIGHT_API UnknownReactor : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
  ~UnknownReactor() override;
};

/// The backend that the environment variable BIGHT_REACTOR names, or else the best of the system (epoll, kqueue, poll,
/// select).
/// @throws UnknownReactor if the variable names none.
BIGHT_API std::unique_ptr<Reactor> makeReactor();

/// @throws UnknownReactor if the system does not have it.
BIGHT_API std::unique_ptr<Reactor> makeReactor(Backend backend);

/// By name; also finds what `registerPoller` has added. "" and "default" are as no name at all.
/// @throws UnknownReactor if there is none of that name.
BIGHT_API std::unique_ptr<Reactor> makeReactor(std::string_view name);

}  // namespace bight
