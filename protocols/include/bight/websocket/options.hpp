/// @file
/// What a WebSocket connection may do, of both sides.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <bight/export.hpp>
#include <bight/time.hpp>
#include <bight/websocket/deflate.hpp>
#include <bight/websocket/frame.hpp>

namespace bight::websocket {

/// How a connection behaves. Everything has an end from the start; a time of zero means without limit.
///
///     websocket::Options options{.maxMessage = 64 * 1024, .deflate = websocket::DeflateOptions{}};
struct Options {
  /// Bytes of a message that is received, decompressed; a larger one closes the connection with 1009.
  std::uint64_t maxMessage = std::uint64_t{1} << 20;
  /// Bytes of a single frame, as it comes; the same.
  std::uint64_t maxFrame = unlimited;
  /// Bytes that may wait for a peer that does not read; when that much waits and more is sent, it is taken for dead.
  std::size_t maxBuffered = std::size_t{16} << 20;
  /// Messages that are sent are cut into frames of at most this size; 0: not cut.
  std::size_t fragmentSize = 0;
  /// Nothing having been heard of the peer for so long, it is sent a ping…
  Duration pingInterval = std::chrono::seconds(30);
  /// …and if for so long nothing comes then, the connection is aborted. Without pings: never.
  Duration pingTimeout = std::chrono::seconds(20);
  /// For the peer to answer our close, and to close the connection when both have said it.
  Duration closeTimeout = std::chrono::seconds(5);
  /// Compression, if the other side agrees. Off unless set: it costs memory.
  std::optional<DeflateOptions> deflate = {};
  /// A server: those it speaks, the one it likes best first. A client: those it asks for.
  std::vector<std::string> subprotocols = {};
  /// A server: pages of which sites may connect, as "https://example.org"; "*" allows all. If it is empty, those of the
  /// server's own host may: a page of another site cannot use its visitors' cookies to speak to us. Clients that are no
  /// browsers send no Origin, and are let in.
  std::vector<std::string> allowedOrigins = {};

  /// @throws std::invalid_argument for what makes no sense; the message says what
  void check() const;
};

}  // namespace bight::websocket
