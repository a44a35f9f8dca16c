/// @file
/// `Deferred<T>`: a result that is not there yet, and the chain of functions that waits for it. Includes all of the
/// package.
#pragma once

#include <concepts>
#include <source_location>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <bight/detail/chain.hpp>
#include <bight/detail/stages.hpp>
#include <bight/errors.hpp>
#include <bight/failure.hpp>
#include <bight/function.hpp>
#include <bight/promise.hpp>
#include <bight/result.hpp>
#include <bight/unhandled.hpp>

namespace bight {

/// A move-only handle on a chain of callbacks. T is the type of the result *at the place where the handle stands*.
///
///     Deferred<int> d;
///     d.addCallback([](int n) { return n + 1; });            // int -> int: d itself, as in Twisted
///     d.addErrback([](const Failure& f) { return 0; });      // runs only if something before it failed
///     d.addCallback([](int n) { std::cout << n << '\n'; });  // prints 42 as soon as…
///     d.callback(41);                                        // …somebody fires it
///
/// **The rules.** Each stage runs exactly once, in the order in which the stages were added, at once and in place: in
/// `callback()` if the chain was not fired yet, in `addCallback()` if it was (A7, A18). There is no loop and no thread
/// in a Deferred. A value goes to the next callback, a Failure to the next errback; the stages in between are skipped
/// (A11). A stage may return
///
/// | returned        | what the next stage sees                                                        |
/// |-----------------|---------------------------------------------------------------------------------|
/// | a value U       | U                                                                               |
/// | nothing         | nothing: `Deferred<void>`                                                       |
/// | `Failure`       | the failure (so does throwing anything; returning is 20 times cheaper)          |
/// | `Result<U>`     | whichever it holds                                                              |
/// | `Deferred<U>`   | U or the failure, when that one has them; until then this chain waits (A22)     |
///
/// A callback takes T by value, `const T&`, `T&`, `T&&`, or nothing at all. An errback takes a Failure, by value or
/// `const Failure&`, and must leave both paths with one type: it returns T, what converts to T, or one of the above; if
/// it returns nothing, the chain carries nothing.
///
/// **Types along a chain.** On a temporary, `addCallback` gives the handle for the new place, so a pipeline is written
/// in one expression, and may be dropped: it runs on.
///
///     fetch(url).addCallback(parse).addErrback(report);
///
/// On a named Deferred, a callback that keeps the type gives the same Deferred back by reference; one that returns
/// nothing gives a `Deferred<void>` that may be dropped; one that changes the type gives a `Deferred<U>` that must be
/// kept. The old name stays the *head* of the chain: it can still fire and cancel. A stage that needs the value, added
/// through a name whose type the chain has left, throws RetypedError.
///
/// **Lifetime.** Handles share the chain. A failure nobody handled is reported when the last handle dies (see
/// unhandled.hpp). A stage that captures `this` must not outlive it: see CancelScope. Not for use by several threads at
/// once; the whole chain belongs to one.
///
/// Twisted: `defer.Deferred`.
template <class T>
class Deferred {
 public:
  using value_type = T;

  /// A Deferred that has not been fired. Fire it yourself, or hand out its `promise()`.
  explicit Deferred(std::source_location at = std::source_location::current())
      : Deferred(detail::Chain::make(detail::valueType<T>, detail::valueType<T>, at)) {
    chain_->addHandle();
  }

  /// The same, with what shall happen when somebody cancels it: `canceller` is called at most once, with a Promise or
  /// with nothing. It may fire the Promise; if it does not, the Deferred fails with CancelledError (A37). What it
  /// throws is reported, and the Deferred fails with CancelledError all the same (A41). It is dropped as soon as the
  /// Deferred fires (A42).
  template <class C>
    requires(std::invocable<C&, Promise<T>> || std::invocable<C&>)
  explicit Deferred(C canceller, std::source_location at = std::source_location::current()) : Deferred(at) {
    chain_->setCanceller([canceller = std::move(canceller)](detail::Chain& chain) mutable {
      if constexpr (std::invocable<C&, Promise<T>>) {
        canceller(Promise<T>(chain));
      } else {
        canceller();
      }
    });
  }

  Deferred(Deferred&& other) noexcept : chain_(std::exchange(other.chain_, nullptr)) {}
  Deferred& operator=(Deferred&& other) noexcept {
    std::swap(chain_, other.chain_);
    return *this;
  }
  Deferred(const Deferred&) = delete;             // a Deferred is move-only: std::move it, or share its promise()
  Deferred& operator=(const Deferred&) = delete;  // a Deferred is move-only: std::move it, or share its promise()
  ~Deferred() {
    if (chain_) chain_->dropHandle();
  }

