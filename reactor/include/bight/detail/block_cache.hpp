/// @file
/// Internal: blocks of memory for requests and connections, kept for the next one: so that serving allocates nothing after
/// warm-up, and ten thousand idle connections pay for no allocator's bookkeeping.
#pragma once

#include <cstddef>

namespace bight::detail {

/// `size` rounded up to what a block of that size really has.
constexpr std::size_t blockSizeFor(std::size_t size) noexcept {
  return (size + 7) / 8 * 8;
}

/// A block of `size` bytes, a value of blockSizeFor; aligned for anything that holds no more than pointers and numbers.
void* takeBlock(std::size_t size);
/// Gives it back, in whichever thread.
void giveBlock(void* block, std::size_t size) noexcept;

/// For std::allocate_shared.
template <class T>
struct BlockAllocator {
  using value_type = T;
  BlockAllocator() noexcept = default;
  template <class U>
  BlockAllocator(const BlockAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor): as allocators do

  T* allocate(std::size_t count) {
    static_assert(alignof(T) <= alignof(void*));
    return static_cast<T*>(takeBlock(blockSizeFor(count * sizeof(T))));
  }
  void deallocate(T* object, std::size_t count) noexcept { giveBlock(object, blockSizeFor(count * sizeof(T))); }
  template <class U>
  bool operator==(const BlockAllocator<U>&) const noexcept {
    return true;
  }
};

}  // namespace bight::detail
