/// @file
/// `gatherResults`: all results, or the first failure.
#pragma once

#include <cstddef>
#include <optional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/detail/members.hpp>
#include <bight/first_error.hpp>

namespace bight {

namespace detail {

/// Collects values by position; fires when none is missing, or with the first failure.
template <class T>
class Gathering : public Members {
 public:
  using Values =
      std::conditional_t<std::is_void_v<T>, void, std::vector<std::conditional_t<std::is_void_v<T>, int, T>>>;

  Gathering(Promise<Values> promise, std::size_t count, bool consumeErrors)
      : promise_(std::move(promise)), missing_(count), consumeErrors_(consumeErrors) {
    if constexpr (!std::is_void_v<T>) values_.resize(count);
    members_.reserve(count);
  }

  template <class>
  void arrived(std::size_t index, Chain& chain) {
    if (chain.failed()) {
      const Failure failure = chain.failure();
      if (consumeErrors_) chain.consume();
      if (std::exchange(done_, true) || promise_.called()) return;
      promise_.errback(FirstError(failure, index), at_);
      return;
    }
    if constexpr (direct) {
      values_[index] = std::move(chain.value<T>());
    } else if constexpr (!std::is_void_v<T>) {
      values_[index].emplace(std::move(chain.value<T>()));
    }
    chain.consume();
    if (--missing_ == 0 && !std::exchange(done_, true) && !promise_.called()) fire();
  }

  void fire() {
    if constexpr (std::is_void_v<T>) {
      promise_.callback(at_);
    } else if constexpr (direct) {
      promise_.callback(std::move(values_), at_);
    } else {
      Values values;
      values.reserve(values_.size());
      for (auto& value : values_) values.push_back(std::move(*value));
      promise_.callback(std::move(values), at_);
    }
  }

 private:
  struct None {};
  // vector<bool> has no places of its own to assign to.
  static constexpr bool direct =
      std::is_default_constructible_v<T> && std::is_move_assignable_v<T> && !std::is_same_v<T, bool>;
  using Places =
      std::conditional_t<std::is_void_v<T>, None,
                         std::vector<std::conditional_t<direct, std::conditional_t<std::is_void_v<T>, int, T>,
                                                        std::optional<std::conditional_t<std::is_void_v<T>, int, T>>>>>;

  Promise<Values> promise_;
  Places values_;
  std::size_t missing_;
  bool consumeErrors_;
  bool done_ = false;
};

/// The same for a tuple; `void` members take part without a value.
template <class... T>
class TupleGathering : public Members {
 public:
  template <class U>
  using Place = std::conditional_t<std::is_void_v<U>, std::monostate, U>;
  using Values = std::tuple<Place<T>...>;

  TupleGathering(Promise<Values> promise, std::source_location at) : promise_(std::move(promise)) {
    at_ = at;
    members_.reserve(sizeof...(T));
  }

  template <class U>
  void arrived(std::size_t index, Chain& chain) {
    if (chain.failed()) {
      const Failure failure = chain.failure();
      chain.consume();
      if (std::exchange(done_, true) || promise_.called()) return;
      promise_.errback(FirstError(failure, index), at_);
      return;
    }
    if constexpr (!std::is_void_v<U>) store<U>(index, chain.value<U>(), std::index_sequence_for<T...>());
    chain.consume();
    if (--missing_ == 0 && !std::exchange(done_, true) && !promise_.called()) {
      promise_.callback(std::apply([](auto&... place) { return Values(std::move(*place)...); }, places_), at_);
    }
  }

 private:
  template <class U, std::size_t... i>
  void store(std::size_t index, U& value, std::index_sequence<i...>) {
    ((i == index ? put<i>(value) : void()), ...);
  }
  template <std::size_t i, class U>
  void put(U& value) {
    if constexpr (std::is_same_v<std::tuple_element_t<i, Values>, U>) std::get<i>(places_).emplace(std::move(value));
  }
  template <class U>
  static std::optional<Place<U>> empty() {
    if constexpr (std::is_void_v<U>) {
      return std::monostate();
    } else {
      return std::nullopt;
    }
  }

