// Sec-WebSocket-Key and Sec-WebSocket-Accept: base64, and SHA-1, which nothing here relies on for secrecy. RFC 6455,
// sections 1.3 and 4; FIPS 180-4, section 6.1.
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include <bight/websocket/handshake.hpp>

#include "random.hpp"

namespace bight::websocket {

namespace {

using Digest = std::array<std::uint8_t, 20>;

Digest sha1(std::string_view text) {
  // The message, a one bit, zeros, and its length in bits: a whole number of blocks of 64 bytes.
  std::vector<std::uint8_t> padded(text.begin(), text.end());
  padded.push_back(0x80);
  while (padded.size() % 64 != 56) padded.push_back(0);
  const std::uint64_t bits = std::uint64_t{text.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) padded.push_back(static_cast<std::uint8_t>(bits >> shift));

  std::array<std::uint32_t, 5> hash{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  for (std::size_t block = 0; block < padded.size(); block += 64) {
    std::array<std::uint32_t, 80> w{};
    for (std::size_t t = 0; t < 16; ++t) {
      for (std::size_t i = 0; i < 4; ++i) w[t] = w[t] << 8 | padded[block + 4 * t + i];
    }
    for (std::size_t t = 16; t < w.size(); ++t) w[t] = std::rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    auto [a, b, c, d, e] = hash;
    for (std::size_t t = 0; t < w.size(); ++t) {
      std::uint32_t mixed = 0;
      if (t < 20) {
        mixed = ((b & c) | (~b & d)) + 0x5A827999;
      } else if (t < 40) {
        mixed = (b ^ c ^ d) + 0x6ED9EBA1;
      } else if (t < 60) {
        mixed = ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC;
      } else {
        mixed = (b ^ c ^ d) + 0xCA62C1D6;
      }
      const std::uint32_t next = std::rotl(a, 5) + mixed + e + w[t];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    hash = {hash[0] + a, hash[1] + b, hash[2] + c, hash[3] + d, hash[4] + e};
  }
  Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<std::uint8_t>(hash[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t there = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k) three = three << 8 | (k < there ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k) out += k <= there ? digits[three >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

}  // namespace

std::string makeKey() {
  std::array<std::uint8_t, 16> bytes{};
  detail::fillRandom(bytes);
  return base64(bytes);
}

std::string acceptFor(std::string_view key) {
  return base64(sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

}  // namespace bight::websocket