  // ---- firing ----

  /// The producer's end: copyable, and it can do nothing but fire. See Promise for what happens when the last one dies.
  Promise<T> promise() const {
    checkHead();
    return Promise<T>(*chain_);
  }

  /// Fires with a value: all stages that can run have run when this returns. Throws AlreadyCalledError the second time
  /// (A2), RetypedError on a handle that is not the head of its chain.
  template <class V = T>
  void callback(V&& value, std::source_location at = std::source_location::current()) {
    if constexpr (detail::checkFiring<T, V>()) {
      checkHead();
      const detail::Kept kept(*chain_);
      detail::fireWith<T>(kept.chain, std::forward<V>(value), at);
    }
  }
  void callback(std::source_location at = std::source_location::current())
    requires std::is_void_v<T>
  {
    checkHead();
    const detail::Kept kept(*chain_);
    detail::fireWith(kept.chain, at);
  }
  /// The same as errback (A3).
  void callback(Failure failure, std::source_location at = std::source_location::current()) {
    errback(std::move(failure), at);
  }

  /// Fires with a failure: with a Failure, with one made of an exception value, or with the exception being handled
  /// (A4).
  void errback(Failure failure, std::source_location at = std::source_location::current()) {
    if (need().isCoroutine()) [[unlikely]]
      chain_->throwRetyped(detail::valueType<T>, true);
    const detail::Kept kept(*chain_);
    kept.chain.fire(std::move(failure), at);
  }
  template <class E>
    requires(!std::is_same_v<std::remove_cvref_t<E>, Failure>)
  void errback(E&& exception, std::source_location at = std::source_location::current()) {
    errback(Failure(std::forward<E>(exception)), at);
  }
  void errback(std::source_location at = std::source_location::current()) { errback(Failure(), at); }

  // ---- stages ----

  /// Adds a stage that sees a value; a failure passes it by. See the class for what `f` may take and return.
  template <class F>
  auto addCallback(F&& f, std::source_location at = std::source_location::current()) && {
    return std::move(*this).addBehind(callbackStage<F>(f), at);
  }
  template <class F>
  decltype(auto) addCallback(F&& f, std::source_location at = std::source_location::current()) & {
    return addHere(callbackStage<F>(f), at);
  }
  template <class F>
    requires detail::Retypes<std::decay_t<F>, T>
  [[nodiscard("the callback changes the type of the chain: keep the returned Deferred to go on")]] auto addCallback(
      F&& f, std::source_location at = std::source_location::current()) & {
    return addHere(callbackStage<F>(f), at);
  }

  /// Adds a stage that sees a failure; a value passes it by.
  template <class G>
  auto addErrback(G&& g, std::source_location at = std::source_location::current()) && {
    return std::move(*this).addBehind(errbackStage<G>(g), at);
  }
  template <class G>
  decltype(auto) addErrback(G&& g, std::source_location at = std::source_location::current()) & {
    return addHere(errbackStage<G>(g), at);
  }

  /// Adds one stage with both sides: `g` does not see what `f` throws (A12).
  template <class F, class G>
  auto addCallbacks(F&& f, G&& g, std::source_location at = std::source_location::current()) && {
    return std::move(*this).addBehind(twoSidedStage<F, G>(f, g), at);
  }
  template <class F, class G>
  decltype(auto) addCallbacks(F&& f, G&& g, std::source_location at = std::source_location::current()) & {
    return addHere(twoSidedStage<F, G>(f, g), at);
  }
  template <class F, class G>
    requires detail::RetypesWith<std::decay_t<F>, std::decay_t<G>, T>
  [[nodiscard("the callback changes the type of the chain: keep the returned Deferred to go on")]] auto addCallbacks(
      F&& f, G&& g, std::source_location at = std::source_location::current()) & {
    return addHere(twoSidedStage<F, G>(f, g), at);
  }

  /// Adds a stage that sees whichever it is, as a `Result<T>`, or takes nothing. To clean up and pass the result on,
  /// return it.
  template <class F>
  auto addBoth(F&& f, std::source_location at = std::source_location::current()) && {
    return std::move(*this).addBehind(bothStage<F>(f), at);
  }
  template <class F>
  decltype(auto) addBoth(F&& f, std::source_location at = std::source_location::current()) & {
    return addHere(bothStage<F>(f), at);
  }

  /// Hands the result on to another Deferred's producer end, and goes on with nothing. Cancelling that other one does
  /// not cancel this one (A30). If that one was fired already, this chain fails with AlreadyCalledError. Twisted:
  /// `chainDeferred`.
  Deferred<void> chainTo(Promise<T> other, std::source_location at = std::source_location::current()) {
    return Deferred(handle()).addBoth(
        [other = std::move(other), at](Result<T> result) { other.callback(std::move(result), at); }, at);
  }

