/// @file
/// Coroutines: `co_await` a Deferred, and write a function that returns one.
///
///     Deferred<Page> load(Url url) {
///       Response response = co_await get(url);          // suspends until it is there; a failure is thrown here
///       if (response.code != 200) co_return Failure(NotFound(url));
///       co_return parse(response.body);
///     }
///
/// The body starts at once and runs to its first wait on something that is not there yet (A78). Waiting on something
/// that is there goes on without suspending, however often (A79). The returned Deferred fires when the body ends, after
/// its local variables are gone; what the body throws is its failure. Cancelling it cancels what the body waits for now
/// (A83); the body sees that as an exception at the `co_await`, and may catch it and go on (A84). Dropping the returned
/// Deferred does not stop the body: it runs on, like any pipeline (A89).
///
/// `co_await` consumes: it takes a temporary, or `std::move(d)` (A82).
///
/// Parameters are copied into the coroutine, references are not: take values. A capturing lambda that is a coroutine
/// must live as long as its body; as a callback of a Deferred it does, since a stage is kept until the Deferred it
/// returned has fired.
///
/// g++ 12 miscompiles a `co_await` inside the condition of `if (a && b)`, `switch` and `while`, inside braced
/// initialisers, and where what is awaited has braces in it, as `co_await run("make", {"-k"})`: write one `co_await` per
/// plain statement, and give what has braces a name before.
///
/// Twisted: `inlineCallbacks`, `Deferred.fromCoroutine`.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include <bight/deferred.hpp>

namespace bight::detail {

/// The part of a coroutine that does not depend on its type: its memory, and its chain.
class BIGHT_API CoroutineFrame {
 public:
  CoroutineFrame() = default;
  CoroutineFrame(const CoroutineFrame&) = delete;
  CoroutineFrame& operator=(const CoroutineFrame&) = delete;

  /// Frames come from lists that each thread keeps, by size.
  static void* operator new(std::size_t size);
  static void operator delete(void* frame, std::size_t size) noexcept;

  std::suspend_never initial_suspend() noexcept { return {}; }

  void unhandled_exception();

  Chain& chain() noexcept { return *chain_; }

  /// Takes the failure that a `co_await` brought, to be thrown then: what comes out of the body may be it.
  const Failure& take(Chain& inner, std::source_location at) noexcept;

 protected:
  ~CoroutineFrame() {
    if (chain_) chain_->dropPromise();  // destroyed by somebody else before its end
  }

  Chain* begin(const ValueType& type, std::source_location at) { return chain_ = Chain::makeForCoroutine(type, at); }
  void fail(Failure failure);
  void goOn() noexcept {
    if (FailureState::identity(raised_)) [[unlikely]]
      raised_ = FailureState::none();
  }

  Chain* chain_ = nullptr;
  Failure raised_ = FailureState::none();  // by the last co_await
};

template <class T>
class Awaiter;

template <class T>
class CoroutinePromise;

/// Ends the coroutine: first the frame goes, then the chain runs.
template <class T>
struct FinalAwaiter {
  bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<CoroutinePromise<T>> coroutine) noexcept {
    Chain* chain = coroutine.promise().release();
    coroutine.destroy();  // and this awaiter with it
    chain->endFireOfCoroutine();
    chain->dropPromise();
  }
  void await_resume() noexcept {}
};

template <class T>
class CoroutineReturn : public CoroutineFrame {
 public:
  /// co_return of a value, a Failure, or a Result<T>.
  template <class V = T>
    requires std::is_convertible_v<V&&, T>
  void return_value(V&& value) {
    T made(std::forward<V>(value));
    if (chain_->beginFire(std::source_location())) chain_->template setValue<T>(std::move(made));
  }
  void return_value(Failure failure) { fail(std::move(failure)); }
  void return_value(Result<T> result) {
    if (result) {
      return_value(*std::move(result));
    } else {
      fail(result.failure());
    }
  }
};

template <>
class CoroutineReturn<void> : public CoroutineFrame {
 public:
  void return_void() {
    if (chain_->beginFire(std::source_location())) chain_->setValue<void>();
  }
};

