// Charsets of texts that were received.
#pragma once

#include <string>
#include <string_view>

#include <bight/result.hpp>

namespace bight::http::detail {

// The charset that a Content-Type names; UTF-8 for JSON without one; else empty.
std::string charsetOf(std::string_view contentType);

// `text` as UTF-8; fails with DecodingError if nobody here knows `charset`.
Result<std::string> toUtf8(std::string text, std::string_view charset);

}  // namespace bight::http::detail
