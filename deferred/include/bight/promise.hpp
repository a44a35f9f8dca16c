/// @file
/// `Promise<T>`: the producer's end of a Deferred.
#pragma once

#include <concepts>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <bight/detail/callback.hpp>
#include <bight/detail/chain.hpp>
#include <bight/failure.hpp>
#include <bight/result.hpp>

namespace bight {
namespace detail {

template <class T, class V>
void fireWith(Chain& chain, V&& value, std::source_location at) {
  if constexpr (std::is_nothrow_constructible_v<T, V&&> && Slot<T>::inside) {
    if (!chain.beginFire(at)) return;
    chain.setValue<T>(std::forward<V>(value));
  } else {
    T made(std::forward<V>(value));  // may throw, and then nothing has been fired
    if (!chain.beginFire(at)) return;
    chain.setValue<T>(std::move(made));
  }
  chain.endFire(at);
}

inline void fireWith(Chain& chain, std::source_location at) {
  if (!chain.beginFire(at)) return;
  chain.setValue<void>();
  chain.endFire(at);
}

/// Keeps a chain while it is fired or extended: what runs then may destroy the handle it was done through.
struct Kept {
  explicit Kept(Chain& c) noexcept : chain(c) { chain.addReference(); }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() { chain.dropReference(); }
  Chain& chain;
};

}  // namespace detail

/// Fires a Deferred, and can do nothing else with it. Copyable: keep it wherever the result will come from.
///
///     Deferred<Answer> ask(Question q) {
///       Deferred<Answer> d;
///       waiting_.push_back(d.promise());
///       return d;
///     }
///     …
///     waiting_.front().callback(answer);
///
/// When the last Promise of a chain dies and nothing has been fired, the chain fails with AbandonedError: nobody waits
/// for ever in silence. Firing runs the chain at once, before `callback` returns; it may destroy the object that holds
/// the Promise.
template <class T>
class Promise {
 public:
  /// One that fires nothing yet: assign a real one before use.
  Promise() noexcept = default;
  Promise(const Promise& other) noexcept : chain_(other.chain_) {
    if (chain_) chain_->addPromise();
  }
  Promise(Promise&& other) noexcept : chain_(std::exchange(other.chain_, nullptr)) {}
  Promise& operator=(Promise other) noexcept {
    std::swap(chain_, other.chain_);
    return *this;
  }
  ~Promise() {
    if (chain_) chain_->dropPromise();
  }

  /// Fires with a value. Throws AlreadyCalledError if the chain was fired before, with both places in its message (A2);
  /// but the first firing after a cancel that the producer had no canceller to hear of is swallowed (A35).
  template <class V = T>
  void callback(V&& value, std::source_location at = std::source_location::current()) const {
    if constexpr (detail::checkFiring<T, V>()) {
      const detail::Kept kept(need());
      detail::fireWith<T>(kept.chain, std::forward<V>(value), at);
    }
  }
  void callback(std::source_location at = std::source_location::current()) const
    requires std::is_void_v<T>
  {
    const detail::Kept kept(need());
    detail::fireWith(kept.chain, at);
  }
  /// The same as errback (A3).
  void callback(Failure failure, std::source_location at = std::source_location::current()) const {
    errback(std::move(failure), at);
  }
  /// Fires with whatever the Result is.
  void callback(Result<T> result, std::source_location at = std::source_location::current()) const {
    if (!result) {
      errback(result.failure(), at);
    } else if constexpr (std::is_void_v<T>) {
      callback(at);
    } else {
      callback(*std::move(result), at);
    }
  }

  /// Fires with a failure.
  void errback(Failure failure, std::source_location at = std::source_location::current()) const {
    const detail::Kept kept(need());
    kept.chain.fire(std::move(failure), at);
  }
  /// Fires with a failure made of an exception value: `p.errback(std::runtime_error("no route"))`.
  template <class E>
    requires(!std::is_same_v<std::remove_cvref_t<E>, Failure>)
  void errback(E&& exception, std::source_location at = std::source_location::current()) const {
    errback(Failure(std::forward<E>(exception)), at);
  }
  /// Fires with the exception that is being handled. Throws NoCurrentExceptionError outside of a `catch` (A4).
  void errback(std::source_location at = std::source_location::current()) const { errback(Failure(), at); }

  /// Whether the chain has been fired, by whomever: a producer may stop working.
  bool called() const { return need().isCalled(); }

 private:
  friend class Deferred<T>;
  explicit Promise(detail::Chain& chain) noexcept : chain_(&chain) { chain.addPromise(); }

  detail::Chain& need() const {
    if (!chain_)
      throw std::logic_error(
          "bight: this Promise is empty: it was moved from, or never taken from a Deferred: promise = d.promise()");
    return *chain_;
  }

  detail::Chain* chain_ = nullptr;
};

}  // namespace bight
