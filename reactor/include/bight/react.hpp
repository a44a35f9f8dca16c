/// @file
/// `react`: the `main` of a program that does one thing and ends.
#pragma once

#include <exception>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/detail/waitable.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/reactor.hpp>

namespace bight {

/// Throw it (or fail with it) in a program run by `react` to end it with an exit status and without a word. Python:
/// SystemExit.
class BIGHT_API SystemExit : public std::exception {
 public:
  explicit SystemExit(int code) noexcept : code_(code) {}
  ~SystemExit() override;
  int code() const noexcept { return code_; }
  const char* what() const noexcept override;

 private:
  int code_;
};

namespace detail {
BIGHT_API int reactWith(Reactor& reactor, Function<Deferred<void>()> main) noexcept;
BIGHT_API int reactWithOwnReactor(Function<Deferred<void>(Reactor&)> main) noexcept;

/// Calls a program's function with what it takes of (reactor, argc, argv); the Deferred fires when it is done, at the
/// latest.
template <class F>
Deferred<void> callMain(F& f, Reactor& reactor, int argc, char** argv) {
  const auto call = [&](auto&&... arguments) -> Deferred<void> {
    static_assert(isDeferred<std::invoke_result_t<F&, decltype(arguments)...>>,
                  "bight: the function given to react must return a Deferred (or be a coroutine that does): the "
                  "program ends when it fires");
    return *callWaitable(f, std::forward<decltype(arguments)>(arguments)...);
  };
  if constexpr (std::is_invocable_v<F&, Reactor&, int, char**>) {
    return call(reactor, argc, argv);
  } else if constexpr (std::is_invocable_v<F&, Reactor&, std::vector<std::string>>) {
    return call(reactor, std::vector<std::string>(argv, argv + argc));
  } else {
    static_assert(std::is_invocable_v<F&, Reactor&>,
                  "bight: the function given to react takes (Reactor&), (Reactor&, int, char**) or (Reactor&, "
                  "std::vector<std::string>)");
    return call(reactor);
  }
}
}  // namespace detail

/// Runs a program: makes a reactor, calls `program`, runs until the Deferred it returned has fired, and returns the
/// exit status for `main`.
///
/// ```cpp
/// Deferred<void> program(Reactor& reactor, int argc, char** argv) { ... }
/// int main(int argc, char** argv) { return react(program, argc, argv); }
/// ```
///
/// | what happens | exit status |
/// |---|---|
/// | the Deferred fires, or the reactor is stopped before (Ctrl-C) | 0 |
/// | it fails, or `program` throws: logged as "main function encountered error" | 1 |
/// | it fails with, or `program` throws, SystemExit | its code |
/// | BIGHT_REACTOR names no reactor of this system: one line on stderr | 2 |
///
/// `program` takes `(Reactor&)`, `(Reactor&, int, char**)` or `(Reactor&, std::vector<std::string>)`, and is called
/// before the reactor runs. Twisted: task.react.
template <class F>
int react(F program, int argc = 0, char** argv = nullptr) {
  return detail::reactWithOwnReactor(
      [&](Reactor& reactor) -> Deferred<void> { return detail::callMain(program, reactor, argc, argv); });
}

/// The same with a reactor of yours, which has not run yet.
template <class F>
int react(Reactor& reactor, F program, int argc = 0, char** argv = nullptr) {
  return detail::reactWith(reactor, [&]() -> Deferred<void> { return detail::callMain(program, reactor, argc, argv); });
}

}  // namespace bight
