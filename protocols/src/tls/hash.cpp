#include "hash.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace bight::tls::detail {

namespace {

std::string hex(const unsigned char* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

}  // namespace

std::string hexHash(Hash hash, std::string_view text) {
  const EVP_MD* kind = hash == Hash::md5 ? EVP_md5() : hash == Hash::sha256 ? EVP_sha256() : EVP_sha512_256();
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, kind, nullptr) != 1)
    throw std::runtime_error("tls: OpenSSL does not compute this hash here");
  return hex(digest, size);
}

std::string randomHex(std::size_t bytes) {
  std::string random(bytes, '\0');
  auto* data = reinterpret_cast<unsigned char*>(random.data());
  if (RAND_bytes(data, static_cast<int>(bytes)) != 1) throw std::runtime_error("tls: OpenSSL has no random numbers");
  return hex(data, bytes);
}

}  // namespace bight::tls::detail
