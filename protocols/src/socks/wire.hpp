/// @file
/// Internal: the pieces that SOCKS messages are made of.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <bight/address.hpp>
#include <bight/socks/messages.hpp>

namespace bight::socks {

template <std::size_t N>
std::array<std::uint8_t, N> arrayOf(std::string_view bytes) {
  std::array<std::uint8_t, N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::uint8_t>(bytes[i]);
  return out;
}

/// A walk through bytes. Each function gives nothing when there are too few of them.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) noexcept : bytes_(bytes) {}

  std::size_t used() const noexcept { return at_; }
  void skip(std::size_t count) noexcept { at_ += count; }

  std::optional<std::string_view> take(std::size_t count) {
    if (at_ > bytes_.size() || bytes_.size() - at_ < count) return std::nullopt;
    const auto taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  std::optional<std::uint8_t> byte() {
    const auto one = take(1);
    if (!one) return fail<std::uint8_t>();
    return static_cast<std::uint8_t>(one->front());
  }
  std::optional<std::uint16_t> number() {
    const auto two = take(2);
    if (!two) return fail<std::uint16_t>();
    return static_cast<std::uint16_t>(static_cast<std::uint8_t>((*two)[0]) << 8 | static_cast<std::uint8_t>((*two)[1]));
  }
  /// Bytes with their number before them.
  std::optional<std::string_view> counted() {
    const auto count = byte();
    return count ? take(*count) : std::nullopt;
  }
  /// Bytes up to a zero. @throws ProtocolError if there are more than 255
  std::optional<std::string_view> terminated() {
    const auto left = bytes_.substr(std::min(at_, bytes_.size()));
    const std::size_t end = left.substr(0, 256).find('\0');
    if (end == std::string_view::npos) {
      if (left.size() > 255) throw ProtocolError("a name is longer than 255 bytes");
      return std::nullopt;
    }
    at_ += end + 1;
    return left.substr(0, end);
  }
  /// An address of version 5. @param known  set to false if it is of no known type
  std::optional<Address> address(bool& known) {
    const auto type = byte();
    if (!type) return std::nullopt;
    if (*type == 1) {
      const auto host = take(4);
      const auto port = host ? number() : std::nullopt;
      return port ? std::optional<Address>(IPv4Address(arrayOf<4>(*host), *port)) : std::nullopt;
    }
    if (*type == 4) {
      const auto host = take(16);
      const auto port = host ? number() : std::nullopt;
      return port ? std::optional<Address>(IPv6Address(arrayOf<16>(*host), *port)) : std::nullopt;
    }
    if (*type != 3) {
      known = false;
      return std::nullopt;
    }
    const auto name = counted();
    const auto port = name ? number() : std::nullopt;
    if (!port) return std::nullopt;
    if (name->empty()) throw ProtocolError("the name of the host is empty");
    if (name->find('\0') != std::string_view::npos) throw ProtocolError("the name of the host has a zero byte");
    return Address(HostnameAddress{std::string(*name), *port});
  }

 private:
  /// After a failure nothing more is found.
  template <class T>
  std::optional<T> fail() {
    at_ = bytes_.size() + 1;
    return std::nullopt;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

inline void appendNumber(std::string& to, std::uint16_t number) {
  to += static_cast<char>(number >> 8);
  to += static_cast<char>(number & 0xff);
}

template <std::size_t N>
void appendBytes(std::string& to, const std::array<std::uint8_t, N>& bytes) {
  for (const std::uint8_t byte : bytes) to += static_cast<char>(byte);
}

inline void appendCounted(std::string& to, std::string_view bytes) {
  to += static_cast<char>(bytes.size());
  to += bytes;
}

/// An address of version 5: IPv4, IPv6 or a name.
inline void appendAddress(std::string& to, const Address& address) {
  if (const auto* v4 = address.get<IPv4Address>()) {
    to += '\x01';
    appendBytes(to, v4->bytes());
  } else if (const auto* v6 = address.get<IPv6Address>()) {
    to += '\x04';
    appendBytes(to, v6->bytes());
  } else {
    to += '\x03';
    appendCounted(to, address.host());
  }
  appendNumber(to, address.port());
}

}  // namespace bight::socks
