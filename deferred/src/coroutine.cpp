#include <bight/coroutine.hpp>

#include <array>
#include <utility>

#include "free_list.hpp"

namespace bight::detail {

namespace {

// Frames by size, in steps of 64 bytes; what is larger than 1 KiB is rare and comes from the heap.
constexpr std::size_t step = 64;
constexpr std::size_t steps = 16;

struct Size {
  void* (*take)();
  void (*give)(void*) noexcept;
};

template <std::size_t... i>
constexpr std::array<Size, sizeof...(i)> makeSizes(std::index_sequence<i...>) {
  return {Size{&FreeList<(i + 1) * step, 256>::take, &FreeList<(i + 1) * step, 256>::give}...};
}

constexpr auto sizes = makeSizes(std::make_index_sequence<steps>());

}  // namespace

void* CoroutineFrame::operator new(std::size_t size) {
  const std::size_t which = (size - 1) / step;
  return which < steps ? sizes[which].take() : ::operator new(size);
}

void CoroutineFrame::operator delete(void* frame, std::size_t size) noexcept {
  const std::size_t which = (size - 1) / step;
  if (which < steps) {
    sizes[which].give(frame);
  } else {
    ::operator delete(frame, size);
  }
}

void Resume::run(void* functor, Chain&) {
  Resume& stage = *std::launder(static_cast<Resume*>(functor));
  if (stage.waiter) stage.waiter->setWaitingOn(nullptr);
  Chain::resumesCoroutine(true);
  stage.coroutine.resume();
  Chain::resumesCoroutine(false);
}

}  // namespace bight::detail
