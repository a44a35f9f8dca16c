/// @file
/// The end of those who stand in line at a lock, a semaphore or a queue that dies. Internal.
#pragma once

#include <cstddef>
#include <list>

#include <bight/promise.hpp>

namespace bight::detail {

/// Tells those who wait now that they wait in vain. One by one, always from a consistent line: what they do then may
/// cancel others in it, who leave it by their place. Who comes meanwhile is not waited for: that could be for ever.
template <class T>
void abandonAll(std::list<Promise<T>>& line) noexcept {
  for (std::size_t count = line.size(); count > 0 && !line.empty(); --count) {
    std::list<Promise<T>> first;
    first.splice(first.end(), line, line.begin());
  }
}

}  // namespace bight::detail
