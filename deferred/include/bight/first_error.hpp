/// @file
/// `FirstError`: which of several Deferreds failed first, and with what.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <utility>

#include <bight/export.hpp>
#include <bight/failure.hpp>

namespace bight {

/// What gatherResults fails with, and deferredList with fireOnOneErrback (A57, A63). Twisted: `defer.FirstError`.
///
///     gatherResults(std::move(pages)).addErrback([](const Failure& f) {
///       const FirstError& first = *f.get<FirstError>();
///       std::cerr << "page " << first.index() << ": " << first.subFailure().getErrorMessage() << '\n';
///     });
class BIGHT_API FirstError : public std::runtime_error {
 public:
  FirstError(Failure subFailure, std::size_t index);

  const Failure& subFailure() const noexcept { return subFailure_; }
  /// The position in the input.
  std::size_t index() const noexcept { return index_; }

  bool operator==(const FirstError& other) const noexcept {
    return index_ == other.index_ && subFailure_ == other.subFailure_;
  }
  bool operator==(const std::pair<std::size_t, Failure>& other) const noexcept {
    return index_ == other.first && subFailure_ == other.second;
  }

 private:
  Failure subFailure_;
  std::size_t index_;
};

}  // namespace bight
