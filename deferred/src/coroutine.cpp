#include <bight/coroutine.hpp>

#include "free_list.hpp"

namespace bight::detail {

namespace {

// Frames by size, in steps of 64 bytes; what is larger than 1 KiB is rare and comes from the heap.
constexpr std::size_t step = 64;
constexpr std::size_t steps = 16;

struct Frames {
  SpareBlocks spare[steps];
};
constinit thread_local Frames frames{};

struct Guard {
  ~Guard() {
    for (std::size_t i = 0; i < steps; ++i) frames.spare[i].end((i + 1) * step);
  }
};

void arm() {
  static thread_local Guard guard;
  static_cast<void>(&guard);
  for (SpareBlocks& spare : frames.spare) spare.room = 256;
}

}  // namespace

void* CoroutineFrame::operator new(std::size_t size) {
  const std::size_t which = (size - 1) / step;
  return which < steps ? frames.spare[which].take((which + 1) * step) : ::operator new(size);
}

void CoroutineFrame::operator delete(void* frame, std::size_t size) noexcept {
  const std::size_t which = (size - 1) / step;
  if (which < steps) {
    frames.spare[which].give(frame, (which + 1) * step, &arm);
  } else {
    ::operator delete(frame, size);
  }
}

}  // namespace bight::detail
