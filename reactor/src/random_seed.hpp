/// @file
/// Internal: for jitter, where it only matters that processes differ.
#pragma once

#include <random>

namespace bight::detail {

/// While there is a simulated network in this thread: its numbers, so that nothing is left to real chance.
struct SeedSource {
  unsigned (*next)(void* source) = nullptr;
  void* source = nullptr;
};
inline constinit thread_local SeedSource seedSource;

inline unsigned randomSeed() {
  if (seedSource.next) return seedSource.next(seedSource.source);
  return std::random_device()();
}

}  // namespace bight::detail
