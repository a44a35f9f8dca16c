/// @file
/// What a received message may be at most.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bight::http {

/// The bounds on one request. All are finite: what a peer sends before somebody looks at it never takes more memory
/// than this. Sizes are in bytes and include the line ends.
struct Limits {
  /// The request line; a longer one is answered with 414.
  std::size_t requestLine = 8192;
  /// One field line, and one trailer line; a longer one is answered with 431.
  std::size_t fieldLine = 8192;
  /// Request line and header fields together, at most 65535; more is answered with 431. The trailer fields together
  /// have the same limit.
  std::size_t head = 32768;
  /// How many header fields, and how many trailer fields; more is answered with 431.
  std::size_t fields = 100;
  /// The content; more is answered with 413, before any of it is read if its length was announced.
  std::uint64_t body = 1024 * 1024;
  /// The chunk extensions of one message together; more is answered with 413. Nobody sends any, but who attacks.
  std::size_t chunkExtensions = 1024;
};

}  // namespace bight::http
