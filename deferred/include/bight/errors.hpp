/// @file
/// What can go wrong with a Deferred itself. Misuse is a `std::logic_error` and is thrown at the call; what the world
/// does to an operation is a `std::runtime_error` and travels down the chain.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

#include <bight/export.hpp>

namespace bight {

/// A Deferred was fired a second time (A2). The message says where it was made and where it was fired first.
class BIGHT_API AlreadyCalledError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// A stage that needs the value was added, or a value was fired, through a handle whose type the chain does not carry
/// at that place.
class BIGHT_API RetypedError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// `Failure()` or `errback()` without arguments was called while no exception was being handled (A4, A95).
class BIGHT_API NoCurrentExceptionError : public std::logic_error {
 public:
  NoCurrentExceptionError();
};

/// The operation was cancelled and its canceller did not say anything better (A35). Twisted: `defer.CancelledError`.
class BIGHT_API CancelledError : public std::runtime_error {
 public:
  CancelledError();
  explicit CancelledError(const std::string& what);
};

/// `addTimeout` ran out of time (A46). Twisted: `defer.TimeoutError`.
class BIGHT_API TimeoutError : public std::runtime_error {
 public:
  explicit TimeoutError(std::chrono::nanoseconds limit, const std::string& what = "Deferred");
  explicit TimeoutError(const std::string& what);
  /// The time that was allowed; zero when not known.
  std::chrono::nanoseconds limit() const noexcept { return limit_; }

 private:
  std::chrono::nanoseconds limit_{0};
};

/// Everything that could have fired the Deferred has gone: its last Promise died unfired. Nothing waits for ever in
/// silence.
class BIGHT_API AbandonedError : public std::runtime_error {
 public:
  AbandonedError();
};

/// `DeferredQueue::put` on a full queue (A76).
class BIGHT_API QueueOverflow : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// `DeferredQueue::get` while as many getters wait as the queue allows (A76).
class BIGHT_API QueueUnderflow : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace bight
