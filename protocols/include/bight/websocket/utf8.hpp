/// @file
/// UTF-8, checked as it arrives. RFC 3629; RFC 6455, section 8.1.
#pragma once

#include <cstdint>
#include <string_view>

#include <bight/export.hpp>

namespace bight::websocket {

/// Reads a text in pieces cut anywhere, and knows at the first byte that cannot stand where it is.
///
///     Utf8Validator text;
///     if (!text.feed(piece)) refuse();         // overlong forms, surrogates and what is above U+10FFFF included
///     if (!text.complete()) refuse();          // at the end: a character has begun and is not finished
class BIGHT_API Utf8Validator {
 public:
  /// @return false if the text is invalid up to here, and ever after
  bool feed(std::string_view piece) noexcept;
  /// Whether the text may end here.
  bool complete() const noexcept { return need_ == 0 && !bad_; }
  /// Begins a new text.
  void reset() noexcept { *this = Utf8Validator(); }

  /// A whole text at once.
  static bool isValid(std::string_view text) noexcept {
    Utf8Validator validator;
    return validator.feed(text) && validator.complete();
  }

 private:
  std::uint8_t need_ = 0;      // how many continuation bytes the present character lacks
  std::uint8_t least_ = 0x80;  // what the next one may be: the second byte of some is bounded more closely
  std::uint8_t greatest_ = 0xBF;
  bool bad_ = false;
};

}  // namespace bight::websocket
