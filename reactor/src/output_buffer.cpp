#include "output_buffer.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace bight::detail {

namespace {
constexpr std::size_t smallestChunk = 1024;
constexpr std::size_t largestChunk = 64 * 1024;
/// Chunks that have left are dropped from the vector's front when there are this many, so that moving the rest stays
/// cheap on average.
constexpr std::size_t trimAt = 32;
}  // namespace

void OutputBuffer::append(std::string_view data) {
  if (!chunks_.empty()) {
    Chunk& last = chunks_.back();
    const std::size_t fits = std::min(last.capacity - last.end, data.size());
    std::memcpy(last.bytes.get() + last.end, data.data(), fits);
    last.end += fits;
    size_ += fits;
    data.remove_prefix(fits);
  }
  if (data.empty()) return;
  const std::size_t next = chunks_.empty() ? smallestChunk : std::min(chunks_.back().capacity * 2, largestChunk);
  Chunk chunk;
  chunk.capacity = std::max(next, data.size());
  chunk.bytes.reset(new char[chunk.capacity]);  // not make_unique: that would write zeros first
  std::memcpy(chunk.bytes.get(), data.data(), data.size());
  chunk.end = data.size();
  chunks_.push_back(std::move(chunk));
  size_ += data.size();
}

std::size_t OutputBuffer::front(iovec* pieces, std::size_t count) const noexcept {
  std::size_t written = 0;
  for (std::size_t i = first_; i < chunks_.size() && written < count; ++i) {
    const Chunk& chunk = chunks_[i];
    pieces[written].iov_base = chunk.bytes.get() + chunk.begin;
    pieces[written].iov_len = chunk.end - chunk.begin;
    ++written;
  }
  return written;
}

void OutputBuffer::consume(std::size_t count) noexcept {
  size_ -= count;
  if (size_ == 0) return clear();
  while (count > 0) {
    Chunk& chunk = chunks_[first_];
    const std::size_t here = std::min(count, chunk.end - chunk.begin);
    chunk.begin += here;
    count -= here;
    if (chunk.begin == chunk.end) {
      chunk.bytes.reset();
      ++first_;
    }
  }
  if (first_ >= trimAt) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void OutputBuffer::clear() noexcept {
  std::vector<Chunk>().swap(chunks_);
  first_ = 0;
  size_ = 0;
}

}  // namespace bight::detail
