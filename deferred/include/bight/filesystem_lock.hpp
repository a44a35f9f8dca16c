/// @file
/// `FilesystemLock` and `DeferredFilesystemLock`: one process at a time. Not part of deferred.hpp: include it where it
/// is needed.
#pragma once

#include <chrono>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

#include <bight/deferred.hpp>

namespace bight {

/// `deferUntilLocked` was called while an earlier call is still trying (A77). Twisted:
/// `defer.AlreadyTryingToLockError`.
class BIGHT_API AlreadyTryingToLockError : public std::logic_error {
 public:
  explicit AlreadyTryingToLockError(const std::string& path);
};

/// A file that only one holder has at a time, among all processes of a machine. Twisted: `lockfile.FilesystemLock`.
///
/// It is a lock of the system on the file (`flock`), not the mere presence of a file as in Twisted: when the process
/// that holds it dies, however it dies, the lock is free, and there is no stale one to detect. The file holds the
/// process id of its holder, for people to read, and is removed by `unlock()`. Not for file systems shared between
/// machines.
class BIGHT_API FilesystemLock {
 public:
  explicit FilesystemLock(std::string path) : path_(std::move(path)) {}
  FilesystemLock(const FilesystemLock&) = delete;
  FilesystemLock& operator=(const FilesystemLock&) = delete;
  /// Unlocks.
  ~FilesystemLock();

  /// Tries once, and does not wait. @return whether it is ours now. Throws std::logic_error if it already was;
  /// std::system_error if the file cannot be made or opened, with its path.
  bool lock();
  /// Throws std::logic_error if it is not locked by this object.
  void unlock();

  bool locked() const noexcept { return descriptor_ >= 0; }
  /// While locked: whether the holder before us unlocked it, rather than died with it.
  bool clean() const noexcept { return clean_; }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  int descriptor_ = -1;
  bool clean_ = true;
};

/// A FilesystemLock that one can wait for (A77). Twisted: `defer.DeferredFilesystemLock`.
///
///     DeferredFilesystemLock lock("/run/app.lock", reactor);
///     lock.deferUntilLocked(5s).addCallback([&] { work(); lock.unlock(); });
///
/// If it is destroyed while somebody waits, that Deferred fails with AbandonedError.
template <HasCallLater Clock>
class DeferredFilesystemLock : public FilesystemLock {
 public:
  static constexpr std::chrono::seconds interval{1};

  /// The clock must outlive this.
  DeferredFilesystemLock(std::string path, Clock& clock) : FilesystemLock(std::move(path)), clock_(clock) {}
  ~DeferredFilesystemLock() { stopTrying(); }

  /// Tries at once, then every second. Fires when the lock is ours; fails with TimeoutError after `timeout`, with
  /// std::system_error if the file cannot be used, with AlreadyTryingToLockError if a call before still tries. When the
  /// time is over, and when it is cancelled, it tries one last time; if that works, it fires all the same.
  Deferred<void> deferUntilLocked(std::optional<std::chrono::nanoseconds> timeout = std::nullopt,
                                  std::source_location at = std::source_location::current()) {
    if (next_) return fail<void>(AlreadyTryingToLockError(path()), at);
    Deferred<void> d([this] { lastTry(); }, at);
    waiting_ = d.promise();
    if (!conclude()) {
      again();
      if (timeout) {
        limit_.emplace(clock_.callLater(*timeout, [this, limit = *timeout] {
          lastTry();
          if (!waiting_.called()) waiting_.errback(TimeoutError(limit, "acquiring the lock " + path()));
        }));
      }
    }
    return d;
  }

 private:
  using Call = decltype(std::declval<Clock&>().callLater(std::chrono::nanoseconds(), Function<void()>()));

  void again() {
    next_.emplace(clock_.callLater(interval, [this] {
      if (!conclude()) again();
    }));
  }

  // Tries; fires if that decides it.
  bool conclude() {
    try {
      if (!lock()) return false;
    } catch (...) {
      stopTrying();
      waiting_.errback();
      return true;
    }
    stopTrying();
    waiting_.callback();
    return true;
  }
  void lastTry() {
    stopTrying();
    conclude();
  }

  void stopTrying() {
    for (auto* call : {&next_, &limit_}) {
      if (*call && (*call)->active()) (*call)->cancel();
      call->reset();
    }
  }

  Clock& clock_;
  Promise<void> waiting_;
  std::optional<Call> next_;
  std::optional<Call> limit_;
};

}  // namespace bight
