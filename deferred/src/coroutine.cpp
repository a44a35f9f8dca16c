#include <bight/coroutine.hpp>

#include <exception>
#include <utility>

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

void CoroutineFrame::unhandled_exception() {
  std::exception_ptr exception = std::current_exception();
  if (!exception) throw;  // not an exception of C++: the thread is being cancelled (A21)
  fail(FailureState::wrapped(std::move(exception), raised_));
}

const Failure& CoroutineFrame::take(Chain& inner, std::source_location at) noexcept {
  raised_ = std::move(inner.failure());
  inner.consume();
  FailureState::went(raised_, FailureStep::Kind::awaited, at);
  return raised_;
}

void CoroutineFrame::fail(Failure failure) {
  if (!chain_->beginFire(std::source_location())) return;
  chain_->cameOutOf(failure);
  chain_->setFailure(std::move(failure));
}

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
