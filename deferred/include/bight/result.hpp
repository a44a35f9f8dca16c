/// @file
/// `Result<T>`: what a chain carries at one place, as a value of its own.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <bight/failure.hpp>

namespace bight {

/// Either a value of type T or a Failure. What `addBoth` hands to its function, and what `deferredList` collects.
///
///     d.addBoth([](Result<Page> r) { if (r) show(*r); else report(r.failure()); });
///
/// A stage may return one, and so decide on the side of the chain without throwing.
template <class T>
class Result {
  static_assert(!std::is_reference_v<T>, "bight: a Result holds a value, not a reference");

 public:
  using value_type = T;

  Result(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): `return 1;`
  Result(Failure failure)
      : failure_(std::move(failure)) {}  // NOLINT(google-explicit-constructor): `return Failure(…);`

  /// Whether there is a value.
  explicit operator bool() const noexcept { return value_.has_value(); }
  bool hasValue() const noexcept { return value_.has_value(); }

  /// The value; throws the failure's exception if there is none.
  T& value() & { return need(), *value_; }
  const T& value() const& { return need(), *value_; }
  T&& value() && { return need(), std::move(*value_); }

  /// The value, unchecked: only after having asked.
  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T&& operator*() && noexcept { return std::move(*value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }

  /// The failure; throws std::bad_optional_access if there is a value.
  const Failure& failure() const& { return failure_.value(); }
  Failure&& failure() && { return std::move(failure_).value(); }

 private:
  void need() const {
    if (!value_) failure_.value().raise();
  }

  std::optional<T> value_;
  std::optional<Failure> failure_;
};

/// The outcome of something that has no value to give: it worked, or a Failure.
template <>
class Result<void> {
 public:
  using value_type = void;

  Result() noexcept = default;
  Result(Failure failure) : failure_(std::move(failure)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const noexcept { return !failure_; }
  bool hasValue() const noexcept { return !failure_; }
  void value() const {
    if (failure_) failure_->raise();
  }
  const Failure& failure() const& { return failure_.value(); }
  Failure&& failure() && { return std::move(failure_).value(); }

 private:
  std::optional<Failure> failure_;
};

}  // namespace bight
