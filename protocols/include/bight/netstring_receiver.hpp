/// @file
/// Netstrings: "5:hello,".
///
/// ```cpp
/// class Reverse : public bight::NetstringReceiver {
///   void stringReceived(std::string_view string) override { sendString(std::string(string.rbegin(), string.rend())); }
/// };
/// ```
#pragma once

#include <cstddef>

#include <bight/export.hpp>
#include <bight/string_receiver.hpp>

namespace bight {

/// Splits what arrives into netstrings: a length in decimal digits without leading zeros, a colon, the bytes, a comma.
/// (Twisted: basic.NetstringReceiver)
class BIGHT_API NetstringReceiver : public StringReceiver {
 public:
  NetstringReceiver() noexcept : StringReceiver(Framing::netstring) {}

  /// What came is no netstring, or one longer than `maxLength()`. Closes the connection unless overridden; nothing more
  /// is read in any case.
  virtual void handleParseError();

 protected:
  void unreadable(FrameReader::Step why, std::size_t length) override;
};

}  // namespace bight
