// The classes of characters, as one table of bits: what the parser asks of every byte it reads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace bight::http::characters {

enum Bits : std::uint8_t {
  token = 1,   // RFC 9110 tchar
  target = 2,  // printable ASCII: more than RFC 3986 allows ('|', '"', '\\'), for browsers send it; never a space,
               // control or 8-bit byte
  host = 4,    // reg-name, IP literal and port: unreserved, sub-delims, '%', ':', '[', ']'
  hexadecimal = 8,
  unreserved = 16,  // RFC 3986 unreserved
  space = 32,       // space and tab
  name = 64,        // reg-name without escapes: unreserved and sub-delims
};

constexpr std::array<std::uint8_t, 256> makeTable() {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    std::uint8_t bits = 0;
    if (digit || letter ||
        (c < 128 && std::string_view("!#$%&'*+-.^_`|~").find(char(c)) != std::string_view::npos && c))
      bits |= token;
    if (c > ' ' && c < 0x7f) bits |= target;
    if (digit || letter ||
        (c && c < 128 && std::string_view("-._~!$&'()*+,;=%:[]").find(char(c)) != std::string_view::npos))
      bits |= host;
    if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= hexadecimal;
    if (digit || letter || c == '-' || c == '.' || c == '_' || c == '~') bits |= unreserved;
    if (c == ' ' || c == '\t') bits |= space;
    if ((bits & host) && c != '%' && c != ':' && c != '[' && c != ']') bits |= name;
    table[c] = bits;
  }
  return table;
}

inline constexpr std::array<std::uint8_t, 256> table = makeTable();

inline bool is(char c, Bits bits) noexcept {
  return (table[static_cast<unsigned char>(c)] & bits) != 0;
}

// The value of a hexadecimal digit.
inline unsigned hexadecimalValue(char c) noexcept {
  return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

inline char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// The first byte in [at, end) that is a control character other than tab: eight bytes at a time. A byte counts as
// "below 0x20" if subtracting 0x20 borrows into its top bit while that bit was not set before; 0x7f is looked for as a
// zero after xor. A borrow may run over into the next byte and raise a false alarm there, never hide one: an alarm only
// means that the eight are looked at one by one.
inline const char* findControl(const char* at, const char* end) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101u;
  constexpr std::uint64_t tops = ones * 0x80;
  auto isControl = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  };
  while (end - at >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    const std::uint64_t del = word ^ (ones * 0x7f);
    if (((word - ones * 0x20) & ~word & tops) | ((del - ones) & ~del & tops)) {
      for (int i = 0; i < 8; ++i) {
        if (isControl(at[i])) return at + i;
      }
    }
    at += 8;
  }
  while (at < end && !isControl(*at)) ++at;
  return at;
}

inline const char* skip(const char* at, const char* end, Bits bits) noexcept {
  while (at < end && is(*at, bits)) ++at;
  return at;
}

}  // namespace bight::http::characters
