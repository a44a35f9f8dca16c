/// @file
/// `DeferredSemaphore`: so many at a time.
#pragma once

#include <cstddef>
#include <list>
#include <source_location>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/maybe_deferred.hpp>

namespace bight {

/// Lets `tokens` users in at a time; the others wait in line. Twisted: `DeferredSemaphore` (A75).
///
///     DeferredSemaphore four(4);
///     for (const Url& url : urls) pages.push_back(four.run([&] { return fetch(url); }));
///
/// Must outlive those who hold a token. If it is destroyed while others wait, they fail with AbandonedError.
class BIGHT_API DeferredSemaphore {
 public:
  /// Throws std::invalid_argument for no tokens.
  explicit DeferredSemaphore(std::size_t tokens);
  DeferredSemaphore(const DeferredSemaphore&) = delete;
  DeferredSemaphore& operator=(const DeferredSemaphore&) = delete;
  ~DeferredSemaphore();

  /// Fires as soon as there is a token; at once if there is one now. Cancelling a waiting one leaves the line.
  Deferred<DeferredSemaphore*> acquire(std::source_location at = std::source_location::current());

  /// Gives a token back, to the first in line if there is one: its callbacks run before this returns. Throws
  /// std::logic_error if none is out.
  void release();

  /// How many tokens are free, and how many there are.
  std::size_t tokens() const noexcept { return free_; }
  std::size_t limit() const noexcept { return limit_; }

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
  std::list<Promise<DeferredSemaphore*>> waiting_;
  std::size_t free_;
  std::size_t limit_;
};

}  // namespace bight
