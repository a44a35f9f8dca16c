/// @file
/// What the parsers of requests and of responses have in common: lines, fields, contents, chunks, trailers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>
#include <bight/http/headers.hpp>
#include <bight/http/limits.hpp>

namespace bight::http {

/// Why a message was refused. The sentence is a literal, so that refusing costs nothing.
struct Refusal {
  int status = 400;           ///< the suggested answer: 400, 413, 414, 417, 431, 501 or 505; of a response always 502
  const char* sentence = "";  ///< what was wrong, for the person at the other end
};

/// What is known of any message after its head. All views point into the bytes that were given to the parser's `next`,
/// or into its own buffer if the head came in pieces; they are valid until `next` is called again or those bytes go
/// away.
struct MessageHead {
  std::string_view raw;  ///< the whole head, from the first byte to the empty line's end
  Fields fields;
  std::optional<std::uint64_t> contentLength;  ///< what Content-Length says
  std::uint8_t minorVersion = 1;               ///< HTTP/1.this
  bool chunked = false;                        ///< the content comes in chunks
  bool keepAlive = true;                       ///< the connection may carry another message after this one
  bool upgrade = false;                        ///< see the derived ones
};

/// The base of `RequestParser` and `ResponseParser`; not for use by itself.
class BIGHT_API MessageParser {
 public:
  enum class Event { needMore, head, body, end, closed, refused };

  MessageParser(const MessageParser&) = delete;
  MessageParser& operator=(const MessageParser&) = delete;

  /// After `Event::body`: the next piece of the content, not empty; points into the input.
  std::string_view body() const noexcept { return body_; }
  /// After `Event::end`: the fields after a chunked content; until `next` is called again.
  Fields trailers() const noexcept;
  /// After `Event::refused`, and ever after: `next` answers the same again.
  const Refusal& refusal() const noexcept { return refusal_; }

  /// Whether it stands between two messages and holds nothing.
  bool idle() const noexcept { return stage_ == Stage::firstLine && !sawReturn_ && (handedOut_ || buffer_.empty()); }

  /// Makes it as new, but for the memory that it has; a buffer grown large is let go.
  void reset() noexcept;

 protected:
  enum class Kind : std::uint8_t { request, response };
  enum class Stage : std::uint8_t {
    firstLine,
    fields,
    headDone,  // the head has been handed out
    fixedBody,
    untilEnd,
    chunkSize,
    chunkExtension,
    chunkLineEnd,
    chunkData,
    chunkDataReturn,
    chunkDataLineEnd,
    trailers,
    bodyDone,
    closed,
    refused
  };
  enum class Step : std::uint8_t { more, done, last, fold, refused };

  /// Throws std::invalid_argument for senseless limits.
  MessageParser(Kind kind, const Limits& limits, MessageHead& head);
  ~MessageParser() = default;

  template <class Parser>
  Event readHead(Parser& parser, std::string_view& input);
  std::optional<Event> readRest(std::string_view& input);
  Event readTrailers(std::string_view& input);
  Event readContent(std::string_view& input, Stage then);
  Step skipEmptyLines(std::string_view& input);
  Step parseFields(const char* base, std::size_t size);
  Step parseField(const char* base, std::size_t size);
  Step knownField(std::string_view name, std::string_view value);
  Step contentLength(std::string_view value);
  Step transferEncoding(std::string_view value);
  Step connectionOptions(std::string_view value);
  Step chunkLine(std::string_view& input);
  Step extensionByte(char c);
  Event endMessage();
  void beginMessage() noexcept;
  void beginChunk() noexcept;
  Step refuse(int status, const char* sentence) noexcept;

  Limits limits_;
  MessageHead& common_;
  const Kind kind_;
  Stage stage_ = Stage::firstLine;
  std::uint8_t emptyLines_ = 0;
  std::uint8_t extension_ = 0;   // the place in the grammar of chunk extensions
  std::uint8_t sizeDigits_ = 0;  // of the present chunk's size
  bool sawReturn_ = false;       // a CR before a first line waits for its LF
  bool handedOut_ = false;       // what lies in buffer_ was handed out: it goes at the next call
  bool sawTransferEncoding_ = false;
  bool sawOtherCoding_ = false;
  bool sawClose_ = false;
  bool sawKeepAlive_ = false;
  bool sawUpgradeOption_ = false;
  bool sawUpgradeField_ = false;
  bool expectContinue_ = false;
  std::int32_t hostIndex_ = -1;  // of the Host field in positions_
  std::size_t line_ = 0;  // where the line that is read begins, from the first byte of the head or of the trailers
  std::size_t extensionBytes_ = 0;
  std::uint64_t remaining_ = 0;  // of the content, or of the chunk
  std::uint64_t received_ = 0;   // of a content whose length is not known beforehand
  std::string buffer_;           // an incomplete head, or incomplete trailers
  std::vector<detail::FieldPosition> positions_;
  const char* trailerBase_ = nullptr;
  std::string_view body_;
  Refusal refusal_;
};

}  // namespace bight::http
