/// @file
/// Internal: randomness that a peer cannot foresee.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <system_error>

namespace bight::websocket::detail {

/// At most 256 bytes.
/// @throws std::system_error
inline void fillRandom(std::span<std::uint8_t> bytes) {
  if (getentropy(bytes.data(), bytes.size()) != 0)
    throw std::system_error(errno, std::generic_category(), "WebSocket: the system gives no random bytes");
}

}  // namespace bight::websocket::detail
