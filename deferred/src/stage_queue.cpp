#include <bight/detail/chain.hpp>

#include "free_list.hpp"

// Chunks are linked by a record of the size of a Stage whose type is null and which holds the address of the next
// chunk. `limit_` always leaves room for one.

namespace bight::detail {

namespace {

struct Jump {
  const StageType* none = nullptr;
  StageQueue::Chunk* to;
};
static_assert(sizeof(Jump) == sizeof(Stage));

using Chunks = FreeList<sizeof(StageQueue::Chunk), 256>;

}  // namespace

void StageQueue::grow() {
  Chunk* chunk = ::new (Chunks::take()) Chunk;
  chunk->next = nullptr;
  if (read_ == write_) {  // empty, but the record is larger than the room inside
    read_ = chunk->bytes;
    chunk_ = chunk;
  } else {
    ::new (static_cast<void*>(write_)) Jump{nullptr, chunk};
  }
  write_ = chunk->bytes;
  limit_ = chunk->bytes + sizeof chunk->bytes - sizeof(Stage);
}

void StageQueue::nextChunk() noexcept {
  Chunk* next = std::launder(reinterpret_cast<Jump*>(read_))->to;
  if (chunk_) Chunks::give(chunk_);
  chunk_ = next;
  read_ = next->bytes;
}

void StageQueue::each(void (*see)(void* context, const Stage& stage), void* context) const {
  for (std::byte* record = read_; record != write_;) {
    const Stage& stage = *std::launder(reinterpret_cast<Stage*>(record));
    if (!stage.type) {
      record = std::launder(reinterpret_cast<Jump*>(record))->to->bytes;
      continue;
    }
    see(context, stage);
    record += stage.type->size;
  }
}

void StageQueue::releaseChunks() noexcept {
  Chunks::give(chunk_);
  chunk_ = nullptr;
}

void StageQueue::clear() noexcept {
  while (!empty()) pop();
}

}  // namespace bight::detail
