/// @file
/// `ResponseParser`: HTTP/1.1 responses out of bytes. Knows no socket and no reactor; strict as RFC 9112 allows.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <bight/export.hpp>
#include <bight/http/limits.hpp>
#include <bight/http/message_parser.hpp>

namespace bight::http {

/// The head of a response as the parser saw it. `upgrade` says that after this head the connection is not HTTP any
/// more: 101, or success for CONNECT.
struct ReceivedHead : MessageHead {
  int status = 0;           ///< 100 to 999
  bool untilEnd = false;    ///< there is a content, and it goes on until the connection ends
  std::string_view reason;  ///< the phrase behind the status; may be empty
};

/// Reads responses from bytes that arrive in any pieces; used as a `RequestParser` is.
///
///     ResponseParser parser;
///     parser.expect(ResponseParser::Request::head);  // what the next response answers: its framing depends on that
///
/// A head with a status of 1xx is interim: `Event::head` follows again, for the final one, without an `Event::end` in
/// between; except for 101, which is followed by `Event::end` and `Event::closed`. HEAD, 204 and 304 have no content,
/// whatever their fields say. A content without a length, and one in a transfer coding that ends otherwise than with
/// `chunked`, goes on until the connection ends: see `finish`.
///
/// **Refused** is what a RequestParser refuses in lines, fields, lengths and chunks, with one exception: folded fields
/// are unfolded, as RFC 9112, 5.2 demands of whoever reads responses. Also: Content-Length together with
/// Transfer-Encoding, Transfer-Encoding in HTTP/1.0, versions other than 1.x and 0.9.
class BIGHT_API ResponseParser : public MessageParser {
 public:
  /// What a response answers, as far as that matters for its framing.
  enum class Request : std::uint8_t { other, head, connect };

  /// Sizes of heads and chunk lines as for requests; no limit to a content, which is streamed.
  static Limits defaultLimits() noexcept {
    Limits limits;
    limits.body = ~std::uint64_t{0};
    return limits;
  }

  ResponseParser() : ResponseParser(defaultLimits()) {}
  /// Throws std::invalid_argument as RequestParser does.
  explicit ResponseParser(const Limits& limits);

  /// What the next response answers; until told otherwise, the ones after it too.
  void expect(Request request) noexcept { request_ = request; }

  /// Reads on up to the next event, and takes what was used off the front of `input`.
  Event next(std::string_view& input);

  /// After `Event::head`, until `next` is called again.
  const ReceivedHead& head() const noexcept { return head_; }
  /// After the head of a final answer: whether a content follows, maybe an empty one; if not, `Event::end` is next.
  bool contentFollows() const noexcept {
    if (head_.upgrade || request_ == Request::head || head_.status == 204 || head_.status == 304) return false;
    return head_.chunked || head_.untilEnd || head_.contentLength.value_or(0) > 0;
  }

  /// Whether the content that is being read goes on until the connection ends.
  bool endsWithConnection() const noexcept { return stage_ == Stage::untilEnd; }

  /// The peer has ended its stream. Null if that is where a response may end (also one whose content goes on until
  /// then: it is complete now); else what to say of the part that is missing.
  std::optional<Refusal> finish() const noexcept;

 private:
  friend class MessageParser;

  Step parseFirstLine(const char* base, std::size_t size);
  Step concludeHead(const char* base);
  bool begun() const noexcept { return stage_ != Stage::firstLine || (!buffer_.empty() && !handedOut_) || sawReturn_; }

  Request request_ = Request::other;
  std::uint16_t reasonAt_ = 0;
  std::uint16_t reasonSize_ = 0;
  ReceivedHead head_;
};

}  // namespace bight::http