template <class T>
class CoroutinePromise final : public CoroutineReturn<T> {
 public:
  Deferred<T> get_return_object(std::source_location at = std::source_location::current()) {
    return Deferred<T>(this->begin(valueType<T>, at));
  }
  FinalAwaiter<T> final_suspend() noexcept { return {}; }

  /// A co_await in this coroutine: of a Deferred, and then it is known where; or of anything else.
  template <class U>
  Awaiter<U> await_transform(Deferred<U>&& deferred, std::source_location at = std::source_location::current()) {
    this->goOn();
    return Awaiter<U>(std::move(deferred), at, this);
  }
  template <class A>
  A&& await_transform(A&& other) noexcept {
    return std::forward<A>(other);
  }

  Chain* release() noexcept { return std::exchange(this->chain_, nullptr); }
};

/// Resumes a coroutine when the chain it waits for gets there.
struct BIGHT_API Resume {
  std::coroutine_handle<> coroutine;
  Chain* waiter;  // the coroutine's own chain; null for a coroutine that is not ours

  static constexpr StageType::Sides sides = StageType::onBoth;
  static constexpr StageKind kind = StageKind::await;
  static void run(void* functor, Chain& chain);
};

/// Waits for one Deferred.
template <class T>
class Awaiter {
 public:
  /// @param frame  the coroutine that waits, if it is one of ours
  Awaiter(Deferred<T>&& deferred, std::source_location at, CoroutineFrame* frame)
      : inner_(std::move(deferred).releaseChain()), at_(at), frame_(frame) {
    if (!inner_->endsWith<T>()) {
      Chain* inner = std::exchange(inner_, nullptr);
      Deferred<T> back(inner);
      inner->throwRetyped(valueType<T>, false);
    }
  }
  Awaiter(const Awaiter&) = delete;
  Awaiter& operator=(const Awaiter&) = delete;
  ~Awaiter() {
    if (!inner_) return;
    if (suspended_) {
      inner_->dropReference();
    } else {
      inner_->dropHandle();
    }
  }

  bool await_ready() const noexcept {
    if (!inner_->ready()) return false;
    inner_->handOver();
    return true;
  }

  template <class P>
  void await_suspend(std::coroutine_handle<P> coroutine) {
    Chain* waiter = nullptr;
    if constexpr (std::is_base_of_v<CoroutineFrame, P>) {
      waiter = &coroutine.promise().chain();
      waiter->setWaitingOn(inner_, at_);
    }
    inner_->append(stageType<Resume>, Resume{coroutine, waiter}, at_, valueType<void>);
    inner_->setAwaited();
    // From here on only the result is wanted; if nobody is left to bring it, dropping the handle resumes the coroutine
    // with that news, and this object may be gone.
    suspended_ = true;
    inner_->handleBecomesReference();
  }

  T await_resume() {
    Chain& inner = *inner_;
    if (inner.failed()) [[unlikely]] {
      if (frame_) frame_->take(inner, at_).raise();
      const Failure failure = inner.failure();
      inner.consume();
      failure.raise();
    }
    if constexpr (std::is_void_v<T>) {
      inner.consume();
    } else {
      T value = std::move(inner.value<T>());
      inner.consume();
      return value;
    }
  }

 private:
  Chain* inner_;
  std::source_location at_;
  CoroutineFrame* frame_;
  bool suspended_ = false;
};

}  // namespace bight::detail

namespace bight {

/// Waits for the result: `co_await fetch(url)`, `co_await std::move(d)`.
template <class T>
auto operator co_await(Deferred<T>&& deferred) {
  return detail::Awaiter<T>(std::move(deferred), std::source_location(), nullptr);
}
/// Refused: a Deferred with a name has to be given away in so many words. (Not a deleted function: g++ would say two
/// things.)
template <class T>
auto operator co_await(Deferred<T>& deferred) {
  static_assert(std::is_void_v<Deferred<T>>, "bight: co_await consumes the Deferred: write co_await std::move(d)");
  return detail::Awaiter<T>(std::move(deferred), std::source_location(), nullptr);
}

}  // namespace bight

template <class T, class... A>
struct std::coroutine_traits<bight::Deferred<T>, A...> {
  using promise_type = bight::detail::CoroutinePromise<T>;
};
