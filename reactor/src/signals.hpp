/// @file
/// Internal: signals for reactors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/poller.hpp>

namespace bight::detail {

/// The highest signal there is.
inline constexpr int lastSignal = 64;

/// While it lives, the signals that were added are told to the reactor instead of doing what they do. Several reactors
/// may watch one signal: all of them are told. The last one restores the action that it found, unless somebody has
/// replaced ours meanwhile.
class BIGHT_API SignalWatch final : private PollTarget {
 public:
  /// Watches nothing yet.
  /// @param told called in the reactor's thread with the signal's number
  /// @throws std::system_error if there is no descriptor left;  std::length_error if too many reactors watch.
  SignalWatch(Poller& poller, Function<void(int)> told);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// One more who wants to hear of it.
  /// @param onlyIfDefault leave alone an action that somebody has set. @return false if so
  /// @throws std::invalid_argument, std::system_error
  bool add(int number, bool onlyIfDefault = false);
  /// One less. As often as `add` has said true.
  void remove(int number) noexcept;

 private:
  void ready(unsigned events) noexcept override;

  Poller& poller_;
  Function<void(int)> told_;
  int ends_[2] = {-1, -1};
  PollHandle* handle_ = nullptr;
  std::size_t place_ = 0;
  std::array<int, lastSignal + 1> users_{};
};

/// "SIGINT", "SIGTERM", …, or "signal 35".
BIGHT_API const char* signalName(int number) noexcept;
/// Of "SIGTERM" or "TERM". @throws std::invalid_argument for any other text
BIGHT_API int signalNumber(std::string_view name);

}  // namespace bight::detail
