/// @file
/// `Watchdog`: a thread that tells what a reactor is doing when it does not come back to its loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/reactor.hpp>
#include <bight/time.hpp>

namespace bight {

/// What a watchdog has found.
struct StuckReport {
  Duration stuckFor{0};            ///< how long the loop has not moved, at least
  std::vector<std::string> stack;  ///< what the reactor's thread is doing, the innermost function first; may be empty
};

/// How to watch.
struct WatchdogOptions {
  /// A callback that takes longer is reported.
  Duration limit = std::chrono::seconds(1);
  /// The signal that asks the reactor's thread for its stack. 0: SIGURG, which nobody uses for anything else as a rule,
  /// and which does nothing if it comes when nobody waits for it.
  int signal = 0;
  /// Called with each report, after it was logged, in the watchdog's thread: to count, to alarm, to end the program.
  Function<void(const StuckReport&)> whenStuck = {};
};

/// Watches a reactor from a thread of its own. When a callback keeps the reactor from its loop for longer than the
/// limit, the stack of the reactor's thread is logged, once, *while* the callback still runs; and when it has ended,
/// how long it took. So even an endless loop shows where it is.
///
/// ```cpp
/// auto reactor = bight::makeReactor();
/// const bight::Watchdog watchdog(*reactor, {.limit = 2s});
/// reactor->run();
/// ```
///
/// Waiting for events is no trouble, and what happens outside of `run()` and `iterate()` is not watched.
///
/// **Cost.** Nothing for the reactor that it does not do anyway; the thread looks at four numbers four times in each
/// limit. **Names** of functions, also of lambdas and static ones, are looked up in the program's file (Linux), or known
/// if it was linked with `-rdynamic` (Meson: `export_dynamic: true`; CMake: `ENABLE_EXPORTS`). A stripped program has
/// neither; each line has the file and the offset in it that `addr2line -Cfe` takes. **The signal** ends a system call that blocks, such as `sleep()`, early. Where the C library
/// has no `backtrace()`, the report has no stack.
class BIGHT_API Watchdog {
 public:
  /// To be made in any thread, before or during `run()`. May outlive the reactor.
  /// @throws std::invalid_argument if the limit is below 1 ms, or the signal is none
  /// @throws std::logic_error if the signal has an action already that is not a watchdog's, or the reactor gives no
  ///         signs of life (one that is not this library's)
  explicit Watchdog(const Reactor& reactor, WatchdogOptions options = {});
  /// Ends the thread.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace bight
