/// @file
/// The kinds of stages, typed: how a function of the user's is kept in the chain, called, and its answer put on the
/// chain. Internal.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <bight/detail/callback.hpp>
#include <bight/detail/chain.hpp>

namespace bight::detail {

/// Puts what a stage returned on the chain as the next result, of type U: a value, nothing, a Failure, a Result, or a
/// Deferred.
template <class U, class Call>
void settleWith(Chain& chain, Call&& call) {
  using R = std::remove_cvref_t<decltype(call())>;
  if constexpr (std::is_void_v<decltype(call())>) {
    call();
    chain.setValue<void>();
  } else if constexpr (std::is_same_v<R, Failure>) {
    Failure failure = call();
    chain.setFailure(FailureState::withCause(std::move(failure), chain.failed() ? &chain.failure() : nullptr));
  } else if constexpr (isResult<R>) {
    R result = call();
    if (!result) {
      chain.setFailure(
          FailureState::withCause(std::move(result).failure(), chain.failed() ? &chain.failure() : nullptr));
    } else if constexpr (std::is_void_v<U>) {
      chain.setValue<void>();
    } else {
      chain.setValue<U>(*std::move(result));
    }
  } else if constexpr (isDeferred<R>) {
    R inner = call();
    using Carried = typename R::value_type;
    if (!inner.chain().template endsWith<Carried>()) inner.chain().throwRetyped(valueType<Carried>, false);
    chain.follow(std::move(inner).releaseChain());
  } else if constexpr (std::is_void_v<U>) {
    call();
    chain.setValue<void>();
  } else {
    // The result may refer to the value that the stage was called with, so it is complete before that one goes.
    U next = call();
    chain.setValue<U>(std::move(next));
  }
}

/// Does nothing: the side of a stage that lets the result through.
struct PassThrough {};
/// Drops the value, where the other side of the stage has none to give.
struct DropValue {};

/// A stage of addCallback, addErrback or addCallbacks: T comes in, U goes out.
template <class T, class U, class F, class G>
struct TwoSided {
  [[no_unique_address]] F callback;
  [[no_unique_address]] G errback;

  static constexpr StageType::Sides sides =
      StageType::Sides((std::is_same_v<F, PassThrough> ? 0U : StageType::onValue) |
                       (std::is_same_v<G, PassThrough> ? 0U : StageType::onFailure));
  static constexpr StageKind kind = std::is_same_v<G, PassThrough> ? StageKind::callback
                                    : std::is_same_v<F, PassThrough> || std::is_same_v<F, DropValue>
                                        ? StageKind::errback
                                        : StageKind::callbacks;

  static void run(void* functor, Chain& chain) {
    TwoSided& stage = at(functor);
    if constexpr (!std::is_same_v<G, PassThrough>) {
      if (chain.failed()) {
        settleWith<U>(chain, [&]() -> decltype(auto) { return callWithFailure(stage.errback, chain.failure()); });
        return;
      }
    }
    if constexpr (std::is_same_v<F, DropValue>) {
      chain.setValue<void>();
    } else if constexpr (!std::is_same_v<F, PassThrough>) {
      if constexpr (CallbackForm<F, T>::asNothing) {
        settleWith<U>(chain, [&]() -> decltype(auto) { return stage.callback(); });
      } else {
        settleWith<U>(chain, [&]() -> decltype(auto) { return callWithValue<F, T>(stage.callback, chain.value<T>()); });
      }
    }
  }

  static TwoSided& at(void* functor) noexcept { return *std::launder(static_cast<TwoSided*>(functor)); }
};

/// A stage of addBoth: the function sees the result, whichever it is, as a Result<T>.
template <class T, class U, class F>
struct OneSided {
  F function;

  static constexpr StageType::Sides sides = StageType::onBoth;
  static constexpr StageKind kind = StageKind::both;

  static void run(void* functor, Chain& chain) {
    OneSided& stage = *std::launder(static_cast<OneSided*>(functor));
    if constexpr (CallbackForm<F, Result<T>>::asNothing) {
      settleWith<U>(chain, [&]() -> decltype(auto) { return stage.function(); });
    } else {
      Result<T> result = take(chain);
      settleWith<U>(chain, [&]() -> decltype(auto) { return callWithValue<F, Result<T>>(stage.function, result); });
    }
  }

  // The failure stays in the chain as well, as the cause of what the function may throw.
  static Result<T> take(Chain& chain) {
    if (chain.failed()) return chain.failure();
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return std::move(chain.value<T>());
    }
  }
};

/// A stage that looks on: `function(chain)` sees the result where it lies and decides itself what to do with it.
template <StageKind observed, class F>
struct Observer {
  F function;

  static constexpr StageType::Sides sides = StageType::onBoth;
  static constexpr StageKind kind = observed;

  static void run(void* functor, Chain& chain) { std::launder(static_cast<Observer*>(functor))->function(chain); }
};

/// Whether a functor lies in the arena itself.
template <class Functor>
inline constexpr bool inArena =
    sizeof(Stage) + sizeof(Functor) <= StageQueue::largest && alignof(Functor) <= alignof(void*);

/// A functor too large for the arena, behind a pointer.
template <class Functor>
struct Boxed {
  std::unique_ptr<Functor> functor;
  static constexpr StageType::Sides sides = Functor::sides;
  static constexpr StageKind kind = Functor::kind;
  static void run(void* box, Chain& chain) {
    Functor::run(std::launder(static_cast<Boxed*>(box))->functor.get(), chain);
  }
};

template <class Functor>
constexpr auto functorDestructor() -> void (*)(void*) noexcept {
  if constexpr (std::is_trivially_destructible_v<Functor>) {
    return nullptr;
  } else {
    return [](void* functor) noexcept { std::launder(static_cast<Functor*>(functor))->~Functor(); };
  }
}

template <class Functor>
inline constexpr StageType stageType{
    &Functor::run, functorDestructor<Functor>(),
    static_cast<std::uint32_t>((sizeof(Stage) + sizeof(Functor) + 7) & ~std::size_t(7)), Functor::sides, Functor::kind};

/// Appends the stage and runs what can be run.
template <class Functor>
void addStage(Chain& chain, Functor&& functor, std::source_location at, const ValueType& end) {
  using Held = std::remove_cvref_t<Functor>;
  if constexpr (inArena<Held>) {
    chain.append(stageType<Held>, std::forward<Functor>(functor), at, end);
  } else {
    chain.append(stageType<Boxed<Held>>, Boxed<Held>{std::make_unique<Held>(std::forward<Functor>(functor))}, at, end);
  }
  chain.runIfReady();
}

template <StageKind kind, class F>
void addObserver(Chain& chain, F&& function, std::source_location at, const ValueType& end) {
  addStage(chain, Observer<kind, std::decay_t<F>>{std::forward<F>(function)}, at, end);
}

/// An owning pointer to a chain that neither fires nor handles: what a timer or a collection keeps to be able to
/// cancel.
class ChainReference {
 public:
  ChainReference() noexcept = default;
  explicit ChainReference(Chain& chain) noexcept : chain_(&chain) { chain.addReference(); }
  ChainReference(ChainReference&& other) noexcept : chain_(std::exchange(other.chain_, nullptr)) {}
  ChainReference& operator=(ChainReference&& other) noexcept {
    std::swap(chain_, other.chain_);
    return *this;
  }
  ~ChainReference() {
    if (chain_) chain_->dropReference();
  }
  Chain* get() const noexcept { return chain_; }
  Chain* operator->() const noexcept { return chain_; }

 private:
  Chain* chain_ = nullptr;
};

}  // namespace bight::detail
