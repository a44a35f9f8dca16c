/// @file
/// Close codes: why one side of a WebSocket connection ends it. RFC 6455, section 7.4.
#pragma once

#include <cstdint>
#include <string_view>

#include <bight/export.hpp>

/// @namespace bight::websocket
/// WebSocket, both sides: RFC 6455, and its compression, RFC 7692.
namespace bight::websocket {

/// What a close frame says, and what `onClose()` is told. 3000 to 3999 are for libraries, 4000 to 4999 for programs:
/// use those numbers as they are.
namespace closeCode {
inline constexpr std::uint16_t normal = 1000;         ///< the work is done
inline constexpr std::uint16_t goingAway = 1001;      ///< the server stops, the page is left
inline constexpr std::uint16_t protocolError = 1002;  ///< the other side broke a rule of the protocol
inline constexpr std::uint16_t unsupported = 1003;    ///< a kind of message that is not understood, as binary
inline constexpr std::uint16_t noStatus = 1005;       ///< told, never sent: the close frame had no code
inline constexpr std::uint16_t abnormal = 1006;       ///< told, never sent: the connection ended without a close frame
inline constexpr std::uint16_t invalidData = 1007;    ///< text that is not UTF-8, or data that cannot be decompressed
inline constexpr std::uint16_t policy = 1008;         ///< not wanted here
inline constexpr std::uint16_t tooBig = 1009;         ///< the message is larger than allowed
inline constexpr std::uint16_t noExtension = 1010;    ///< the server did not agree to an extension the client needs
inline constexpr std::uint16_t internalError = 1011;  ///< the program failed
inline constexpr std::uint16_t restart = 1012;        ///< the service restarts: come again
inline constexpr std::uint16_t tryLater = 1013;       ///< too much to do
}  // namespace closeCode

/// Whether a close frame may carry this code: those above but 1005 and 1006, 1014, and 3000 to 4999.
BIGHT_API bool mayBeSent(std::uint16_t code) noexcept;

/// For people: "protocol error" for 1002; empty for a code without a registered meaning.
BIGHT_API std::string_view describeCloseCode(std::uint16_t code) noexcept;

}  // namespace bight::websocket
