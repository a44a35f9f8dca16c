/// @file
/// One line for each request: what an access log is made of.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/time.hpp>

namespace bight::http {

/// A request that has been answered, or has ended without. The views live as long as the call that gets it; nothing in
/// them is to be trusted, for it is what the client sent.
struct AccessEntry {
  std::chrono::system_clock::time_point time;  ///< when it was answered
  std::string_view client;                     ///< its address: "127.0.0.1"
  std::string_view user;                       ///< see Request::setUser; empty if nobody has said
  std::string_view method;                     ///< empty, as all that follow, if no request could be read
  std::string_view target;
  int minorVersion = 1;  ///< of HTTP/1
  std::string_view host;
  std::string_view referer;
  std::string_view userAgent;
  int status = 0;           ///< 0: the client went away before there was an answer
  std::uint64_t bytes = 0;  ///< of the content, as handed to the connection
  Duration took{};          ///< from the head of the request to the end of the answer
};

/// As Apache's "combined" format, without a line end:
/// `127.0.0.1 - ann [21/Nov/2026:12:31:07 +0000] "GET /a HTTP/1.1" 200 1234 "-" "curl/8"`. Quotes, backslashes, control
/// characters and bytes above 126 are written as `\"`, `\\` and `\x0a`: what a client sends can't begin a line or break
/// out of its place.
BIGHT_API std::string combinedLogLine(const AccessEntry& entry);

/// The same and more as an object of JSON, on one line: time (RFC 3339), client, user, method, target, version, host,
/// status, bytes, seconds, referer, userAgent. What is not known is left out.
BIGHT_API std::string jsonLogLine(const AccessEntry& entry);

}  // namespace bight::http
