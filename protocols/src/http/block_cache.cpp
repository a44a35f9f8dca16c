#include "block_cache.hpp"

#include <array>
#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define BIGHT_KEEP_REQUESTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BIGHT_KEEP_REQUESTS 0
#endif
#endif
#ifndef BIGHT_KEEP_REQUESTS
#define BIGHT_KEEP_REQUESTS 1  // the address sanitizer wants to see every request die
#endif

namespace bight::http::detail {

namespace {

constexpr std::size_t step = 32;
constexpr std::size_t classes = 64;          // up to 2 KiB; larger ones are left to the allocator
constexpr std::uint32_t mostOfAClass = 256;  // so many free ones are kept at most

struct Free {
  Free* next;
};

struct List {
  Free* first = nullptr;
  std::uint32_t count = 0;
};

struct Cache {
  Cache() = default;
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  ~Cache() {
    ended = true;
    for (List& list : lists) {
      while (Free* block = list.first) {
        list.first = block->next;
        ::operator delete(block);
      }
    }
  }
  std::array<List, classes> lists{};
  bool ended = false;  // a request may be destroyed later than the cache, at the end of the thread
};

thread_local Cache cache;

}  // namespace

std::size_t blockSizeFor(std::size_t size) noexcept {
  return (size + step - 1) / step * step;
}

void* takeBlock(std::size_t size) {
  const std::size_t index = size / step - 1;
  if (index < classes) {
    List& list = cache.lists[index];
    if (Free* block = list.first) {
      list.first = block->next;
      --list.count;
      return block;
    }
  }
  return ::operator new(size);
}

void giveBlock(void* block, std::size_t size) noexcept {
  const std::size_t index = size / step - 1;
  if (BIGHT_KEEP_REQUESTS && index < classes && !cache.ended) {
    List& list = cache.lists[index];
    if (list.count < mostOfAClass) {
      list.first = ::new (block) Free{list.first};
      ++list.count;
      return;
    }
  }
  ::operator delete(block);
}

}  // namespace bight::http::detail
