// Blocks of memory for requests, kept for the next one: so that serving allocates nothing after warm-up.
#pragma once

#include <cstddef>

namespace bight::http::detail {

// `size` rounded up to what a block of that size really has.
std::size_t blockSizeFor(std::size_t size) noexcept;

// A block of `size` bytes, a value of blockSizeFor. The cache belongs to the thread.
void* takeBlock(std::size_t size);
void giveBlock(void* block, std::size_t size) noexcept;

}  // namespace bight::http::detail
