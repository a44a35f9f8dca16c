/// @file
/// `DeferredLock`: one at a time.
#pragma once

#include <list>
#include <source_location>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/maybe_deferred.hpp>

namespace bight {

/// Lets one user in at a time; the others wait in line. Twisted: `DeferredLock` (A72-A74).
///
///     lock.run([&] { return store(page); });      // acquires, stores, releases, and gives the result of store
///
/// Must outlive those who hold it. If it is destroyed while others wait, they fail with AbandonedError.
class BIGHT_API DeferredLock {
 public:
  DeferredLock() = default;
  DeferredLock(const DeferredLock&) = delete;
  DeferredLock& operator=(const DeferredLock&) = delete;
  ~DeferredLock();

  /// Fires with the lock as soon as it is one's own; at once if it is free. Cancelling a waiting one leaves the line;
  /// cancelling one that has fired changes nothing.
  Deferred<DeferredLock*> acquire(std::source_location at = std::source_location::current());

  /// Hands the lock to the first in line, whose callbacks run before this returns. Throws std::logic_error if it is not
  /// locked.
  void release();

  bool locked() const noexcept { return locked_; }

  /// Acquires, calls `f` (which may return anything, see maybeDeferred), releases when that is done, and passes its
  /// result on.
  template <class F>
  auto run(F f) {
    return acquire().addCallback([this, f = std::move(f)]() mutable {
      return maybeDeferred(f).addBoth([this](auto result) {
        release();
        return result;
      });
    });
  }

 private:
  std::list<Promise<DeferredLock*>> waiting_;
  bool locked_ = false;
};

}  // namespace bight
