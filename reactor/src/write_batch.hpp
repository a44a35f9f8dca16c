/// @file
/// What the connections of one reactor have to do at the end of a dispatch: send what was written, close what was
/// closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace bight::detail {

class TcpConnection;

/// The end-of-dispatch work of all connections of one reactor. See write_batch.cpp for how it works.
///
/// For the reactor: `if (!batch.empty()) batch.flush();` after every dispatched event, timer and queued call, and
/// before polling.
class WriteBatch {
 public:
  WriteBatch();
  ~WriteBatch();
  WriteBatch(const WriteBatch&) = delete;
  WriteBatch& operator=(const WriteBatch&) = delete;

  bool empty() const noexcept { return pieces_.empty() && due_.empty() && released_.empty(); }
  /// Sends and closes, until there is nothing left to do. Runs user code (`connectionLost`, `drained()` callbacks, …);
  /// never throws. A call from inside that user code does nothing: the outer one goes on.
  void flush() noexcept;

 private:
  struct Piece;
  std::vector<Piece> pieces_;
  std::vector<TcpConnection*> due_;
  std::vector<TcpConnection*> released_;
};

}  // namespace bight::detail
