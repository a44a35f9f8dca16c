/// @file
/// Internal: descriptors that wait to travel with bytes of a connection.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include <bight/file_descriptor.hpp>

namespace bight::detail {

/// A queue of descriptors, each tied to one byte of a connection's output, in order, no two to the same. Bytes are counted from when the
/// queue was made.
class Cargo {
 public:
  /// What the system takes in one message, and what may wait.
  static constexpr std::size_t most = 253;

  std::size_t size() const noexcept { return pieces_.size(); }
  bool empty() const noexcept { return pieces_.empty(); }
  /// So many that a producer should pause.
  bool isMuch() const noexcept { return pieces_.size() > 16; }

  /// Ties `descriptor` to the byte behind the `ahead` bytes that wait to leave, or to the first one after those that are taken.
  void add(FileDescriptor descriptor, std::size_t ahead) {
    const std::uint64_t next = pieces_.empty() ? 0 : pieces_.back().at + 1;
    pieces_.push_back({std::move(descriptor), std::max(left_ + ahead, next)});
  }
  /// Whether each has its byte among the `waiting` bytes.
  bool fits(std::size_t waiting) const noexcept { return pieces_.empty() || pieces_.back().at < left_ + waiting; }
  /// The descriptor that belongs to the first waiting byte, or -1.
  int first() const noexcept { return !pieces_.empty() && pieces_.front().at == left_ ? pieces_.front().it.get() : -1; }
  /// How many bytes may leave together with that one, or without any.
  std::size_t together(std::size_t waiting) const noexcept {
    const std::size_t next = first() >= 0 ? 1 : 0;
    return next < pieces_.size() ? std::min<std::size_t>(waiting, pieces_[next].at - left_) : waiting;
  }
  /// `count` bytes have left, more than none, and with them the descriptor that belonged to the first.
  void leave(std::size_t count) {
    if (first() >= 0) pieces_.pop_front();
    left_ += count;
  }

 private:
  struct Piece {
    FileDescriptor it;
    std::uint64_t at;
  };
  std::deque<Piece> pieces_;
  std::uint64_t left_ = 0;
};

}  // namespace bight::detail
