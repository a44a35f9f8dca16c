#include <bight/websocket/masking.hpp>

#include <cstring>

#include "random.hpp"

namespace bight::websocket {

void applyMask(char* out, std::string_view in, const MaskKey& key, std::uint64_t offset) noexcept {
  // The key as it lies over the bytes from here on, twice: a word of eight bytes, whatever the order of bytes in words.
  std::array<std::uint8_t, 8> turned;
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = key[(offset + i) & 3];
  std::uint64_t word = 0;
  std::memcpy(&word, turned.data(), sizeof word);

  const char* from = in.data();
  std::size_t left = in.size();
  // Eight words at a time: compilers make vectors of them.
  constexpr std::size_t words = 8;
  for (; left >= words * sizeof word; left -= words * sizeof word) {
    std::uint64_t block[words];
    std::memcpy(block, from, sizeof block);
    for (std::uint64_t& one : block) one ^= word;
    std::memcpy(out, block, sizeof block);
    from += sizeof block;
    out += sizeof block;
  }
  for (; left >= sizeof word; left -= sizeof word) {
    std::uint64_t one = 0;
    std::memcpy(&one, from, sizeof one);
    one ^= word;
    std::memcpy(out, &one, sizeof one);
    from += sizeof one;
    out += sizeof one;
  }
  for (std::size_t i = 0; i < left; ++i) out[i] = static_cast<char>(static_cast<std::uint8_t>(from[i]) ^ turned[i]);
}

MaskKey makeMaskKey() {
  struct Stock {
    std::array<std::uint8_t, 256> bytes{};
    std::size_t used = 256;
  };
  thread_local Stock stock;
  if (stock.used == stock.bytes.size()) {
    detail::fillRandom(stock.bytes);
    stock.used = 0;
  }
  MaskKey key;
  std::memcpy(key.data(), stock.bytes.data() + stock.used, key.size());
  std::memset(stock.bytes.data() + stock.used, 0, key.size());  // a key is used once
  stock.used += key.size();
  return key;
}

}  // namespace bight::websocket
