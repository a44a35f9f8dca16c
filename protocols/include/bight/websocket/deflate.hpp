/// @file
/// permessage-deflate: messages compressed with DEFLATE. RFC 7692, section 7. What both sides agree on, and the two
/// halves that do it. Knows no socket.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/websocket/frame.hpp>

namespace bight::websocket {

/// What we want of permessage-deflate, and are ready to pay for. "Own" is what we send, "peer" what we receive.
///
/// Memory of a connection, from its first compressed message in that direction on: sending takes about
/// 2^(ownWindowBits + 2) + 2^(memoryLevel + 9) bytes and 6 KiB, receiving 2^peerWindowBits and 7 KiB. With the defaults
/// that are 38 KiB for sending and 11 KiB for receiving; zlib's own defaults would be 268 and 39. Without takeover of
/// the context a direction costs nothing between messages.
struct DeflateOptions {
  int ownWindowBits = 12;              ///< 8 to 15; the peer may ask for less
  int peerWindowBits = 12;             ///< 8 to 15; a client that does not let us choose gets its 15
  bool ownNoContextTakeover = false;   ///< each message is compressed by itself: worse, and no memory in between
  bool peerNoContextTakeover = false;  ///< the peer shall do so
  int level = 6;                       ///< 1 (fast) to 9 (small)
  int memoryLevel = 5;                 ///< 1 to 9
  std::size_t threshold = 32;          ///< shorter messages go out as they are

  /// @throws std::invalid_argument if a number is out of its range
  void check() const;
};

/// What was agreed upon for a connection.
struct DeflateAgreement {
  int ownWindowBits = 15;
  int peerWindowBits = 15;
  bool ownNoContextTakeover = false;
  bool peerNoContextTakeover = false;

  bool operator==(const DeflateAgreement&) const = default;
};

/// A client's offer, for the field Sec-WebSocket-Extensions.
BIGHT_API std::string offerDeflate(const DeflateOptions& options);

/// What a server makes of the offers of a client: the first that it can accept, or none.
struct DeflateChoice {
  std::optional<DeflateAgreement> agreement;
  std::string response;    ///< for the field Sec-WebSocket-Extensions of the answer
  bool malformed = false;  ///< the offers are not even a list of extensions
};
/// @param offers  the value of Sec-WebSocket-Extensions; several fields are joined with commas
BIGHT_API DeflateChoice chooseDeflate(std::string_view offers, const DeflateOptions& options);

/// What a client makes of the server's answer. `options` is what it offered, null if nothing.
struct DeflateAnswer {
  std::optional<DeflateAgreement> agreement;  ///< nothing: not compressed
  const char* refusal = nullptr;              ///< why the answer breaks a rule, and the connection with it
};
BIGHT_API DeflateAnswer readDeflateAnswer(std::string_view answer, const DeflateOptions* options);

/// Compresses messages.
class BIGHT_API Deflater {
 public:
  /// Takes no memory before the first message.
  Deflater(const DeflateAgreement& agreement, const DeflateOptions& options) noexcept;
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater();

  /// Appends the compressed message: the payload of a message whose first frame has RSV1. From now on it must be sent,
  /// or the peer will not understand what follows.
  /// @throws std::bad_alloc
  void compress(std::string_view message, std::string& out);

 private:
  struct Stream;
  static std::unique_ptr<Stream> take(int windowBits, int level, int memoryLevel);
  static void giveBack(std::unique_ptr<Stream> stream) noexcept;

  std::unique_ptr<Stream> stream_;
  std::uint8_t windowBits_;
  std::uint8_t level_;
  std::uint8_t memoryLevel_;
  bool takeover_;
};

/// Decompresses messages, a piece at a time, so that who uses it can stop when it becomes too much.
///
///     while (size_t n = inflater.inflate(piece, room)) take(room, n);  // and once more with tail() for the last piece
///     if (inflater.failed()) refuse();
class BIGHT_API Inflater {
 public:
  /// Takes no memory before the first message.
  explicit Inflater(const DeflateAgreement& agreement) noexcept;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  /// What follows the last piece of every message, and is not sent (RFC 7692, 7.2.2).
  static std::string_view tail() noexcept { return {"\0\0\xFF\xFF", 4}; }

  /// Decompresses from the front of `input`, which is moved on, into `room`, which must not be empty. Call it again
  /// until it gives less than there is room for. @return how many bytes were written
  /// @throws std::bad_alloc
  std::size_t inflate(std::string_view& input, std::span<char> room);
  /// The data cannot be decompressed. Bytes in front of that place have been given.
  bool failed() const noexcept { return failed_; }
  /// Whether a message may end here, its tail being given.
  bool atBoundary() const noexcept;
  /// The message is over, tail and all. @return false if it ends in the middle of something
  bool endMessage() noexcept;

 private:
  struct Stream;
  static std::unique_ptr<Stream> take(int windowBits);
  static void giveBack(std::unique_ptr<Stream> stream) noexcept;

  std::unique_ptr<Stream> stream_;
  std::uint8_t windowBits_;
  bool takeover_;
  bool failed_ = false;
};

}  // namespace bight::websocket
