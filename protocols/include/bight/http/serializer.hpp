/// @file
/// HTTP/1.1 messages into bytes. Knows no socket: everything is appended to a string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/http/headers.hpp>

namespace bight::http {

/// What goes into the head of a response.
struct ResponseHead {
  int status = 200;
  std::string_view date = {};                       ///< a Date field, unless empty or `headers` has one
  std::string_view contentType = {};                ///< a Content-Type field, unless empty or `headers` has one
  const Headers* headers = nullptr;                 ///< further fields
  const Headers* more = nullptr;                    ///< and more of them
  std::optional<std::uint64_t> contentLength = {};  ///< a Content-Length field
  bool chunked = false;                             ///< "Transfer-Encoding: chunked"
  bool close = false;                               ///< "Connection: close", unless `headers` says just that
  bool keepAlive = false;  ///< "Connection: keep-alive", which a client of HTTP/1.0 wants to be told
};

/// Appends a status line, the fields, and the empty line. Throws std::logic_error, and appends nothing, if the status
/// is not between 100 and 599, or if `headers` holds Content-Length or Transfer-Encoding: how a message ends is said by
/// `contentLength` and `chunked` alone.
BIGHT_API void appendResponseHead(std::string& out, const ResponseHead& head);

/// Appends one chunk of a chunked content (RFC 9112, 7.1); nothing for an empty piece, which would end the content.
BIGHT_API void appendChunk(std::string& out, std::string_view piece);
/// Appends the first line of a chunk of `size` bytes; the bytes and CR LF follow.
BIGHT_API void appendChunkSize(std::string& out, std::size_t size);
/// Appends the end of a chunked content.
BIGHT_API void appendLastChunk(std::string& out);

/// Appends a whole request. Host and Content-Length are taken from `headers` if they are there; else Host is
/// `localhost`, and Content-Length is added where there is a body. Throws std::invalid_argument if `method` is no token
/// or `target` holds a character that may not stand there.
BIGHT_API void appendRequest(std::string& out, std::string_view method, std::string_view target,
                             const Headers& headers = {}, std::string_view body = {});

/// A moment as HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7). `seconds` counts from 1970, in UTC.
BIGHT_API std::string formatDate(std::int64_t seconds);

}  // namespace bight::http
