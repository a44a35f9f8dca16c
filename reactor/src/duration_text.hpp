/// @file
/// Internal: spans of time in messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace bight::detail {

/// "30 s", "1500 ms", "10 us", "7 ns": whole numbers, nothing lost.
inline std::string durationText(std::chrono::nanoseconds span) {
  const std::int64_t count = span.count();
  if (count % 1'000'000'000 == 0) return std::to_string(count / 1'000'000'000) + " s";
  if (count % 1'000'000 == 0) return std::to_string(count / 1'000'000) + " ms";
  if (count % 1'000 == 0) return std::to_string(count / 1'000) + " us";
  return std::to_string(count) + " ns";
}

}  // namespace bight::detail
