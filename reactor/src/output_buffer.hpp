/// @file
/// What the system has not taken yet, in chunks.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

struct iovec;

namespace bight::detail {

/// A queue of bytes that exists only while a peer is slower than its writer. Bytes are copied in once and never moved
/// again; they leave by scatter-gather from where they lie.
///
/// Chunks grow from 1 KiB to 64 KiB, so a peer that lags by a few bytes costs little and one that lags by megabytes
/// needs few of them; a write larger than that gets a chunk of its own size. When the last byte has left, all memory is
/// given back.
class OutputBuffer {
 public:
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Copies `data` to the end.
  void append(std::string_view data);
  /// Describes the first bytes as at most `count` pieces of memory; says how many it wrote. Valid until the next
  /// change.
  std::size_t front(iovec* pieces, std::size_t count) const noexcept;
  /// Forgets the first `count` bytes; `count <= size()`.
  void consume(std::size_t count) noexcept;
  void clear() noexcept;

 private:
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t capacity = 0;
    std::size_t begin = 0;  // the bytes before have left
    std::size_t end = 0;
  };

  std::vector<Chunk> chunks_;
  std::size_t first_ = 0;  // chunks before it have left
  std::size_t size_ = 0;
};

}  // namespace bight::detail