  /// Cancels the operation unless it has a result within `limit`, on any clock with `callLater`: a reactor or a test
  /// Clock. Covers the stages added before, not those after (A45). If it was the timeout that ended it with a
  /// CancelledError, the failure becomes a TimeoutError that names the limit; any other result is passed on as it is
  /// (A46). `onTimeoutCancel(Result<T>, limit)` is called instead, if given, whenever the time ran out, and decides the
  /// result (A47). No delayed call is left behind (A48).
  template <class Clock>
  Deferred& addTimeout(std::chrono::nanoseconds limit, Clock& clock,
                       std::source_location at = std::source_location::current()) &;
  template <class Clock>
  Deferred addTimeout(std::chrono::nanoseconds limit, Clock& clock,
                      std::source_location at = std::source_location::current()) &&;
  template <class Clock, class F>
    requires(!std::same_as<std::remove_cvref_t<F>, std::source_location>)
  Deferred& addTimeout(std::chrono::nanoseconds limit, Clock& clock, F&& onTimeoutCancel,
                       std::source_location at = std::source_location::current()) &;
  template <class Clock, class F>
    requires(!std::same_as<std::remove_cvref_t<F>, std::source_location>)
  Deferred addTimeout(std::chrono::nanoseconds limit, Clock& clock, F&& onTimeoutCancel,
                      std::source_location at = std::source_location::current()) &&;

  // ---- control ----

  /// Asks the operation to stop (A35-A44). Not fired yet: its canceller runs, or it fails with CancelledError at once.
  /// Waiting for a Deferred that a stage returned: that one is cancelled. Otherwise nothing. A request, not a state:
  /// the chain may recover.
  void cancel() {
    const detail::Kept kept(need());
    kept.chain.cancel();
  }

  /// Holds the stages that have not run yet, also from inside a running stage (A33), until as many `unpause()` as
  /// `pause()` were called.
  void pause() { need().pause(); }
  /// Throws std::logic_error without a `pause()` before it (A34).
  void unpause() {
    const detail::Kept kept(need());
    kept.chain.unpause();
  }

  /// Whether the chain has been fired.
  bool called() const { return need().isCalled(); }

  /// For messages: "<Deferred<int> at 0x… waiting on Deferred at 0x…>" (A31).
  std::string toString() const { return detail::describe(need(), typeid(T)); }

  // ---- for the package ----

  /// @cond internal
  explicit Deferred(detail::Chain* chain) noexcept : chain_(chain) {}  // takes over one handle
  detail::Chain* releaseChain() && {
    need();
    return std::exchange(chain_, nullptr);
  }
  detail::Chain& chain() const { return need(); }
  /// @endcond

 private:
  template <class U>
  friend class Deferred;

  detail::Chain& need() const {
    if (!chain_) [[unlikely]]
      throw std::logic_error(
          "bight: this Deferred was moved from (returned, awaited, gathered): to fire it later, take its promise() "
          "before, and keep that");
    return *chain_;
  }
  void checkHead() const {
    if (!need().template beginsWith<T>()) [[unlikely]]
      chain_->throwRetyped(detail::valueType<T>, true);
  }
  // Another handle on this chain.
  detail::Chain* handle() const {
    need().addHandle();
    return chain_;
  }

  /// What a stage asks of the chain it is added to: that it carries a T, or nothing; or it leaves alone whatever the
  /// chain carries.
  enum class Needs { value, nothing, nothingAndKeepsType };

  /// A stage ready to be added: its functor, the type after it, and what it needs.
  template <class U, Needs needed, class Functor>
  struct NewStage {
    using Next = U;
    static constexpr Needs needs = needed;
    static constexpr bool valid = true;
    Functor functor;
  };
  /// The answer to a mistake that a static_assert has told already.
  struct Mistaken {
    static constexpr bool valid = false;
  };

  template <class F>
  static auto callbackStage(F& f) {
    using Held = std::decay_t<F>;
    if constexpr (detail::checkCallback<T, Held>()) {
      using U = detail::NextOf<Held, T>;
      constexpr bool takesValue = detail::CallbackForm<Held, T>::takesValue;
      return NewStage<U, takesValue ? Needs::value : Needs::nothing, detail::TwoSided<T, U, Held, detail::PassThrough>>{
          {std::forward<F>(f), {}}};
    } else {
      return Mistaken{};
    }
  }

