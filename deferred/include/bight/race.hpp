/// @file
/// `race`: the first success; the others are cancelled.
#pragma once

#include <cstddef>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/detail/members.hpp>

namespace bight {

/// Nobody won: the failures, in the order of the input. Twisted: `FailureGroup`.
class BIGHT_API FailureGroup : public std::runtime_error {
 public:
  explicit FailureGroup(std::vector<Failure> failures);
  const std::vector<Failure>& failures() const noexcept { return failures_; }

 private:
  std::vector<Failure> failures_;
};

namespace detail {

template <class T>
class Racing : public Members {
 public:
  using Won = std::conditional_t<std::is_void_v<T>, std::size_t,
                                 std::pair<std::size_t, std::conditional_t<std::is_void_v<T>, int, T>>>;

  Racing(Promise<Won> promise, std::size_t count) : promise_(std::move(promise)), failures_(count), missing_(count) {
    members_.reserve(count);
  }

  template <class>
  void arrived(std::size_t index, Chain& chain) {
    if (done_) {  // mostly what the cancelling brought about
      chain.consume();
      return;
    }
    if (chain.failed()) {
      failures_[index] = chain.failure();
      chain.consume();
      if (--missing_ > 0) return;
      done_ = true;
      if (promise_.called()) return;
      std::vector<Failure> all;
      all.reserve(failures_.size());
      for (auto& failure : failures_) all.push_back(std::move(*failure));
      promise_.errback(FailureGroup(std::move(all)), at_);
      return;
    }
    done_ = true;
    if constexpr (std::is_void_v<T>) {
      chain.consume();
      cancelAll();
      if (!promise_.called()) promise_.callback(index, at_);
    } else {
      Won won(index, std::move(chain.value<T>()));
      chain.consume();
      cancelAll();
      if (!promise_.called()) promise_.callback(std::move(won), at_);
    }
  }

 private:
  Promise<Won> promise_;
  std::vector<std::optional<Failure>> failures_;
  std::size_t missing_;
  bool done_ = false;
};

}  // namespace detail

/// The position and value of the first success (for Deferreds of nothing: the position); the others are cancelled, and
/// what comes of that is ignored. If all fail: FailureGroup. Cancelling it cancels all. An empty input fails with
/// std::invalid_argument, where Twisted's would never fire (A68). Twisted: `race`.
template <class T>
auto race(std::vector<Deferred<T>>&& deferreds, std::source_location at = std::source_location::current()) {
  std::vector<Deferred<T>> members = std::move(deferreds);  // what runs below may destroy the caller's
  using Racing = detail::Racing<T>;
  Deferred<typename Racing::Won> result(at);
  if (members.empty()) {
    result.errback(std::invalid_argument("bight: nobody can win a race of no Deferreds at all"), at);
    return result;
  }
  detail::StateReference<Racing> state(*new Racing(result.promise(), members.size()));
  addMembers(result, *state, members, at);
  return result;
}
template <class T>
void race(std::vector<Deferred<T>>&) = delete;  // consumes them: write std::move(deferreds)

}  // namespace bight
