/// @file
/// The shared state behind `Failure`. Internal.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include <bight/failure.hpp>

namespace bight::detail {

struct SharedFailure : FailureState {
  SharedFailure(std::exception_ptr e, std::uint64_t number) noexcept : exception(std::move(e)), count(number) {}

  std::atomic<std::uint32_t> references{1};
  /// Keep the memory alone; all the references together are one of them.
  std::atomic<std::uint32_t> weakReferences{1};
  std::exception_ptr exception;
  std::uint64_t count;
  std::optional<Failure> cause;
  /// Return addresses at the place of the throw, innermost first; empty if they were not captured.
  std::vector<const void*> stack;

  /// A reference, if there is still another.
  bool revive() noexcept {
    std::uint32_t now = references.load(std::memory_order_relaxed);
    while (now != 0) {
      if (references.compare_exchange_weak(now, now + 1, std::memory_order_acquire)) return true;
    }
    return false;
  }
  void dropReference() noexcept {
    if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    exception = nullptr;
    cause.reset();
    dropWeak();
  }
  void dropWeak() noexcept {
    if (weakReferences.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
};

}  // namespace bight::detail
