/// @file
/// `ClientResponse`: what a client got, while its content may still be arriving.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/http/body_reader.hpp>
#include <bight/http/headers.hpp>
#include <bight/url.hpp>

namespace bight::http {

struct ReceivedHead;

namespace detail {
struct ResponseState;
}

/// An answer: its head is here, its content can be read. Copies share it; when the last one goes and nobody reads, the
/// rest of the content is not wanted and the connection is closed.
///
///     http::get(reactor, url).addCallback([](http::ClientResponse response) {
///       if (response.status() != 200) …
///       return response.text();                        // Deferred<std::string>
///     });
///
/// `content`, `text` and `json` read everything into memory and keep it: they may be called again, together, and in any
/// order, but not together with `body` and `collect`, which take the content as it arrives. Twisted: treq's
/// `_Response`.
class BIGHT_API ClientResponse {
 public:
  /// A response without a connection, for tests.
  static ClientResponse make(int status, const Headers& headers, std::string content, const Url& url,
                             std::string method = "GET");

  /// 200 to 999. Twisted: `code`.
  int status() const noexcept;
  /// Whether the status is 2xx.
  bool ok() const noexcept { return status() >= 200 && status() < 300; }
  /// What the server wrote behind the status. Twisted: `phrase`.
  std::string_view reason() const noexcept;
  /// 1 for HTTP/1.1, 0 for HTTP/1.0.
  int minorVersion() const noexcept;
  /// The fields as they came, Content-Encoding included if it was undone. Valid as long as a copy of this response.
  Fields headers() const noexcept;
  std::optional<std::string_view> header(std::string_view name) const noexcept { return headers().get(name); }
  /// The method and the URL that this is the answer to: after redirects, those of the last request.
  const std::string& method() const noexcept;
  const Url& url() const noexcept;
  /// The redirects that led here, the first one first; their contents are gone.
  const std::vector<ClientResponse>& history() const noexcept;
  /// The cookies that this answer sets, as name and value.
  std::vector<std::pair<std::string, std::string>> cookies() const;
  /// How long the content will be, if that is known: not if it is decoded.
  std::optional<std::uint64_t> length() const noexcept;
  /// Whether the content ends where the connection ends, so that nobody can say whether it is all.
  bool endsWithConnection() const noexcept;

  /// The content, decoded. More than `limit` bytes fail with BodyTooLong.
  Deferred<std::string> content(std::size_t limit = std::size_t{16} << 20);
  /// The content as UTF-8, translated from the charset that Content-Type names (UTF-8, ISO-8859-1, Windows-1252,
  /// US-ASCII, UTF-16), or `encoding` if that is given. Without either: UTF-8 if it is that, else ISO-8859-1. What
  /// cannot be read becomes U+FFFD; an unknown charset fails with DecodingError. Twisted: `text_content`.
  Deferred<std::string> text();
  Deferred<std::string> text(std::string encoding, std::size_t limit = std::size_t{16} << 20);
  /// The content as a text for a JSON library: UTF-8 without a byte order mark; fails with DecodingError if it is empty
  /// or something else. Twisted: `json_content`, without the parsing.
  Deferred<std::string> json(std::size_t limit = std::size_t{16} << 20);
  /// The content as it arrives.
  BodyReader& body() noexcept;
  /// Calls `take(std::string_view)` for each piece: `body().forEach(take)`. Twisted: `collect`.
  template <class F>
  Deferred<void> collect(F take) {
    return body().forEach(std::move(take));
  }

  /// Throws BadStatus if the status is 4xx or 5xx.
  void raiseForStatus() const;

  /// @cond internal
  explicit ClientResponse(std::shared_ptr<detail::ResponseState> state) noexcept : state_(std::move(state)) {}
  detail::ResponseState& state() const noexcept { return *state_; }
  /// @endcond

 private:
  std::shared_ptr<detail::ResponseState> state_;
};

}  // namespace bight::http
