/// @file
/// Masking: what a client does to every payload it sends, so that no bytes of its choice appear on the wire. RFC 6455,
/// section 5.3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <bight/export.hpp>

namespace bight::websocket {

/// The four bytes of a mask, in the order of the wire.
using MaskKey = std::array<std::uint8_t, 4>;

/// Writes the bytes of `in`, masked or unmasked (it is the same), to `out`, as fast as memory goes.
/// @param out     room for `in.size()` bytes; may be `in.data()` itself, but not overlap it otherwise
/// @param offset  how many bytes of the same payload came before: pieces may be cut anywhere
BIGHT_API void applyMask(char* out, std::string_view in, const MaskKey& key, std::uint64_t offset = 0) noexcept;

/// A fresh key that nobody can foresee, from the system's source of randomness; read from it for 64 keys at once.
/// @throws std::system_error if the system has none
BIGHT_API MaskKey makeMaskKey();

}  // namespace bight::websocket
