/// @file
/// Internal: how another thread, or a signal, gets a waiting reactor out of its wait.
#pragma once

#include <bight/poller.hpp>

namespace bight::detail {

/// An eventfd, or a pipe where the system has none, that the poller watches. Any number of wake-ups before the reactor
/// comes to it are one.
class Waker final : private PollTarget {
 public:
  /// @throws std::system_error if there is no descriptor left.
  explicit Waker(Poller& poller);
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  /// From any thread.
  void wake() noexcept;

 private:
  void ready(unsigned events) noexcept override;

  Poller& poller_;
  PollHandle* handle_ = nullptr;
  int readEnd_ = -1;
  int writeEnd_ = -1;  // the same as readEnd_ for an eventfd
};

/// Opens a non-blocking, close-on-exec pipe. @throws std::system_error
void openPipe(int (&ends)[2]);

}  // namespace bight::detail
