/// @file
/// Answers that are compressed for clients that accept it.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <bight/export.hpp>
#include <bight/http/resource.hpp>

namespace bight::http {

struct CompressionOptions {
  /// Contents of fewer bytes go out as they are. (A ResponseStream's length is not known: it is compressed.)
  std::size_t from = 1024;
  /// 1 (fast) to 9 (small).
  int level = 6;
};

/// `resource`, and all that is below it, with answers in gzip where the client accepts that (RFC 9110, 12.5.3, weights
/// included) and it is worth it: Responses, and streams without a length, whose pieces leave as they are written, so
/// that events are not held back. Left alone are media types that are compressed already or not known (text, JSON, XML,
/// JavaScript, SVG, WebAssembly, fonts are known), statuses without content and 206, contents with a Content-Encoding,
/// and "Cache-Control: no-transform". "Vary: Accept-Encoding" is added to all answers; a strong ETag becomes a weak one.
///
/// Do not put pages behind it that show a secret beside what a stranger may choose: their sizes then tell about it.
/// A stream costs about 35 KiB more while it is open.
/// Throws std::invalid_argument if the resource is null or the level is none.
BIGHT_API std::shared_ptr<Resource> compressed(std::shared_ptr<Resource> resource, CompressionOptions options = {});

/// The weight, 0 to 1000, that an Accept-Encoding field gives a coding: that of its name, else of "*", else 0. Without
/// a field, and where it is malformed, 0.
BIGHT_API int codingWeight(const Request& request, std::string_view coding) noexcept;

}  // namespace bight::http
