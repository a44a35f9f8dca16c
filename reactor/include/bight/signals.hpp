/// @file
/// Signals of the operating system, as calls in the reactor's thread.
///
/// ```cpp
/// reactor->onSignal(SIGHUP, [&] { configuration.reload(); });
/// ```
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include <bight/export.hpp>
#include <bight/function.hpp>

namespace bight {

/// Names a callback for `removeSignalCallback`. A plain value; the empty one names none.
struct SignalCallback {
  std::uint64_t id = 0;
  explicit operator bool() const noexcept { return id != 0; }
  friend bool operator==(SignalCallback, SignalCallback) = default;
};

/// The part of a reactor that hears signals.
class BIGHT_API ReactorSignals {
 public:
  /// From now on `call()` or `call(number)` is made in the reactor's thread, in the turn after the signal has come, as
  /// an ordinary call: it may do anything. Signals that come while the reactor does not run are kept until it does. The
  /// system may make one of several that come at nearly the same time.
  ///
  /// Any number of callbacks, in any number of reactors, may ask for one signal: all are called. While there is one,
  /// the signal does not do what it did before (end the program, for most), and when the last one is removed, or its
  /// reactor destroyed, the action that was found is restored, unless somebody has set another meanwhile. An action
  /// found for SIGCHLD is called in addition. A callback for SIGINT or SIGTERM takes the place of the reactor's own
  /// answer to it, which is to stop.
  /// @throws std::invalid_argument if there is no such signal, or nobody can change what it does (SIGKILL, SIGSTOP), or
  /// it tells of a fault of the program (SIGSEGV, SIGFPE, SIGILL, SIGBUS);  std::logic_error if it is the signal of a
  /// Watchdog;  std::system_error if no descriptor is left
  template <class F>
  SignalCallback onSignal(int number, F call) {
    if constexpr (std::is_invocable_v<F&, int>)
      return addSignalCallback(number, std::move(call));
    else
      return addSignalCallback(number, [call = std::move(call)](int) mutable { call(); });
  }

  /// Takes it back; also from inside a callback. @throws std::invalid_argument if there is none (any more)
  virtual void removeSignalCallback(SignalCallback callback) = 0;

 protected:
  ReactorSignals() = default;
  ReactorSignals(const ReactorSignals&) = default;
  ReactorSignals& operator=(const ReactorSignals&) = default;
  virtual ~ReactorSignals() = default;

  virtual SignalCallback addSignalCallback(int number, Function<void(int)> call) = 0;
};

}  // namespace bight
