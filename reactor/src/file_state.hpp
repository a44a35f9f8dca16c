/// @file
/// Internal: an open file, and its queue.
#pragma once

#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <bight/files.hpp>

namespace bight {

struct File::State {
  State(ReactorThreads& r, std::string p, int f) : reactor(r), path(std::move(p)), fd(f) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  [[noreturn]] void fail(const char* operation) const;
  /// Makes errno EBADF known for a closed one.
  void check(const char* operation) const;

  ReactorThreads& reactor;
  const std::string path;
  int fd;  // -1: closed. Of the thread that works for the file at the moment
  // Of the reactor's thread:
  std::deque<Function<void()>> waiting;
  bool busy = false;      // an operation is under way
  bool ended = false;     // it has ended, and nextOf() does not know yet
  bool starting = false;  // in nextOf()
};

namespace detail {

/// An operation has ended: the next one starts. When threads are refused, all that wait fail, in order and without
/// nesting.
inline void nextOf(const std::shared_ptr<File::State>& state) {
  state->ended = true;
  if (std::exchange(state->starting, true)) return;  // whoever is at it goes on
  while (std::exchange(state->ended, false)) {
    state->busy = !state->waiting.empty();
    if (!state->busy) break;
    Function<void()> start = std::move(state->waiting.front());
    state->waiting.pop_front();
    start();
  }
  state->starting = false;
}

/// Runs `work(state)` in a thread when everything before has been done.
template <class F>
auto inTurn(const std::shared_ptr<File::State>& state, F work) {
  using R = std::invoke_result_t<F&, File::State&>;
  Deferred<R> done;
  Function<void()> start = [state, work = std::move(work), promise = done.promise()]() mutable {
    try {
      deferToThread(state->reactor, [state, work = std::move(work)]() mutable {
        return work(*state);
      }).addBoth([state, promise](Result<R> result) {
        nextOf(state);
        if (!promise.called()) promise.callback(std::move(result));
      });
    } catch (...) {
      const Failure failure;
      nextOf(state);
      if (!promise.called()) promise.errback(failure);
    }
  };
  if (state->busy) {
    state->waiting.push_back(std::move(start));
  } else {
    state->busy = true;
    start();
  }
  return done;
}

}  // namespace detail
}  // namespace bight
