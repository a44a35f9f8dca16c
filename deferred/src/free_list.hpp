/// @file
/// Blocks of one size, kept by each thread for the next one who needs such a block. Internal.
#pragma once

#include <cstddef>
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

/// A list per thread and size, at most `limit` blocks long. A block may be given back in another thread than it was
/// taken in.
///
/// The list itself needs no construction or destruction, so that it works in the constructors and destructors of other
/// thread-local objects; a separate guard, armed by the first block kept, empties it when the thread ends.
template <std::size_t size, std::size_t limit>
class FreeList {
 public:
  static void* take() {
    if (BIGHT_KEEP_BLOCKS && list_.first) {
      Block* block = list_.first;
      list_.first = block->next;
      --list_.count;
      return block;
    }
    return ::operator new(size);
  }

  static void give(void* memory) noexcept {
    if (!BIGHT_KEEP_BLOCKS || list_.count >= limit || list_.ended) {
      ::operator delete(memory, size);
      return;
    }
    if (!list_.guarded) arm();
    list_.first = ::new (memory) Block{list_.first};
    ++list_.count;
  }

 private:
  static_assert(size >= sizeof(void*));
  struct Block {
    Block* next;
  };
  struct List {
    Block* first = nullptr;
    std::size_t count = 0;
    bool guarded = false;
    bool ended = false;
  };
  struct Guard {
    bool armed = false;
    ~Guard() {
      list_.ended = true;
      while (Block* block = list_.first) {
        list_.first = block->next;
        ::operator delete(block, size);
      }
      list_.count = 0;
    }
  };

  static void arm() noexcept {
    static thread_local Guard guard;
    guard.armed = list_.guarded = true;
  }

  static constinit thread_local List list_;
};

template <std::size_t size, std::size_t limit>
constinit thread_local typename FreeList<size, limit>::List FreeList<size, limit>::list_{};

}  // namespace bight::detail
