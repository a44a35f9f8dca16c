/// @file
/// Frames: `FrameParser` reads them from bytes, `appendFrameHeader` writes them. Knows no socket and no reactor; strict
/// as RFC 6455, section 5, asks for.
///
/// ```
///   0                   1                   2                   3
///   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///  +-+-+-+-+-------+-+-------------+-------------------------------+
///  |F|R|R|R| opcode|M| length: 0-125 itself, 126: 16 bits follow,  |
///  |I|S|S|S|       |A| 127: 63 bits follow                         |
///  |N|V|V|V|       |S|                                             |
///  | |1|2|3|       |K|  then the mask key (4 bytes), if masked     |
///  +-+-+-+-+-------+-+-------------+-------------------------------+
/// ```
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/websocket/close_code.hpp>
#include <bight/websocket/masking.hpp>

namespace bight::websocket {

/// Which side we are. A client masks what it sends, a server does not.
enum class Role : std::uint8_t { client, server };

/// What a frame is. Those from 8 on are control frames: at most 125 bytes, never fragmented, allowed between the frames
/// of a message.
enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

constexpr bool isControl(Opcode opcode) noexcept {
  return static_cast<std::uint8_t>(opcode) >= 8;
}

/// The most bytes that a control frame may carry.
inline constexpr std::size_t maxControlPayload = 125;
/// The longest header.
inline constexpr std::size_t maxFrameHeader = 14;
/// For limits: none.
inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

/// The header of a frame.
struct FrameHeader {
  Opcode opcode = Opcode::text;
  bool fin = true;    ///< the last frame of its message
  bool rsv1 = false;  ///< the message is compressed, if that was agreed upon
  bool masked = false;
  MaskKey key{};
  std::uint64_t length = 0;  ///< of the payload, in bytes

  bool operator==(const FrameHeader&) const = default;
};

/// Why bytes were refused. The sentence is a literal, so that refusing costs nothing.
struct Violation {
  std::uint16_t code = closeCode::protocolError;  ///< to close with: 1002, 1007 or 1009
  const char* sentence = "";                      ///< for the person at the other end
};

/// Reads frames from bytes that arrive in any pieces.
///
///     for (;;) {
///       switch (parser.next(input)) {  // takes what it uses off the front of `input`
///         case FrameParser::Event::header: begin(parser.header()); break;
///         case FrameParser::Event::payload: append(parser.payload()); break;  // still masked: unmaskTo()
///         case FrameParser::Event::end: done(); break;
///         case FrameParser::Event::needMore: return;                          // `input` is empty now
///         case FrameParser::Event::refused: return close(parser.violation());
///       }
///     }
///
/// **Refused** at the first byte that shows it: RSV bits that nobody agreed upon; opcodes 3 to 7 and 11 to 15; a mask
/// where there must be none, or none where there must be one; a length that is not written in its shortest form, or has
/// its highest bit set; control frames that are fragmented or longer than 125 bytes, and close frames of one byte; a
/// continuation of nothing; a new message inside of another; a data frame longer than the limit (1009).
class BIGHT_API FrameParser {
 public:
  enum class Event { needMore, header, payload, end, refused };

  struct Options {
    Role role = Role::server;            ///< ours: a server reads masked frames
    std::uint64_t maxFrame = unlimited;  ///< the longest payload of a data frame
    bool compression = false;            ///< RSV1 may be set in the first frame of a message
  };

  FrameParser() : FrameParser(Options{}) {}
  explicit FrameParser(const Options& options) noexcept : options_(options) {}

  /// Reads on up to the next event, and takes what was used off the front of `input`.
  Event next(std::string_view& input, std::size_t mostPayload = std::numeric_limits<std::size_t>::max());

  /// After `Event::header`, until the next one.
  const FrameHeader& header() const noexcept { return header_; }
  /// After `Event::payload`: the next piece, not empty, at most `mostPayload` bytes, as it came; points into the input.
  std::string_view payload() const noexcept { return payload_; }
  /// That piece, unmasked if it was masked, to `out`, which has room for it.
  void unmaskTo(char* out) const noexcept;
  /// How much of the frame's payload has not come yet.
  std::uint64_t remaining() const noexcept { return remaining_; }
  /// A message has begun and its last frame has not.
  bool inMessage() const noexcept { return inMessage_; }
  /// After `Event::refused`, and ever after.
  const Violation& violation() const noexcept { return violation_; }

 private:
  enum class Stage : std::uint8_t { first, second, length, key, payload, refused };

  bool readHeader(std::string_view& input);
  bool takeFirst(std::uint8_t byte);
  bool takeSecond(std::uint8_t byte);
  bool takeLength(std::uint8_t byte);
  bool refuse(std::uint16_t code, const char* sentence) noexcept;

  Options options_;
  Stage stage_ = Stage::first;
  std::uint8_t lacks_ = 0;  // bytes of the length, or of the key, that have not come yet
  std::uint8_t lengthSize_ = 0;
  bool inMessage_ = false;
  FrameHeader header_;
  std::uint64_t remaining_ = 0;
  std::string_view payload_;
  Violation violation_;
};

/// A header as it goes out, in its shortest form.
class BIGHT_API FrameHeaderBytes {
 public:
  explicit FrameHeaderBytes(const FrameHeader& header) noexcept;
  std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, maxFrameHeader> bytes_;
  std::uint8_t size_ = 0;
};

/// Appends a header. `header.rsv1` goes out as it is; nothing is checked.
BIGHT_API void appendFrameHeader(std::string& out, const FrameHeader& header);

/// Appends a whole frame; masks the payload if the header says so.
BIGHT_API void appendFrame(std::string& out, FrameHeader header, std::string_view payload);

/// What a close frame says.
struct ClosePayload {
  std::uint16_t code = closeCode::noStatus;  ///< 1005 if the frame was empty
  std::string_view reason;
};

/// Reads the payload of a close frame: `code` is what to close with if it is refused (1002, 1007), else 0.
BIGHT_API Violation readClosePayload(std::string_view payload, ClosePayload& out) noexcept;

/// The payload of a close frame; empty for 1005. `reason` is cut to 123 bytes, at the end of a character.
BIGHT_API std::string makeClosePayload(std::uint16_t code, std::string_view reason);

}  // namespace bight::websocket