  Promise<Values> promise_;
  std::tuple<std::optional<Place<T>>...> places_{empty<T>()...};
  std::size_t missing_ = sizeof...(T);
  bool done_ = false;
};

template <class... T>
auto gatherTuple(std::source_location at, Deferred<T>... members) {
  using Gathering = TupleGathering<T...>;
  Deferred<typename Gathering::Values> result(at);
  StateReference<Gathering> state(*new Gathering(result.promise(), at));
  addMembers(result, *state, [&] {
    std::size_t index = 0;
    (addMember(*state, std::move(members), index++, at), ...);
  });
  return result;
}

}  // namespace detail

/// All the results, in the order of the input, as soon as the last is there; or FirstError as soon as one fails (A63).
/// Of Deferreds of nothing it gives a `Deferred<void>`. An empty input fires at once.
///
///     std::vector<Deferred<Page>> pages;
///     for (const Url& url : urls) pages.push_back(fetch(url));
///     gatherResults(std::move(pages)).addCallback([](std::vector<Page> all) { … });
///
/// Cancelling the result cancels every member. Failures are reported as unhandled by the member they came from, unless
/// `consumeErrors` says that the FirstError is report enough (A60). Twisted: `gatherResults`.
template <class T>
auto gatherResults(std::vector<Deferred<T>>&& deferreds, bool consumeErrors = false,
                   std::source_location at = std::source_location::current()) {
  std::vector<Deferred<T>> members = std::move(deferreds);  // what runs below may destroy the caller's
  using Gathering = detail::Gathering<T>;
  using Values = typename Gathering::Values;
  if (members.empty()) {
    Deferred<Values> none(at);
    if constexpr (std::is_void_v<T>) {
      none.callback(at);
    } else {
      none.callback(Values(), at);
    }
    return none;
  }
  Deferred<Values> result(at);
  detail::StateReference<Gathering> state(*new Gathering(result.promise(), members.size(), consumeErrors));
  addMembers(result, *state, members, at);
  return result;
}

template <class T>
void gatherResults(std::vector<Deferred<T>>&, bool = false) = delete;  // consumes them: write std::move(deferreds)

/// The same for Deferreds of different types: a tuple of their results; a `Deferred<void>` gives a std::monostate in
/// its place. Failures of the others after the first are dropped (A65).
///
///     gatherResults(name(id), picture(id)).addCallback([](std::tuple<std::string, Image> t) { … });
template <class A, class B>
auto gatherResults(Deferred<A> a, Deferred<B> b, std::source_location at = std::source_location::current()) {
  return detail::gatherTuple(at, std::move(a), std::move(b));
}
template <class A, class B, class C>
auto gatherResults(Deferred<A> a, Deferred<B> b, Deferred<C> c,
                   std::source_location at = std::source_location::current()) {
  return detail::gatherTuple(at, std::move(a), std::move(b), std::move(c));
}
template <class A, class B, class C, class D>
auto gatherResults(Deferred<A> a, Deferred<B> b, Deferred<C> c, Deferred<D> d,
                   std::source_location at = std::source_location::current()) {
  return detail::gatherTuple(at, std::move(a), std::move(b), std::move(c), std::move(d));
}
/// Of more than four the story of a failure does not tell where they were gathered: behind a pack there can be no
/// default argument.
template <class A, class B, class C, class D, class E, class... More>
auto gatherResults(Deferred<A> a, Deferred<B> b, Deferred<C> c, Deferred<D> d, Deferred<E> e, Deferred<More>... more) {
  return detail::gatherTuple(std::source_location(), std::move(a), std::move(b), std::move(c), std::move(d),
                             std::move(e), std::move(more)...);
}

}  // namespace bight
