/// @file
/// Conditional and range requests (RFC 9110, 13 and 14): answers that need not be sent again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>
#include <bight/http/message.hpp>

namespace bight::http {

/// What tells one version of a resource from another.
struct Validators {
  /// An entity tag with its quotes: `"v7"`, or weak: `W/"v7"`. Empty: there is none.
  std::string etag = {};
  /// When it was changed, in seconds from 1970, UTC.
  std::optional<std::int64_t> modified = {};
};

/// What the conditions of a request ask for.
enum class Condition : std::uint8_t {
  holds,        ///< answer as if there were none
  notModified,  ///< 304: what the client has is still right
  failed,       ///< 412: what the client has seen is not there any more
};

/// Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in the order of RFC 9110, 13.2.2,
/// against what there is now. `exists`: whether there is anything at all ("If-None-Match: *" asks that).
BIGHT_API Condition evaluate(const Request& request, const Validators& now, bool exists = true);

/// `response` with ETag and Last-Modified, if the conditions of the request hold; else 304 or 412 in its place. For GET
/// and HEAD of what is made on the fly:
///
///     return http::conditional(request, {.etag = "\"v" + std::to_string(version) + "\""}, http::Response::json(text));
///
/// Before something is changed by PUT or DELETE, ask `evaluate` instead.
/// @throws std::invalid_argument if the tag is none
BIGHT_API Response conditional(const Request& request, const Validators& now, Response response);

/// Whether `text` is an entity tag (RFC 9110, 8.8.3).
BIGHT_API bool isEntityTag(std::string_view text) noexcept;

/// A moment as HTTP writes it, in all three forms that RFC 9110, 5.6.7 wants read, in seconds from 1970. Null if it is
/// none.
BIGHT_API std::optional<std::int64_t> parseDate(std::string_view text) noexcept;

/// A part of a content, by its first byte and its length, which is not zero.
struct ByteRange {
  std::uint64_t offset;
  std::uint64_t length;
  bool operator==(const ByteRange&) const = default;
};

/// Which parts of a content of `size` bytes a GET asks for.
/// | answer | means |
/// |---|---|
/// | null | all of it: no Range, a malformed one, If-Range is not met, or the parts are too many or overlap too much |
/// | empty | none of them is there: 416 |
/// | else | 206 with these, in the order asked for |
BIGHT_API std::optional<std::vector<ByteRange>> requestedRanges(const Request& request, std::uint64_t size,
                                                                const Validators& now);

}  // namespace bight::http
