/// @file
/// What a callback may look like, and what a mistake in one is answered with. Internal.
///
/// Every mistake must give one message in the user's words. So nothing here constrains a call: `addCallback` and its
/// kin take anything, ask these traits, fail one static_assert, and instantiate nothing more.
#pragma once

#include <type_traits>
#include <utility>

#include <bight/result.hpp>

namespace bight {
template <class T>
class Deferred;
template <class T>
class Promise;
}  // namespace bight

namespace bight::detail {

/// What a stage that returns R puts on the chain.
template <class R>
struct Returned {
  using Value = R;
};
template <class U>
struct Returned<Result<U>> {
  using Value = U;
};
template <class U>
struct Returned<Deferred<U>> {
  using Value = U;
};
/// A function that only ever returns Failures says nothing of the value's type.
struct OnlyFailure {};
template <>
struct Returned<Failure> {
  using Value = OnlyFailure;
};

template <class R>
using ReturnedValue = typename Returned<std::remove_cvref_t<R>>::Value;

template <class R>
inline constexpr bool isDeferred = false;
template <class U>
inline constexpr bool isDeferred<Deferred<U>> = true;

template <class R>
inline constexpr bool isResult = false;
template <class U>
inline constexpr bool isResult<Result<U>> = true;

/// How a callback takes a T: as T&& (which by value and const& accept too), as T&, or not at all. Whether it would take
/// a Failure is asked only when all this failed: the question instantiates the body of a generic lambda.
template <class F, class T>
struct CallbackForm {
  static constexpr bool asValue = std::is_invocable_v<F&, T&&>;
  static constexpr bool asLvalue = [] {
    if constexpr (asValue) {
      return false;
    } else {
      return std::is_invocable_v<F&, T&>;
    }
  }();
  static constexpr bool asNothing = [] {
    if constexpr (asValue || asLvalue) {
      return false;
    } else {
      return std::is_invocable_v<F&>;
    }
  }();
  static constexpr bool takesValue = asValue || asLvalue;
  static constexpr bool ok = takesValue || asNothing;
};
template <class F>
struct CallbackForm<F, void> {
  static constexpr bool asValue = false;
  static constexpr bool asLvalue = false;
  static constexpr bool asNothing = std::is_invocable_v<F&>;
  static constexpr bool takesValue = false;
  static constexpr bool ok = asNothing;
};

template <class F, class T>
decltype(auto) callWithValue(F& f, [[maybe_unused]] std::add_lvalue_reference_t<T> value) {
  if constexpr (CallbackForm<F, T>::asValue) {
    return f(std::move(value));
  } else if constexpr (CallbackForm<F, T>::asLvalue) {
    return f(value);
  } else {
    return f();
  }
}

/// The value type of the chain behind a callback.
template <class F, class T>
struct CallbackNext {
  using R = ReturnedValue<std::invoke_result_t<F&>>;
  using Type = std::conditional_t<std::is_same_v<R, OnlyFailure>, T, R>;
};
template <class F, class T>
  requires(CallbackForm<F, T>::asValue)
struct CallbackNext<F, T> {
  using R = ReturnedValue<std::invoke_result_t<F&, T&&>>;
  using Type = std::conditional_t<std::is_same_v<R, OnlyFailure>, T, R>;
};
template <class F, class T>
  requires(CallbackForm<F, T>::asLvalue)
struct CallbackNext<F, T> {
  using R = ReturnedValue<std::invoke_result_t<F&, T&>>;
  using Type = std::conditional_t<std::is_same_v<R, OnlyFailure>, T, R>;
};
template <class F, class T>
using NextOf = typename CallbackNext<F, T>::Type;

/// Whether a callback gives the chain another type that somebody has to keep a handle for.
template <class F, class T>
concept Retypes = CallbackForm<F, T>::ok && !std::is_same_v<NextOf<F, T>, T> && !std::is_void_v<NextOf<F, T>>;

// ---- errbacks ----

template <class G>
inline constexpr bool takesFailure = std::is_invocable_v<G&, const Failure&> || std::is_invocable_v<G&, Failure&&>;

template <class G>
decltype(auto) callWithFailure(G& g, const Failure& failure) {
  if constexpr (std::is_invocable_v<G&, const Failure&>) {
    return g(failure);
  } else {
    return g(Failure(failure));
  }
}

template <class G>
using ErrbackReturn = decltype(callWithFailure(std::declval<G&>(), std::declval<const Failure&>()));

/// Whether what an errback returns fits a chain of T: T, what converts to T, Failure, Result<T>, Deferred<T>, or
/// nothing.
template <class R, class T>
inline constexpr bool recoversTo = [] {
  using Value = ReturnedValue<R>;
  if constexpr (std::is_void_v<Value> || std::is_same_v<Value, OnlyFailure>) {
    return true;
  } else if constexpr (std::is_void_v<T>) {
    return false;
  } else if constexpr (isDeferred<std::remove_cvref_t<R>>) {
    return std::is_same_v<Value, T>;
  } else {
    return std::is_convertible_v<Value, T>;
  }
}();

/// The type of a chain of T behind an errback that returns R: an errback without a value leaves a chain without one.
template <class R, class T>
using AfterErrback = std::conditional_t<std::is_void_v<ReturnedValue<R>>, void, T>;

/// The same for addCallbacks, whose errback may leave the chain without a value.
template <class F, class G, class T>
concept RetypesWith = Retypes<F, T> && takesFailure<G> && recoversTo<ErrbackReturn<G>, NextOf<F, T>> &&
                      !std::is_void_v<ReturnedValue<ErrbackReturn<G>>>;

// ---- what mistakes are answered with ----

/// Whether F has one fixed list of parameters. Of a generic lambda nothing more is asked once it refused a T: each
/// question instantiates its body, and each instantiation that fails is an error of its own.
template <class F>
concept FixedParameters = !std::is_class_v<F> || requires { &F::operator(); };
template <class F>
concept ErrbackAsCallback = FixedParameters<F> && takesFailure<F>;

template <class T, class F>
constexpr bool checkCallback() {
  if constexpr (CallbackForm<F, T>::ok) {
    return true;
  } else if constexpr (std::is_void_v<T>) {
    static_assert(CallbackForm<F, T>::ok,
                  "bight: this callback has a parameter, but the chain carries no value here (Deferred<void>): let it "
                  "take nothing. If it shall take a Failure, use addErrback, or swap the arguments of addCallbacks");
    return false;
  } else if constexpr (ErrbackAsCallback<F>) {
    static_assert(CallbackForm<F, T>::ok,
                  "bight: this callback takes a Failure. Callbacks take results: use addErrback, or swap the arguments "
                  "of addCallbacks");
    return false;
  } else {
    static_assert(CallbackForm<F, T>::ok,
                  "bight: this callback cannot be called with the chain's current result T: let it take T by value, "
                  "const T&, T&&, or nothing");
    return false;
  }
}

template <class T, class G>
constexpr bool checkErrback() {
  if constexpr (!takesFailure<G>) {
    static_assert(takesFailure<G>, "bight: an errback takes a Failure, by value or as const Failure&");
    return false;
  } else if constexpr (!recoversTo<ErrbackReturn<G>, T>) {
    static_assert(recoversTo<ErrbackReturn<G>, T>,
                  "bight: this errback returns another type than the success path carries: it may return T, something "
                  "convertible to T, "
                  "Failure, Result<T>, Deferred<T>, or nothing (then the chain carries no value from here on)");
    return false;
  } else {
    return true;
  }
}

/// addBoth's function takes a Result<T>, or nothing.
template <class T, class F>
constexpr bool checkBoth() {
  if constexpr (CallbackForm<F, Result<T>>::ok) {
    return true;
  } else {
    static_assert(CallbackForm<F, Result<T>>::ok,
                  "bight: the function of addBoth takes a Result<T>, by value or as const&, or nothing");
    return false;
  }
}

/// What callback() is given.
template <class T, class V>
constexpr bool checkFiring() {
  if constexpr (std::is_void_v<T>) {
    static_assert(std::is_void_v<V>, "bight: a Deferred<void> is fired without a value: callback()");
    return false;
  } else if constexpr (isDeferred<std::remove_cvref_t<V>> && !isDeferred<T>) {
    static_assert(!isDeferred<std::remove_cvref_t<V>>,
                  "bight: a Deferred is not a result that another one could be fired with: hand its result on with "
                  "chainTo(promise), or return it from a callback");
    return false;
  } else {
    static_assert(std::is_convertible_v<V&&, T>,
                  "bight: callback() takes the T of this Deferred<T>, or what converts to it");
    return std::is_convertible_v<V&&, T>;
  }
}

}  // namespace bight::detail
