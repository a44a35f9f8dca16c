// How writes leave
// ----------------
// A protocol that answers 64 pipelined requests writes 64 small pieces while one event is dispatched; a chat room
// writes one line to ten thousand connections. Both should cost one system call per connection, no allocation, and no
// buffer per connection.
//
// So a small write is copied into one buffer that all connections of the reactor share. A connection has a chain of
// pieces there. Usually the chain is one piece long, because the piece grows in place while nobody else writes in
// between. When the dispatch ends, `flush` walks over the pieces once and sends each connection's chain with one call.
//
//   bytes_   | A: "HTTP/1.1 200…" | B: "hello" | A: "more" |                  |
//   pieces_    [0] A, next 2         [1] B        [2] A
//
// What the system does not take goes to the connection's own OutputBuffer, and while that is not empty, writes bypass
// the batch. So the batch never holds bytes that must wait, and order within a connection is kept: own buffer, then
// pieces.
//
// `sendAll` runs no user code: it may be called from inside `write()` when the buffer is full. Whatever needs user code
// (a reason to close, a producer to pause, a `drained()` to fire) makes the connection *due*, and `flush` settles it.
//
// The life of a closed connection: `release` keeps it until the end of the flush, that is, until every frame that may
// still hold a bare pointer to it has returned. Nothing counts references on the way.
#include "write_batch.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "tcp_connection.hpp"

namespace bight::detail {

WriteBatch::WriteBatch() : bytes_(new char[capacity]) {}

WriteBatch::~WriteBatch() {
  for (std::size_t i = 0; i < released_.size(); ++i) released_[i]->letGo();
}

void WriteBatch::add(TcpConnection& connection, std::string_view data) {
  if (used_ + data.size() > capacity) sendAll();
  // Sending may have shown that the peer is slow: then the bytes have to queue behind what is kept.
  if (connection.keepsOutput()) return connection.keep(data);
  const auto here = static_cast<std::int32_t>(pieces_.size());
  const std::int32_t first = connection.firstPiece_;
  if (first == none) {
    pieces_.push_back(
        {&connection, static_cast<std::uint32_t>(used_), static_cast<std::uint32_t>(data.size()), none, here});
    connection.firstPiece_ = here;
  } else if (const std::int32_t last = pieces_[static_cast<std::size_t>(first)].last; last == here - 1) {
    pieces_.back().length += static_cast<std::uint32_t>(data.size());
  } else {
    pieces_.push_back(
        {&connection, static_cast<std::uint32_t>(used_), static_cast<std::uint32_t>(data.size()), none, none});
    pieces_[static_cast<std::size_t>(last)].next = here;
    pieces_[static_cast<std::size_t>(first)].last = here;
  }
  std::memcpy(bytes_.get() + used_, data.data(), data.size());
  used_ += data.size();
}

std::size_t WriteBatch::take(TcpConnection& connection, iovec* pieces, std::size_t count) noexcept {
  std::size_t taken = 0;
  std::int32_t at = connection.firstPiece_;
  if (at == none) return 0;
  const std::int32_t last = pieces_[static_cast<std::size_t>(at)].last;
  while (at != none && taken < count) {
    Piece& piece = pieces_[static_cast<std::size_t>(at)];
    pieces[taken].iov_base = bytes_.get() + piece.offset;
    pieces[taken].iov_len = piece.length;
    ++taken;
    piece.connection = nullptr;
    at = piece.next;
  }
  if (at != none) pieces_[static_cast<std::size_t>(at)].last = last;
  connection.firstPiece_ = at;
  return taken;
}

std::size_t WriteBatch::pending(const TcpConnection& connection) const noexcept {
  std::size_t bytes = 0;
  for (auto at = connection.firstPiece_; at != none; at = pieces_[static_cast<std::size_t>(at)].next)
    bytes += pieces_[static_cast<std::size_t>(at)].length;
  return bytes;
}

void WriteBatch::drop(TcpConnection& connection) noexcept {
  for (auto at = std::exchange(connection.firstPiece_, none); at != none;
       at = pieces_[static_cast<std::size_t>(at)].next)
    pieces_[static_cast<std::size_t>(at)].connection = nullptr;
}

void WriteBatch::due(TcpConnection& connection) {
  if (connection.isDue_) return;
  due_.push_back(&connection);
  connection.isDue_ = true;
}

void WriteBatch::release(TcpConnection* connection) {
  released_.push_back(connection);
}

void WriteBatch::sendAll() noexcept {
  // Sending adds no pieces, so the vector stands still.
  for (const Piece& piece : pieces_)
    if (piece.connection) piece.connection->sendPending();
  pieces_.clear();
  used_ = 0;
}

void WriteBatch::flush() noexcept {
  if (std::exchange(flushing_, true)) return;
  while (!empty()) {
    sendAll();
    // Settling one connection may make others due, or write to them; those are appended, or sent by the next round.
    for (std::size_t i = 0; i < due_.size(); ++i) {
      due_[i]->isDue_ = false;
      due_[i]->settle();
    }
    due_.clear();
    if (!pieces_.empty()) continue;
    // Their protocols die here, and what those do in their destructors may be anything.
    for (std::size_t i = 0; i < released_.size(); ++i) released_[i]->letGo();
    released_.clear();
  }
  flushing_ = false;
}

}  // namespace bight::detail
