/// @file
/// Blocks of one size, kept by each thread for the next one who needs such a block. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define BIGHT_KEEP_BLOCKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BIGHT_KEEP_BLOCKS 0
#endif
#endif
#ifndef BIGHT_KEEP_BLOCKS
#define BIGHT_KEEP_BLOCKS 1  // the address sanitizer wants to see every block die
#endif

namespace bight::detail {

/// Blocks that one thread has to spare, as a row of them. Needs no construction or destruction, so that it works in the constructors and
/// destructors of other thread-local objects too: `room` is 0 until a guard, which empties the row when the thread ends, has been armed,
/// and again after that guard has done its work.
struct SpareBlocks {
  struct Block {
    Block* next;
  };
  Block* first = nullptr;
  std::uint32_t count = 0;
  std::uint32_t room = 0;
  bool ended = false;

  void* take(std::size_t size) {
    if (BIGHT_KEEP_BLOCKS && first) {
      Block* block = first;
      first = block->next;
      --count;
      return block;
    }
    return ::operator new(size);
  }

  /// @param arm  makes the guard and sets `room`
  void give(void* memory, std::size_t size, void (*arm)()) noexcept {
    if (count >= room) [[unlikely]] {
      if (!makeRoom(arm)) {
        ::operator delete(memory, size);
        return;
      }
    }
    first = ::new (memory) Block{first};
    ++count;
  }

  [[gnu::noinline, gnu::cold]] bool makeRoom(void (*arm)()) noexcept {
    if (BIGHT_KEEP_BLOCKS && room == 0 && !ended) arm();
    return count < room;
  }

  void end(std::size_t size) noexcept {
    ended = true;
    room = 0;
    while (Block* block = first) {
      first = block->next;
      ::operator delete(block, size);
    }
    count = 0;
  }
};

/// The spare blocks of one size in this thread, at most `limit`. A block may be given back in another thread than it was taken in.
template <std::size_t size, std::size_t limit>
class FreeList {
 public:
  static void* take() { return spare_.take(size); }
  static void give(void* memory) noexcept { spare_.give(memory, size, &arm); }

 private:
  static_assert(size >= sizeof(void*));

  struct Guard {
    ~Guard() { spare_.end(size); }
  };
  static void arm() {
    static thread_local Guard guard;
    static_cast<void>(&guard);
    spare_.room = limit;
  }

  static constinit thread_local SpareBlocks spare_;
};

template <std::size_t size, std::size_t limit>
constinit thread_local SpareBlocks FreeList<size, limit>::spare_{};

}  // namespace bight::detail
