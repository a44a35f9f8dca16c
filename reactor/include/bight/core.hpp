/// @file
/// Running and stopping a reactor, and the events of its life.
///
/// ```
///   run() ─▶ startup: before ▶ during ▶ after ─▶ turn ▶ turn … ─▶ shutdown: before ▶ during ▶ after ─▶ run() returns
///                              running() is true ├─────────────────────────────┤
///                                stop() asks for ┘ the shutdown, at the end of the running turn's calls
/// ```
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/detail/waitable.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/time.hpp>

namespace bight {

/// The three parts of a system event.
enum class Phase : std::uint8_t { before, during, after };

/// Names a trigger for `removeSystemEventTrigger`. A plain value; the empty one names none.
struct SystemEventTrigger {
  std::uint64_t id = 0;
  explicit operator bool() const noexcept { return id != 0; }
  friend bool operator==(SystemEventTrigger, SystemEventTrigger) = default;
};

/// How `run()` shall run.
struct RunOptions {
  /// Turn the first SIGINT or SIGTERM into `stop()` and the second into `crash()`. SIGINT only if nobody has set an
  /// action for it. The former actions are restored when `run()` returns.
  bool installSignalHandlers = true;
  /// How long the shutdown that a signal began may wait in its phase `before`, where servers finish what they are at;
  /// then it goes on without them. Zero or less: for ever. `stop()` by itself has no such limit.
  Duration drainLimit = std::chrono::seconds(30);
};

/// Life and death of a reactor. Twisted: IReactorCore. To be called in the reactor's thread.
class BIGHT_API ReactorCore {
 public:
  virtual ~ReactorCore();

  /// Fires "startup", then serves until `stop()` and its shutdown are through, or until `crash()`. The calling thread
  /// is the reactor's thread from now on.
  /// @throws ReactorAlreadyRunning inside a run;  ReactorNotRestartable after a completed stop (after a crash it may
  /// run again).
  void run(RunOptions options = {}) { runWith(options); }

  /// Asks for an orderly shutdown and returns at once; code after it still runs. At the end of this turn's calls
  /// "shutdown" is fired: triggers of phase `before` (I/O is served until the Deferreds they returned have fired), then
  /// `during` (connections and ports are closed, the thread pool is stopped), then `after`.
  /// @throws ReactorNotRunning if the reactor is not running or has already been asked.
  virtual void stop() = 0;

  /// Leaves the loop at once: no shutdown event, nothing is closed. For tests, and for a second Ctrl-C.
  virtual void crash() = 0;

  /// Makes one turn, waiting for at most `delay` for something to happen. For loops that are driven from outside; not
  /// inside `run()`.
  /// @throws std::logic_error when called from inside a turn.
  void iterate(Duration delay = Duration::zero()) { iterateFor(delay); }

  /// True from the phase `during` of "startup" until the phase `during` of "shutdown".
  virtual bool running() const noexcept = 0;

  /// The signal that began the shutdown of the last run, if one did: a program that wants to die of it can raise it
  /// again.
  virtual std::optional<int> exitSignal() const noexcept = 0;

  /// Calls `f` as soon as the reactor runs. Before `run()` this is a trigger of phase `after` of "startup", in the
  /// order of the calls, and what `f` throws is logged as "Unhandled Error"; the trigger is returned. In a running
  /// reactor `f` is called at once, what it throws comes out here, and an empty value is returned.
  template <class F>
  SystemEventTrigger callWhenRunning(F&& f) {
    if (running()) {
      static_cast<void>(std::forward<F>(f)());
      return {};
    }
    return addSystemEventTrigger(Phase::after, "startup", std::forward<F>(f));
  }

  /// Calls `f` once, when `event` is fired next and has come to `phase`. `f` may return nothing or any `Deferred`; in
  /// phase `before` the event waits for that Deferred, whether it succeeds or fails. Names of events are free;
  /// "startup" and "shutdown" are the reactor's own. What `f` throws is logged, and the other triggers are called.
  /// @throws std::invalid_argument if `phase` is none.
  template <class F>
  SystemEventTrigger addSystemEventTrigger(Phase phase, std::string_view event, F&& f);

  /// Takes a trigger back. Also while its event is being fired, if its turn has not come yet.
  /// @throws std::invalid_argument if there is no such trigger (any more).
  virtual void removeSystemEventTrigger(SystemEventTrigger trigger) = 0;

  /// Fires an event: its triggers of phase `before` in the order they were added, then, when all Deferreds they
  /// returned have fired, `during` and `after`. A trigger that is added to `before` while `before` runs belongs to it.
  virtual void fireSystemEvent(std::string_view event) = 0;

 protected:
  /// A trigger as it is kept: empty if there is nothing to wait for.
  using TriggerCall = Function<std::optional<Deferred<void>>()>;

  virtual void runWith(RunOptions options) = 0;
  virtual void iterateFor(Duration delay) = 0;
  virtual SystemEventTrigger addTrigger(Phase phase, std::string_view event, TriggerCall call) = 0;
};

template <class F>
SystemEventTrigger ReactorCore::addSystemEventTrigger(Phase phase, std::string_view event, F&& f) {
  return addTrigger(phase, event, [f = std::forward<F>(f)]() mutable { return detail::callWaitable(f); });
}

}  // namespace bight
