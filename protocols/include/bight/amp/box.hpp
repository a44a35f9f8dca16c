/// @file
/// The boxes of AMP: what goes over the wire. Knows no connection.
///
/// A box is a list of keys with values. Each key and each value has its length before it, in two bytes, big-endian; a
/// length of 0 where a key is expected ends the box:
///
/// ```
/// 00 04 _ask  00 01 1  00 08 _command  00 03 Sum  00 01 a  00 02 40  00 01 b  00 01 2  00 00
/// ```
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/export.hpp>

namespace bight::amp {

/// What came is not AMP.
class BIGHT_API ProtocolError : public std::runtime_error {
 public:
  explicit ProtocolError(const std::string& why);
};

/// A key of more than 255 bytes, or a value of more than 65535, cannot be sent. (Twisted: TooLong)
class BIGHT_API TooLongError : public std::length_error {
 public:
  TooLongError(std::string_view key, std::size_t size, std::size_t most);
};

/// Keys with values, in the order in which they were added. (Twisted: AmpBox)
class BIGHT_API Box {
 public:
  using Entry = std::pair<std::string, std::string>;

  Box() = default;
  Box(std::initializer_list<Entry> entries);

  /// The value of a key; null if it is not there.
  const std::string* find(std::string_view key) const noexcept;
  /// Adds a key, or gives it another value. @throws std::invalid_argument for an empty key
  void set(std::string_view key, std::string value);

  const std::vector<Entry>& entries() const noexcept { return entries_; }
  bool empty() const noexcept { return entries_.empty(); }
  bool operator==(const Box&) const = default;

  /// Its bytes. @throws TooLongError
  std::string serialize() const;

 private:
  friend class BoxReader;
  std::vector<Entry> entries_;
};

/// Takes boxes out of bytes that come in pieces of any size.
class BIGHT_API BoxReader {
 public:
  /// @param mostBytes  of a box: its keys, values and lengths together
  explicit BoxReader(std::size_t mostBytes = std::size_t{1} << 20) noexcept : mostBytes_(mostBytes) {}

  /// Reads on in `input`, and takes off its front what it has used.
  /// @throws ProtocolError for a key that is longer than 255 bytes or comes twice, or a box that is too long
  std::optional<Box> next(std::string_view& input);
  /// Whether a box has begun and is not complete.
  bool inside() const noexcept { return used_ > 0; }
  /// How many bytes of it have been taken.
  std::size_t kept() const noexcept { return used_; }

 private:
  enum class State : std::uint8_t { keyLength, key, valueLength, value };

  static constexpr std::size_t mostKeys_ = 1000;  // they are compared with each other

  Box box_;
  std::string piece_;     // what has come of the present length, key or value
  std::size_t need_ = 2;  // how long that is
  std::size_t used_ = 0;
  std::size_t mostBytes_;
  State state_ = State::keyLength;
};

}  // namespace bight::amp
