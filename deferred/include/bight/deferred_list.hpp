/// @file
/// `deferredList`: every outcome, whatever it is.
#pragma once

#include <cstddef>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/detail/members.hpp>
#include <bight/first_error.hpp>

namespace bight {

struct DeferredListOptions {
  /// Fail with FirstError as soon as one member fails (A57).
  bool fireOnOneErrback = false;
  /// Failures of members are not reported as unhandled in addition (A60).
  bool consumeErrors = false;
};

/// Selects the form of deferredList that fires at the first value.
struct FireOnOneCallback {};
inline constexpr FireOnOneCallback fireOnOneCallback{};

/// The first value and its position.
template <class T>
struct FirstValue {
  std::conditional_t<std::is_void_v<T>, std::monostate, T> value;
  std::size_t index;
};

namespace detail {

template <class T, class Fired>
class Listing : public Members {
 public:
  using Outcomes = std::vector<Result<T>>;
  static constexpr bool fireOnFirst = !std::is_same_v<Fired, Outcomes>;

  Listing(Promise<Fired> promise, std::size_t count, DeferredListOptions options)
      : promise_(std::move(promise)), outcomes_(count), missing_(count), options_(options) {
    members_.reserve(count);
  }

  template <class>
  void arrived(std::size_t index, Chain& chain) {
    if (done_ || promise_.called()) {  // the list has fired: members go on for themselves (A59)
      if (options_.consumeErrors || !chain.failed()) chain.consume();
      return;
    }
    --missing_;
    if (chain.failed()) {
      const Failure failure = chain.failure();
      if (options_.consumeErrors) chain.consume();
      if (options_.fireOnOneErrback) {
        done_ = true;
        promise_.errback(FirstError(failure, index), at_);
        return;
      }
      outcomes_[index].emplace(failure);
    } else if constexpr (fireOnFirst) {
      done_ = true;
      FirstValue<T> first{{}, index};
      if constexpr (!std::is_void_v<T>) first.value = std::move(chain.value<T>());
      chain.consume();
      promise_.callback(Fired(std::move(first)), at_);
      return;
    } else {
      if constexpr (std::is_void_v<T>) {
        outcomes_[index].emplace();
      } else {
        outcomes_[index].emplace(std::move(chain.value<T>()));
      }
      chain.consume();
    }
    if (missing_ > 0) return;
    done_ = true;
    Outcomes all;
    all.reserve(outcomes_.size());
    for (auto& outcome : outcomes_) all.push_back(std::move(*outcome));
    promise_.callback(Fired(std::move(all)), at_);
  }

 private:
  Promise<Fired> promise_;
  std::vector<std::optional<Result<T>>> outcomes_;
  std::size_t missing_;
  DeferredListOptions options_;
  bool done_ = false;
};

template <class T, class Fired>
Deferred<Fired> listOf(std::vector<Deferred<T>> members, DeferredListOptions options, std::source_location at) {
  Deferred<Fired> result(at);
  StateReference<Listing<T, Fired>> state(*new Listing<T, Fired>(result.promise(), members.size(), options));
  addMembers(result, *state, members, at);
  return result;
}

}  // namespace detail

/// Every outcome, value or Failure, in the order of the input, when the last is there. Does not fail, unless told to by
/// fireOnOneErrback. An empty input fires at once with an empty list (A56-A62).
///
/// Cancelling it cancels every member that has not fired; the list then has their CancelledErrors. Twisted:
/// `DeferredList`.
template <class T>
Deferred<std::vector<Result<T>>> deferredList(std::vector<Deferred<T>>&& members, DeferredListOptions options = {},
                                              std::source_location at = std::source_location::current()) {
  if (members.empty()) {
    Deferred<std::vector<Result<T>>> none(at);
    none.callback(std::vector<Result<T>>(), at);
    return none;
  }
  return detail::listOf<T, std::vector<Result<T>>>(std::move(members), options, at);
}

/// The first value and its position; or, if all failed, the whole list (A57). An empty input fails with
/// std::invalid_argument, where Twisted's would never fire (A58). The other members run on: `race` cancels them
/// instead.
template <class T>
Deferred<std::variant<FirstValue<T>, std::vector<Result<T>>>> deferredList(
    FireOnOneCallback, std::vector<Deferred<T>>&& members, DeferredListOptions options = {},
    std::source_location at = std::source_location::current()) {
  using Fired = std::variant<FirstValue<T>, std::vector<Result<T>>>;
  if (members.empty()) {
    Deferred<Fired> none(at);
    none.errback(std::invalid_argument("bight: the first callback of no Deferreds at all: the list must not be empty"),
                 at);
    return none;
  }
  return detail::listOf<T, Fired>(std::move(members), options, at);
}

template <class T>
void deferredList(std::vector<Deferred<T>>&, DeferredListOptions = {}) = delete;  // consumes them: write std::move(…)
template <class T>
void deferredList(FireOnOneCallback, std::vector<Deferred<T>>&) = delete;  // consumes them: write std::move(deferreds)

}  // namespace bight
