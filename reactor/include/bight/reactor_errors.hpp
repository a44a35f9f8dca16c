/// @file
/// What the reactor and its timers throw when they are misused. All are `std::logic_error`s: the program, not the
/// world, is wrong.
#pragma once

#include <stdexcept>

#include <bight/export.hpp>

namespace bight {

/// `stop()` was called on a reactor that is not running, or that is already stopping. Twisted: ReactorNotRunning.
class BIGHT_API ReactorNotRunning : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~ReactorNotRunning() override;
};

/// `run()` was called on a reactor that is running. Twisted: ReactorAlreadyRunning.
class BIGHT_API ReactorAlreadyRunning : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~ReactorAlreadyRunning() override;
};

/// `run()` was called on a reactor that has been stopped. Make a new one: reactors are objects. Twisted:
/// ReactorNotRestartable.
class BIGHT_API ReactorNotRestartable : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~ReactorNotRestartable() override;
};

/// A timer was cancelled, reset or delayed after it had been called, or while it ran. Twisted: AlreadyCalled.
class BIGHT_API AlreadyCalled : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~AlreadyCalled() override;
};

/// A timer was cancelled, reset or delayed after it had been cancelled. Twisted: AlreadyCancelled.
class BIGHT_API AlreadyCancelled : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~AlreadyCancelled() override;
};

/// Work was given to a thread pool that has been stopped. Twisted: AlreadyQuit.
class BIGHT_API AlreadyQuit : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~AlreadyQuit() override;
};

/// A reactor function was called in another thread than the reactor's. Only `callFromThread` may be. See
/// docs/howto/threads.md.
class BIGHT_API WrongThread : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~WrongThread() override;
};

}  // namespace bight
