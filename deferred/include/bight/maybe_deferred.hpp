/// @file
/// Deferreds that are there at once, and functions made into Deferreds.
#pragma once

#include <concepts>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include <bight/deferred.hpp>

namespace bight {

/// A Deferred that has been fired with `value`. Twisted: `succeed` (A6).
template <class V>
Deferred<std::decay_t<V>> succeed(V&& value, std::source_location at = std::source_location::current()) {
  Deferred<std::decay_t<V>> d(at);
  d.callback(std::forward<V>(value), at);
  return d;
}
inline Deferred<void> succeed(std::source_location at = std::source_location::current()) {
  Deferred<void> d(at);
  d.callback(at);
  return d;
}

/// A Deferred that has failed with `failure`: `return fail<Page>(NotFound(url));`. Twisted: `fail` (A6).
template <class T>
Deferred<T> fail(Failure failure, std::source_location at = std::source_location::current()) {
  Deferred<T> d(at);
  d.errback(std::move(failure), at);
  return d;
}
template <class T, class E>
  requires(!std::is_same_v<std::remove_cvref_t<E>, Failure> &&
           !std::is_same_v<std::remove_cvref_t<E>, std::source_location>)
Deferred<T> fail(E&& exception, std::source_location at = std::source_location::current()) {
  return fail<T>(Failure(std::forward<E>(exception)), at);
}
/// The same with the exception that is being handled; throws NoCurrentExceptionError outside of a `catch`.
template <class T>
Deferred<T> fail(std::source_location at = std::source_location::current()) {
  return fail<T>(Failure(), at);
}

/// Calls `f` and gives a Deferred of its result, whatever `f` is: it may return a Deferred (which is given back as it
/// is), be a coroutine (which is started), return a Failure or a Result, throw (a failed Deferred), or return any value
/// (a fired one) (A66). A function that only ever returns Failure gives a `Deferred<void>`. Twisted: `maybeDeferred`.
template <class F, class... A>
auto maybeDeferred(F&& f, A&&... arguments) {
  using R = std::remove_cvref_t<std::invoke_result_t<F, A...>>;
  using U = std::conditional_t<std::is_same_v<R, Failure>, void, detail::ReturnedValue<R>>;
  try {
    if constexpr (detail::isDeferred<R>) {
      return std::forward<F>(f)(std::forward<A>(arguments)...);
    } else if constexpr (std::is_void_v<R>) {
      std::forward<F>(f)(std::forward<A>(arguments)...);
      return succeed();
    } else if constexpr (std::is_same_v<R, Failure>) {
      return fail<U>(std::forward<F>(f)(std::forward<A>(arguments)...));
    } else if constexpr (detail::isResult<R>) {
      Deferred<U> d;
      d.promise().callback(std::forward<F>(f)(std::forward<A>(arguments)...));
      return d;
    } else {
      return succeed(std::forward<F>(f)(std::forward<A>(arguments)...));
    }
  } catch (...) {
    if (!std::current_exception()) throw;  // the thread is being cancelled (A21)
    return fail<U>(Failure());
  }
}

/// Calls `f` and wraps what it returns or throws, without looking into a returned Deferred, which is refused at compile
/// time: use maybeDeferred for that (A67). Twisted: `execute`.
template <class F, class... A>
auto execute(F&& f, A&&... arguments) {
  static_assert(!detail::isDeferred<std::remove_cvref_t<std::invoke_result_t<F, A...>>>,
                "bight: execute() wraps plain results; for a function that returns a Deferred use maybeDeferred");
  return maybeDeferred(std::forward<F>(f), std::forward<A>(arguments)...);
}

}  // namespace bight
