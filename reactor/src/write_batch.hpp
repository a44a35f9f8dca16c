/// @file
/// What the connections of one reactor have to do at the end of a dispatch: send what was written, close what was
/// closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include <bight/function.hpp>

struct iovec;

namespace bight {
class Protocol;
}

namespace bight::detail {

class ReactorBase;
class StreamConnection;

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
  /// "No piece": see `StreamConnection::firstPiece_`.
  static constexpr std::int32_t none = -1;

  WriteBatch();
  /// Lets go of connections that are closed; the reactor has ended all of them before.
  ~WriteBatch();
  WriteBatch(const WriteBatch&) = delete;
  WriteBatch& operator=(const WriteBatch&) = delete;

  bool empty() const noexcept { return !writer_ && !more_; }
  /// Sends and closes, until there is nothing left to do. Runs user code (`connectionLost`, `drained()` callbacks, …);
  /// never throws. A call from inside that user code does nothing: the outer one goes on.
  /// @return whether user code may have been run
  bool flush() noexcept {
    if (!more_ && !flushing_) {
      if (writer_) sendWriter();
      if (!more_) [[likely]]
        return false;
    }
    finish();
    return true;
  }

  /// @name For connections
  /// @{

  /// The short way of `add`, for a connection that keeps no output, while nobody else writes. @return false if it is
  /// the long way after all
  bool append(StreamConnection& connection, std::string_view data) noexcept {
    if (data.size() > largestPiece || data.size() > capacity - used_) return false;
    if (writer_ != &connection) {
      if (writer_) return false;
      writer_ = &connection;
      begin_ = used_;
    }
    std::memcpy(bytes_.get() + used_, data.data(), data.size());
    used_ += data.size();
    return true;
  }
  /// Copies `data` (at most `largestPiece` bytes) behind what the connection wrote before. May send everything that is
  /// pending, to make room.
  void add(StreamConnection& connection, std::string_view data);
  /// The pending pieces of a connection, in order, as memory; they are not pending any more. Valid until the next
  /// `add`.
  /// @returns how many pieces; the rest, if there are more than `count`, stays pending
  std::size_t take(StreamConnection& connection, iovec* pieces, std::size_t count) noexcept;
  /// Whether anything is pending for a connection, and how many bytes.
  bool isPending(const StreamConnection& connection) const noexcept;
  std::size_t pending(const StreamConnection& connection) const noexcept;
  /// Forgets what is pending for a connection.
  void drop(StreamConnection& connection) noexcept;
  /// `connection.settle()` is called before the flush ends. Once, however often this is called before.
  void due(StreamConnection& connection);
  /// A closed connection gives back the reactor's count of it: at the end of the flush, so that whoever is on the stack
  /// still finds it.
  void release(StreamConnection* connection);
  /// Calls `call` before anything is sent: a layer above a connection makes its bytes then. `reactor` is told what it
  /// throws.
  void beforeSending(ReactorBase& reactor, Function<void()> call);
  /// Keeps a protocol as long, for the same reason.
  void keepAlive(std::shared_ptr<Protocol> protocol);

  /// @}

 private:
  struct Piece {
    StreamConnection* connection;  // null: sent or dropped
    std::uint32_t offset;
    std::uint32_t length;
    std::int32_t next;  // the next piece of the same connection
    std::int32_t last;  // in the first piece of a connection: its last one
  };

  void callLayers() noexcept;
  void endWriter();
  void sendWriter() noexcept;
  void sendAll() noexcept;
  void finish() noexcept;

  // The piece that grows: who writes, and where it began. It enters pieces_ only when somebody else writes.
  StreamConnection* writer_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t used_ = 0;
  std::unique_ptr<char[]> bytes_;
  bool more_ = false;  // there may be more to do than to send what writer_ wrote
  bool flushing_ = false;
  std::vector<Piece> pieces_;
  struct LayerCall {
    ReactorBase* reactor;
    Function<void()> call;
  };
  std::vector<LayerCall> layers_;
  std::vector<StreamConnection*> due_;
  std::vector<StreamConnection*> released_;
  std::vector<std::shared_ptr<Protocol>> protocols_;  // let go of with released_
};

}  // namespace bight::detail
