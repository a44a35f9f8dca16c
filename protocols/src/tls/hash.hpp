// Hashes and chance, for those who do not see OpenSSL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bight::tls::detail {

enum class Hash : std::uint8_t { md5, sha256, sha512_256 };

// In hexadecimal, lower case.
std::string hexHash(Hash hash, std::string_view text);

// `bytes` bytes that nobody can guess, in hexadecimal.
std::string randomHex(std::size_t bytes);

}  // namespace bight::tls::detail
