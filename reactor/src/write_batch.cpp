// How writes leave
// ----------------
// A protocol that answers 64 pipelined requests writes 64 small pieces while one event is dispatched; a chat room
// writes one line to ten thousand connections. Both should cost one system call per connection, no allocation, and no
// buffer per connection.
//
// So a small write is copied into one buffer that all connections of the reactor share. A connection has a chain of
// pieces there. Usually all of them are one piece, because a piece grows in place while nobody else writes; if nobody
// else writes at all, no list of pieces is made. When the dispatch ends, `flush` walks over the pieces once and sends
// each connection's chain with one call.
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
// A layer above a connection, as TLS is, joins small writes in the same way: it asks to be called before anything is sent.
//
// The life of a closed connection: `release` keeps it until the end of the flush, that is, until every frame that may
// still hold a bare pointer to it has returned. Nothing counts references on the way.
#include "write_batch.hpp"

#include <sys/uio.h>

#include <utility>

#include "stream_connection.hpp"

namespace bight::detail {

WriteBatch::WriteBatch() : bytes_(new char[capacity]) {}

WriteBatch::~WriteBatch() {
  for (std::size_t i = 0; i < released_.size(); ++i) released_[i]->letGo();
}

void WriteBatch::add(StreamConnection& connection, std::string_view data) {
  if (data.size() > capacity - used_) sendAll();
  // Sending may have shown that the peer is slow: then the bytes have to queue behind what is kept.
  if (connection.keepsOutput()) return connection.keep(data);
  if (writer_ != &connection) endWriter();
  append(connection, data);
}

/// The piece that grew is complete: it joins its connection's chain.
void WriteBatch::endWriter() {
  if (!writer_) return;
  StreamConnection& connection = *writer_;
  const auto here = static_cast<std::int32_t>(pieces_.size());
  pieces_.push_back(
      {&connection, static_cast<std::uint32_t>(begin_), static_cast<std::uint32_t>(used_ - begin_), none, here});
  writer_ = nullptr;
  more_ = true;
  if (connection.firstPiece_ == none) {
    connection.firstPiece_ = here;
  } else {
    Piece& first = pieces_[static_cast<std::size_t>(connection.firstPiece_)];
    pieces_[static_cast<std::size_t>(first.last)].next = here;
    first.last = here;
  }
}

std::size_t WriteBatch::take(StreamConnection& connection, iovec* pieces, std::size_t count) noexcept {
  if (writer_ == &connection) {
    if (connection.firstPiece_ == none) {
      pieces->iov_base = bytes_.get() + begin_;
      pieces->iov_len = used_ - begin_;
      writer_ = nullptr;
      return 1;
    }
    endWriter();
  }
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

bool WriteBatch::isPending(const StreamConnection& connection) const noexcept {
  return writer_ == &connection || connection.firstPiece_ != none;
}

std::size_t WriteBatch::pending(const StreamConnection& connection) const noexcept {
  std::size_t bytes = writer_ == &connection ? used_ - begin_ : 0;
  for (auto at = connection.firstPiece_; at != none; at = pieces_[static_cast<std::size_t>(at)].next)
    bytes += pieces_[static_cast<std::size_t>(at)].length;
  return bytes;
}

void WriteBatch::drop(StreamConnection& connection) noexcept {
  if (writer_ == &connection) writer_ = nullptr;
  for (auto at = std::exchange(connection.firstPiece_, none); at != none;
       at = pieces_[static_cast<std::size_t>(at)].next)
    pieces_[static_cast<std::size_t>(at)].connection = nullptr;
}

void WriteBatch::due(StreamConnection& connection) {
  if (connection.isDue_) return;
  due_.push_back(&connection);
  connection.isDue_ = 1;
  more_ = true;
}

void WriteBatch::release(StreamConnection* connection) {
  released_.push_back(connection);
  more_ = true;
}

void WriteBatch::keepAlive(std::shared_ptr<Protocol> protocol) {
  protocols_.push_back(std::move(protocol));
  more_ = true;
}

/// The usual end of a dispatch: one connection wrote.
void WriteBatch::sendWriter() noexcept {
  StreamConnection& only = *std::exchange(writer_, nullptr);
  only.sendOnly({bytes_.get() + begin_, std::exchange(used_, 0) - begin_});
}

void WriteBatch::sendAll() noexcept {
  if (pieces_.empty()) {
    if (writer_) sendWriter();
    used_ = 0;
    return;
  }
  endWriter();
  // Sending adds no pieces, so the vector stands still.
  for (const Piece& piece : pieces_)
    if (piece.connection) piece.connection->sendPending();
  pieces_.clear();
  used_ = 0;
}

void WriteBatch::beforeSending(ReactorBase& reactor, Function<void()> call) {
  layers_.push_back({&reactor, std::move(call)});
  more_ = true;
}

/// Layers above connections write. One may run user code, and so bring others up.
void WriteBatch::callLayers() noexcept {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    LayerCall layer = std::move(layers_[i]);
    layer.reactor->guarded("while a layer above a connection ended a dispatch", layer.call);
  }
  layers_.clear();
}

void WriteBatch::finish() noexcept {
  if (std::exchange(flushing_, true)) return;
  do {
    more_ = false;
    callLayers();
    sendAll();
    // Settling one connection may make others due, or write to them; those are appended, or sent by the next round.
    for (std::size_t i = 0; i < due_.size(); ++i) {
      due_[i]->isDue_ = 0;
      due_[i]->settle();
      due_[i]->reactor().ranFor(*due_[i]);
    }
    due_.clear();
    if (writer_ || !pieces_.empty()) continue;
    // Their protocols die here, and what those do in their destructors may be anything.
    for (std::size_t i = 0; i < released_.size(); ++i) released_[i]->letGo();
    released_.clear();
    const auto protocols = std::exchange(protocols_, {});
  } while (!empty() || !released_.empty() || !protocols_.empty());
  flushing_ = false;
}

}  // namespace bight::detail
