// What answers of all kinds have in common.
#pragma once

#include <cstddef>
#include <string_view>

#include <bight/http/headers.hpp>
#include <bight/http/syntax.hpp>

namespace bight::http::detail {

// A content up to this size is copied behind its head and goes out in one piece.
inline constexpr std::size_t joinedContent = 4096;

// 205 has none either (RFC 9110, 15.3.6), but to its clients only a Content-Length of 0 says so.
inline bool mayHaveContent(int status) noexcept {
  return status >= 200 && status != 204 && status != 205 && status != 304;
}

// The user's own "Connection: close".
inline bool saysClose(const Headers& headers) {
  if (headers.empty()) return false;
  for (std::string_view value : headers.getAll("Connection")) {
    for (std::string_view option = nextListItem(value); !option.empty(); option = nextListItem(value)) {
      if (equalsIgnoringCase(option, "close")) return true;
    }
  }
  return false;
}

}  // namespace bight::http::detail
