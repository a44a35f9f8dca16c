/// @file
/// Internal: SIGINT and SIGTERM for reactors.
#pragma once

#include <bight/function.hpp>
#include <bight/poller.hpp>

namespace bight::detail {

/// While it lives, SIGINT (if nobody has set an action for it, B38) and SIGTERM are told to the reactor instead of
/// ending the process. Several reactors may watch at once: all of them are told. The last one restores the actions it
/// found, unless somebody has replaced ours meanwhile.
class SignalWatch final : private PollTarget {
 public:
  /// @param told called in the reactor's thread with the signal's number
  /// @throws std::system_error if there is no descriptor left;  std::length_error if too many reactors watch.
  SignalWatch(Poller& poller, Function<void(int)> told);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void ready(unsigned events) noexcept override;

  Poller& poller_;
  Function<void(int)> told_;
  int ends_[2] = {-1, -1};
  PollHandle* handle_ = nullptr;
};

/// "SIGINT", "SIGTERM", or "signal 10".
const char* signalName(int number) noexcept;

}  // namespace bight::detail
