/// @file
/// Internal: for jitter, where it only matters that processes differ.
#pragma once

#include <random>

namespace bight::detail {

inline unsigned randomSeed() {
  return std::random_device()();
}

}  // namespace bight::detail
