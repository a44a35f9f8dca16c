/// @file
/// Internal: texts from outside in messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bight::detail {

/// In quotes, without control characters, and not too long.
inline std::string quoted(std::string_view text, std::size_t longest = 80) {
  constexpr const char* hex = "0123456789abcdef";
  std::string shown = "\"";
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      shown += std::string("\\x") + hex[byte >> 4] + hex[byte & 15];
    else
      shown += c;
  }
  return shown + (text.size() > longest ? "…\"" : "\"");
}

}  // namespace bight::detail
