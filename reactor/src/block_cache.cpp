// Small blocks are cut from slabs and never go back to the allocator: the peak stays. Each thread has its own lists and takes no lock; when it ends,
// its free blocks go to a depot, where other threads find them before they cut a new slab. Larger blocks are kept one by one, a bounded number.
#include <bight/detail/block_cache.hpp>

#include <array>
#include <cstdint>
#include <mutex>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define BIGHT_CACHE_BLOCKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BIGHT_CACHE_BLOCKS 0
#endif
#endif
#ifndef BIGHT_CACHE_BLOCKS
#define BIGHT_CACHE_BLOCKS 1  // the address sanitizer wants to see every block die
#endif

namespace bight::detail {

namespace {

constexpr std::size_t step = blockSizeFor(1);
constexpr std::size_t slabClasses = 32;  // blocks of up to 256 bytes come from slabs
constexpr std::size_t classes = 256;     // of up to 2 KiB are kept; larger ones are left to the allocator
constexpr std::size_t slabSize = 4096;
constexpr std::uint32_t mostOfAClass = 256;  // so many free ones that are not from slabs are kept at most

struct Free {
  Free* next;
};

struct List {
  Free* first = nullptr;
  std::uint32_t count = 0;

  void push(void* block) noexcept {
    first = ::new (block) Free{first};
    ++count;
  }
  void* pop() noexcept {
    Free* block = first;
    first = block->next;
    --count;
    return block;
  }
};

// Free small blocks of threads that have ended. Never destroyed: blocks come back at the very end of the program.
struct Depot {
  std::mutex mutex;
  std::array<Free*, slabClasses> lists{};
};
Depot& depot() noexcept {
  alignas(Depot) static unsigned char place[sizeof(Depot)];
  static Depot& one = *new (place) Depot;
  return one;
}

// Gives up a block that nobody uses.
void release(void* block, std::size_t index) noexcept {
  if (index >= slabClasses) {
    ::operator delete(block);
    return;
  }
  const std::lock_guard lock(depot().mutex);
  depot().lists[index] = ::new (block) Free{depot().lists[index]};
}

// Needs no construction or destruction, so that using it asks no questions: a guard empties it when the thread ends.
struct Cache {
  std::array<List, classes> lists;
  bool open;   // the guard is there: blocks may be kept
  bool ended;  // and has done its work: a block may come back later than that

  bool mayKeep() noexcept { return open || (!ended && arm()); }
  [[gnu::noinline, gnu::cold]] bool arm() noexcept;

  void end() noexcept {
    open = false;
    ended = true;
    for (std::size_t index = 0; index < classes; ++index) {
      while (lists[index].first) release(lists[index].pop(), index);
    }
  }

  // Gets blocks of a class that has none.
  [[gnu::noinline, gnu::cold]] void refill(std::size_t index) {
    {
      const std::lock_guard lock(depot().mutex);
      while (Free* block = depot().lists[index]) {
        depot().lists[index] = block->next;
        lists[index].push(block);
      }
    }
    if (lists[index].first) return;
    const std::size_t size = (index + 1) * step;
    auto* slab = static_cast<std::byte*>(::operator new(slabSize));
    for (std::size_t at = slabSize / size * size; at >= size; at -= size) lists[index].push(slab + at - size);
  }
};

constinit thread_local Cache cache{};

struct Guard {
  ~Guard() { cache.end(); }
};

bool Cache::arm() noexcept {
  static thread_local Guard guard;
  static_cast<void>(&guard);
  return open = true;
}

}  // namespace

void* takeBlock(std::size_t size) {
  const std::size_t index = size / step - 1;
  if (BIGHT_CACHE_BLOCKS && index < classes) {
    List& list = cache.lists[index];
    if (list.first) [[likely]]
      return list.pop();
    if (index < slabClasses && cache.mayKeep()) {
      cache.refill(index);
      return list.pop();
    }
  }
  return ::operator new(size);
}

void giveBlock(void* block, std::size_t size) noexcept {
  const std::size_t index = size / step - 1;
  if (!BIGHT_CACHE_BLOCKS || index >= classes) {
    ::operator delete(block);
  } else if (!cache.mayKeep()) {
    release(block, index);
  } else if (index < slabClasses || cache.lists[index].count < mostOfAClass) {
    cache.lists[index].push(block);
  } else {
    ::operator delete(block);
  }
}

}  // namespace bight::detail
