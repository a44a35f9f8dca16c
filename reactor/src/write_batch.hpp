/// @file
/// What the connections of one reactor have to do at the end of a dispatch: send what was written, close what was
/// closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

struct iovec;

namespace bight::detail {

class TcpConnection;

/// The end-of-dispatch work of all connections of one reactor. See write_batch.cpp for how it works.
///
/// For the reactor: `if (!batch.empty()) batch.flush();` after every dispatched event, timer and queued call, and
/// before polling.
class WriteBatch {
 public:
  /// Bytes shared by all connections between two flushes.
  static constexpr std::size_t capacity = 64 * 1024;
  /// A write larger than this does not go through the batch: copying it would cost more than its own system call.
  static constexpr std::size_t largestPiece = 8 * 1024;
  /// "No piece": see `TcpConnection::firstPiece_`.
  static constexpr std::int32_t none = -1;

  WriteBatch();
  /// Lets go of connections that are closed; the reactor has ended all of them before.
  ~WriteBatch();
  WriteBatch(const WriteBatch&) = delete;
  WriteBatch& operator=(const WriteBatch&) = delete;

  bool empty() const noexcept { return pieces_.empty() && due_.empty() && released_.empty(); }
  /// Sends and closes, until there is nothing left to do. Runs user code (`connectionLost`, `drained()` callbacks, …);
  /// never throws. A call from inside that user code does nothing: the outer one goes on.
  void flush() noexcept;

  /// @name For connections
  /// @{

  /// Copies `data` (at most `largestPiece` bytes) behind what the connection wrote before. May send everything that is
  /// pending, to make room.
  void add(TcpConnection& connection, std::string_view data);
  /// The pending pieces of a connection, in order, as memory; they are not pending any more. Valid until the next
  /// `add`.
  /// @returns how many pieces; the rest, if there are more than `count`, stays pending
  std::size_t take(TcpConnection& connection, iovec* pieces, std::size_t count) noexcept;
  /// Bytes that are pending for a connection.
  std::size_t pending(const TcpConnection& connection) const noexcept;
  /// Forgets what is pending for a connection.
  void drop(TcpConnection& connection) noexcept;
  /// `connection.settle()` is called before the flush ends. Once, however often this is called before.
  void due(TcpConnection& connection);
  /// A closed connection gives back the reactor's count of it: at the end of the flush, so that whoever is on the stack
  /// still finds it.
  void release(TcpConnection* connection);

  /// @}

 private:
  struct Piece {
    TcpConnection* connection;  // null: sent or dropped
    std::uint32_t offset;
    std::uint32_t length;
    std::int32_t next;  // the next piece of the same connection
    std::int32_t last;  // in the first piece of a connection: its last one
  };

  void sendAll() noexcept;

  std::unique_ptr<char[]> bytes_;
  std::size_t used_ = 0;
  std::vector<Piece> pieces_;
  std::vector<TcpConnection*> due_;
  std::vector<TcpConnection*> released_;
  bool flushing_ = false;
};

}  // namespace bight::detail
