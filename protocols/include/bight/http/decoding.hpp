/// @file
/// `ContentDecoder`: undoes gzip, deflate, br and zstd, piece by piece. Knows no socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <bight/export.hpp>

namespace bight::http {

/// One content that is being decoded.
///
///     ContentDecoder decoder("gzip");
///     while (!input.empty()) {
///       out.append(room, decoder.decode(input, room));      // takes what it uses off the front of `input`
///     }
///     decoder.finish();
///
/// "deflate" is zlib's format (RFC 9110, 8.4.1.2), or the bare one, which some servers send. A gzip content may have
/// several members. Windows of zstd are at most 8 MiB (RFC 8878, 3.1.1.1.2).
class BIGHT_API ContentDecoder {
 public:
  /// Whether there is one for that coding: "gzip", "x-gzip", "deflate"; "br" and "zstd" where the libraries were found.
  static bool knows(std::string_view coding) noexcept;
  /// What to put into Accept-Encoding.
  static std::string_view accepted() noexcept;

  /// @throws std::invalid_argument for a coding that it does not know
  explicit ContentDecoder(std::string_view coding);
  ~ContentDecoder();
  ContentDecoder(const ContentDecoder&) = delete;
  ContentDecoder& operator=(const ContentDecoder&) = delete;

  /// Decodes into `room`, of `size` bytes, and takes what was used off the front of `input`. Returns how much it made.
  /// If that is all of the room, there may be more to come for the same input, also if that is empty now.
  /// @throws DecodingError if the bytes are not what they should be
  std::size_t decode(std::string_view& input, char* room, std::size_t size);
  /// There is no more input. @throws DecodingError if that was not all
  void finish();

  std::uint64_t bytesIn() const noexcept { return in_; }
  std::uint64_t bytesOut() const noexcept { return out_; }

  /// @cond internal
  class Stream;
  /// @endcond

 private:
  std::unique_ptr<Stream> stream_;
  std::uint64_t in_ = 0;
  std::uint64_t out_ = 0;
};

}  // namespace bight::http
