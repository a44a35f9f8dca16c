#include <bight/websocket/utf8.hpp>

#include <cstddef>
#include <cstring>

namespace bight::websocket {

bool Utf8Validator::feed(std::string_view piece) noexcept {
  if (bad_) return false;
  const auto* at = reinterpret_cast<const std::uint8_t*>(piece.data());
  const auto* const end = at + piece.size();
  while (at != end) {
    if (need_ > 0) {
      if (*at < least_ || *at > greatest_) return !(bad_ = true);
      least_ = 0x80;
      greatest_ = 0xBF;
      --need_;
      ++at;
      continue;
    }
    // ASCII, 16 bytes at a time.
    constexpr std::uint64_t highBits = 0x8080808080808080U;
    while (end - at >= 16) {
      std::uint64_t words[2];
      std::memcpy(words, at, sizeof words);
      if (((words[0] | words[1]) & highBits) != 0) break;
      at += sizeof words;
    }
    while (at != end && *at < 0x80) ++at;
    // Whole characters of two, three and four bytes, without going through the members.
    while (at != end && *at >= 0x80) {
      const std::uint8_t first = *at++;
      std::uint8_t need = 1;
      std::uint8_t least = 0x80;
      std::uint8_t greatest = 0xBF;
      if (first >= 0xC2 && first <= 0xDF) {
        need = 1;
      } else if ((first & 0xF0) == 0xE0) {
        need = 2;
        if (first == 0xE0) least = 0xA0;     // shorter forms exist
        if (first == 0xED) greatest = 0x9F;  // surrogates
      } else if (first >= 0xF0 && first <= 0xF4) {
        need = 3;
        if (first == 0xF0) least = 0x90;
        if (first == 0xF4) greatest = 0x8F;  // above U+10FFFF
      } else {
        return !(bad_ = true);
      }
      while (need > 0 && at != end) {
        if (*at < least || *at > greatest) return !(bad_ = true);
        least = 0x80;
        greatest = 0xBF;
        --need;
        ++at;
      }
      need_ = need;
      least_ = least;
      greatest_ = greatest;
      if (need > 0) return true;  // the piece ends within the character
    }
  }
  return true;
}

}  // namespace bight::websocket
