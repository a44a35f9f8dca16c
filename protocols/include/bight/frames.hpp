/// @file
/// Strings on a stream, each with its length before it: the grammar alone, bytes in and strings out. The protocols over
/// it are `NetstringReceiver` and the `Int…StringReceiver`s.
///
/// | framing | "hello" on the wire | longest string |
/// |---|---|---|
/// | `netstring` | `5:hello,` | 2^63 - 1 |
/// | `int8` | `05 hello` | 255 |
/// | `int16` | `00 05 hello` | 65535 |
/// | `int32` | `00 00 00 05 hello` | 2^32 - 1 |
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <bight/export.hpp>

namespace bight {

/// How the length of a string is written before it. The integers are big-endian.
enum class Framing : std::uint8_t { netstring, int8, int16, int32 };

/// A string is longer than the number before it can say. (Twisted: StringTooLongError)
class BIGHT_API StringTooLongError : public std::length_error {
 public:
  StringTooLongError(std::size_t size, std::size_t longest);
};

/// The longest string that the framing can express.
BIGHT_API std::size_t longestString(Framing framing) noexcept;

/// What stands before a string on the wire.
class BIGHT_API FrameHeader {
 public:
  /// @throws StringTooLongError if the framing cannot express `size`
  FrameHeader(Framing framing, std::size_t size);
  std::string_view bytes() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, 24> bytes_{};
  std::size_t size_ = 0;
};

/// What stands behind a string on the wire.
constexpr std::string_view frameTrailer(Framing framing) noexcept {
  return framing == Framing::netstring ? "," : "";
}

/// Takes framed strings out of bytes that come in pieces of any size. Knows no connection.
///
/// ```cpp
/// FrameReader reader(Framing::int16, 1000);
/// while (reader.next(input) == FrameReader::Step::frame) use(reader.frame());
/// ```
/// A string that lies whole in one piece is not copied. What is kept of an incomplete one is what has come of it, never
/// what its length announces.
class BIGHT_API FrameReader {
 public:
  /// What `next()` has found.
  enum class Step : std::uint8_t {
    frame,       ///< a string: `frame()`
    incomplete,  ///< nothing yet; the input is used up
    tooLong,     ///< a length above the limit: `length()`. Nothing can be read any more
    malformed    ///< not a netstring. Nothing can be read any more
  };

  explicit FrameReader(Framing framing, std::size_t maxLength = 99999) noexcept
      : maxLength_(maxLength), framing_(framing) {}

  /// Reads on in `input`, and takes off its front what it has used.
  Step next(std::string_view& input);

  /// The string found last. Valid until the next `next()`, and as long as the input it lies in.
  std::string_view frame() const noexcept { return frame_; }
  /// The length of the string that is being read, or was too long. Of a netstring the digits read so far.
  std::size_t length() const noexcept { return length_; }
  /// How many bytes of an incomplete string, its header included, have been taken.
  std::size_t kept() const noexcept {
    return state_ == State::header ? digits_ : state_ == State::body ? digits_ + buffer_.size() : 0;
  }

  Framing framing() const noexcept { return framing_; }
  std::size_t maxLength() const noexcept { return maxLength_; }
  /// Applies from the next length on.
  void setMaxLength(std::size_t bytes) noexcept { maxLength_ = bytes; }

 private:
  enum class State : std::uint8_t { header, body, delivered, tooLong, malformed };

  Step readHeader(std::string_view& input);
  Step readNetstringHeader(std::string_view& input);
  Step readBody(std::string_view& input);
  Step refuse(State why) noexcept;

  std::string buffer_;  // of an incomplete string: its bytes, and the trailer
  std::string_view frame_;
  std::size_t length_ = 0;
  std::size_t maxLength_;
  std::size_t digits_ = 0;  // so many bytes of the header have been read
  Framing framing_;
  State state_ = State::header;
};

}  // namespace bight