  template <class G>
  static auto errbackStage(G& g) {
    using Held = std::decay_t<G>;
    if constexpr (detail::checkErrback<T, Held>()) {
      using Returned = detail::ErrbackReturn<Held>;
      using U = detail::AfterErrback<Returned, T>;
      constexpr bool onlyFails = std::is_same_v<detail::ReturnedValue<Returned>, detail::OnlyFailure>;
      if constexpr (std::is_void_v<U> && !onlyFails) {
        return NewStage<U, Needs::nothing, detail::TwoSided<T, U, detail::DropValue, Held>>{{{}, std::forward<G>(g)}};
      } else {
        return NewStage<U, onlyFails ? Needs::nothingAndKeepsType : Needs::value,
                        detail::TwoSided<T, U, detail::PassThrough, Held>>{{{}, std::forward<G>(g)}};
      }
    } else {
      return Mistaken{};
    }
  }

  template <class F, class G>
  static auto twoSidedStage(F& f, G& g) {
    using Callback = std::decay_t<F>;
    using Errback = std::decay_t<G>;
    if constexpr (detail::checkCallback<T, Callback>()) {
      using Value = detail::NextOf<Callback, T>;
      if constexpr (detail::checkErrback<Value, Errback>()) {
        using U = detail::AfterErrback<detail::ErrbackReturn<Errback>, Value>;
        constexpr bool takesValue = detail::CallbackForm<Callback, T>::takesValue;
        return NewStage<U, takesValue ? Needs::value : Needs::nothing, detail::TwoSided<T, U, Callback, Errback>>{
            {std::forward<F>(f), std::forward<G>(g)}};
      } else {
        return Mistaken{};
      }
    } else {
      return Mistaken{};
    }
  }

  template <class F>
  static auto bothStage(F& f) {
    using Held = std::decay_t<F>;
    if constexpr (detail::checkBoth<T, Held>()) {
      using Next = detail::NextOf<Held, Result<T>>;
      // Of a function that only returns Failures, NextOf says what it was given.
      using U = std::conditional_t<std::is_same_v<Next, Result<T>>, T, Next>;
      constexpr bool takesResult = detail::CallbackForm<Held, Result<T>>::takesValue;
      return NewStage<U, takesResult ? Needs::value : Needs::nothing, detail::OneSided<T, U, Held>>{
          {std::forward<F>(f)}};
    } else {
      return Mistaken{};
    }
  }

  template <class Stage>
  void add(Stage& stage, std::source_location at) {
    if constexpr (Stage::needs == Needs::value) {
      if (!need().template endsWith<T>()) [[unlikely]]
        chain_->throwRetyped(detail::valueType<T>, false);
    }
    const detail::Kept kept(need());
    detail::addStage(
        kept.chain, std::move(stage.functor), at,
        Stage::needs == Needs::nothingAndKeepsType ? kept.chain.endType() : detail::valueType<typename Stage::Next>);
  }

  // Through a name: the same Deferred for the same type, a new handle for another.
  template <class Stage>
  decltype(auto) addHere(Stage&& stage, std::source_location at) {
    if constexpr (!Stage::valid) {
      return static_cast<Deferred&>(*this);
    } else if constexpr (std::is_same_v<typename Stage::Next, T>) {
      add(stage, at);
      return static_cast<Deferred&>(*this);
    } else {
      Deferred<typename Stage::Next> next(handle());
      add(stage, at);
      return next;
    }
  }

  // Through a temporary: the handle moves on to the new place.
  template <class Stage>
  auto addBehind(Stage&& stage, std::source_location at) && {
    if constexpr (!Stage::valid) {
      return std::move(*this);
    } else {
      add(stage, at);
      return Deferred<typename Stage::Next>(std::move(*this).releaseChain());
    }
  }

  detail::Chain* chain_;

  // At the end: behind a failed one clang knows no members, and complains of each that is used.
  static_assert(!detail::isDeferred<T>,
                "bight: there is no Deferred<Deferred<T>>: returning a Deferred from a stage already flattens it");
  static_assert(
      !std::is_same_v<T, Failure>,
      "bight: there is no Deferred<Failure>: a Failure already travels on the errback side: write fail<T>(failure)");
  static_assert(!std::is_reference_v<T> && !std::is_const_v<T>,
                "bight: a Deferred carries a value: no reference, no const");
};

}  // namespace bight

#include <bight/cancel_scope.hpp>
#include <bight/coroutine.hpp>
#include <bight/deferred_list.hpp>
#include <bight/gather_results.hpp>
#include <bight/lock.hpp>
#include <bight/maybe_deferred.hpp>
#include <bight/queue.hpp>
#include <bight/race.hpp>
#include <bight/semaphore.hpp>
#include <bight/timeout.hpp>
