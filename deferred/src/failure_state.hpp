/// @file
/// The shared state behind `Failure`. Internal.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <source_location>

#include <bight/failure.hpp>

namespace bight::detail {

struct SharedFailure : FailureState {
  SharedFailure(std::exception_ptr e, std::uint64_t number) noexcept : exception(std::move(e)), count(number) {}

  std::atomic<std::uint32_t> references{1};
  std::exception_ptr exception;
  std::uint64_t count;
  std::optional<std::source_location> stage;  // the stage that threw it
  std::optional<Failure> cause;
};

}  // namespace bight::detail
