/// @file
/// Strings with a binary length before them, of one, two or four bytes, big-endian.
#pragma once

#include <cstddef>

#include <bight/export.hpp>
#include <bight/string_receiver.hpp>

namespace bight {

/// What the three have in common. (Twisted: basic.IntNStringReceiver)
class BIGHT_API IntNStringReceiver : public StringReceiver {
 public:
  /// A string of `length` bytes is announced, which is more than `maxLength()`. Closes the connection unless
  /// overridden; nothing more is read in any case.
  virtual void lengthLimitExceeded(std::size_t length);

 protected:
  using StringReceiver::StringReceiver;
  void unreadable(FrameReader::Step why, std::size_t length) override;
};

/// Strings of up to 255 bytes. (Twisted: basic.Int8StringReceiver)
class BIGHT_API Int8StringReceiver : public IntNStringReceiver {
 public:
  Int8StringReceiver() noexcept : IntNStringReceiver(Framing::int8) {}
};

/// Strings of up to 65535 bytes. (Twisted: basic.Int16StringReceiver)
class BIGHT_API Int16StringReceiver : public IntNStringReceiver {
 public:
  Int16StringReceiver() noexcept : IntNStringReceiver(Framing::int16) {}
};

/// Strings of up to 4 GiB, if `setMaxLength()` allows them. (Twisted: basic.Int32StringReceiver)
class BIGHT_API Int32StringReceiver : public IntNStringReceiver {
 public:
  Int32StringReceiver() noexcept : IntNStringReceiver(Framing::int32) {}
};

}  // namespace bight
