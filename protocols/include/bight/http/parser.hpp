/// @file
/// `RequestParser`: HTTP/1.1 requests out of bytes. Knows no socket and no reactor; strict as RFC 9112 allows.
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

/// Why a request was refused. The sentence is a literal, so that refusing costs nothing.
struct Refusal {
  int status = 400;           ///< the suggested answer: 400, 413, 414, 417, 431, 501 or 505
  const char* sentence = "";  ///< what was wrong, for the person at the other end
};

/// The head of a request as the parser saw it. All views point into the bytes that were given to `RequestParser::next`,
/// or into the parser's own buffer if the head came in pieces; they are valid until `next` is called again or those
/// bytes go away.
struct RequestHead {
  std::string_view raw;     ///< the whole head, from the method to the empty line's end
  std::string_view method;  ///< a token; compares with case
  std::string_view target;  ///< as it was sent: "/a?b", "http://host/a?b", "*", "host:port"
  std::string_view
      path;  ///< the path of the target, undecoded; "/" for an absolute target without one, "*" for an asterisk
  std::string_view query;  ///< what follows the first '?', undecoded, up to a '#'; empty if there is none
  std::string_view host;   ///< host and port of an absolute target, else of the Host field; empty if there is none
  Fields fields;
  std::optional<std::uint64_t> contentLength;  ///< what Content-Length says
  std::uint8_t minorVersion = 1;               ///< HTTP/1.this
  bool chunked = false;                        ///< the content comes in chunks
  bool keepAlive = true;                       ///< the connection may carry another request after this one
  bool expectContinue = false;                 ///< the client waits for "100 Continue" before it sends the content
  bool upgrade = false;                        ///< "Connection: upgrade" with an Upgrade field, or CONNECT
};

/// Reads requests from bytes that arrive in any pieces.
///
///     RequestParser parser;
///     for (;;) {
///       switch (parser.next(input)) {  // takes what it uses off the front of `input`
///         case RequestParser::Event::head: begin(parser.head()); break;
///         case RequestParser::Event::body: append(parser.body()); break;
///         case RequestParser::Event::end: answer(); break;      // `input` may hold the next request: pipelining
///         case RequestParser::Event::needMore: return;          // `input` is empty now
///         case RequestParser::Event::closed: return;            // "Connection: close" was said: nothing more is read
///         case RequestParser::Event::refused: return refuse(parser.refusal());
///       }
///     }
///
/// The events and their contents do not depend on how the bytes are cut, except that a body may come in more or fewer
/// pieces. A head that arrives whole is parsed where it lies and nothing is copied; only an incomplete head (or
/// trailer) is kept, up to its limit. After warm-up nothing is allocated for a request that arrives in one piece.
///
/// **Refused**, because guessing is how requests are smuggled past a proxy: bare CR or LF anywhere in a line, NUL and
/// other controls, white space before the colon of a field or before its name, folded lines, empty names; in HTTP/1.1
/// anything but exactly one Host field; a malformed host; Content-Length that is not just digits, or that occurs twice
/// (even if equal: RFC 9110, 8.6 leaves the choice) or as a list, or together with Transfer-Encoding; Transfer-Encoding
/// in HTTP/1.0; any transfer coding but `chunked`, last and once; white space or anything unknown in a chunk's line; a
/// target that is not one of the four forms. `Expect` with another expectation is 417; versions other than 1.x are 505.
///
/// Empty lines before a request line are skipped (RFC 9112, 2.2), as some clients send one after a form. Not safe for
/// use by two threads.
class BIGHT_API RequestParser {
 public:
  enum class Event { needMore, head, body, end, closed, refused };

  /// What a user of the parser alone may relax; a server does not.
  struct Options {
    Limits limits = {};
    /// Refuse HTTP/1.1 requests without a Host field. Two Host fields, and malformed ones, are always refused.
    bool requireHost = true;
    /// Refuse (501) codings before the final `chunked`. Without this they are let through, undecoded.
    bool onlyChunked = true;
  };

  RequestParser() : RequestParser(Options{}) {}
  /// Throws std::invalid_argument for a head limit above 65535 or any limit of zero but `body` and `chunkExtensions`.
  explicit RequestParser(const Options& options);
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Reads on up to the next event, and takes what was used off the front of `input`.
  Event next(std::string_view& input);

  /// After `Event::head`, until `next` is called again.
  const RequestHead& head() const noexcept { return head_; }
  /// After `Event::body`: the next piece of the content, not empty; points into the input.
  std::string_view body() const noexcept { return body_; }
  /// After `Event::end`: the fields after a chunked content; until `next` is called again.
  Fields trailers() const noexcept;
  /// After `Event::refused`, and ever after: `next` answers the same again.
  const Refusal& refusal() const noexcept { return refusal_; }

  /// The peer has ended its stream. Null if that is where a request may end; else what to say of the part that is
  /// missing.
  std::optional<Refusal> finish() const noexcept;

  /// Whether it stands between two requests and holds nothing.
  bool idle() const noexcept { return stage_ == Stage::requestLine && !sawReturn_ && (handedOut_ || buffer_.empty()); }

  /// Makes it as new, but for the memory that it has; a buffer grown large is let go.
  void reset() noexcept;

 private:
  enum class Stage : std::uint8_t {
    requestLine,
    fields,
    headDone,  // the head has been handed out
    fixedBody,
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
  enum class Step : std::uint8_t { more, done, last, refused };

  Event readHead(std::string_view& input);
  Event readTrailers(std::string_view& input);
  Event readContent(std::string_view& input, Stage then);
  Step skipEmptyLines(std::string_view& input);
  Step parseHead(const char* base, std::size_t size);
  Step parseRequestLine(const char* base, std::size_t size);
  Step parseVersion(const char* at, const char* end, bool cut);
  Step parseFields(const char* base, std::size_t size);
  Step parseField(const char* base, std::size_t size);
  Step knownField(std::string_view name, std::string_view value);
  Step contentLength(std::string_view value);
  Step transferEncoding(std::string_view value);
  Step connectionOptions(std::string_view value);
  Step splitTarget();
  Step splitAbsoluteTarget();
  void splitPath(std::string_view rest) noexcept;
  Step concludeHead(const char* base);
  Step chunkLine(std::string_view& input);
  Step extensionByte(char c);
  Event endMessage();
  void beginMessage() noexcept;
  void beginChunk() noexcept;
  Step refuse(int status, const char* sentence) noexcept;

  Options options_;
  Stage stage_ = Stage::requestLine;
  std::uint8_t emptyLines_ = 0;
  std::uint8_t extension_ = 0;   // the place in the grammar of chunk extensions
  std::uint8_t sizeDigits_ = 0;  // of the present chunk's size
  bool sawReturn_ = false;       // a CR before a request line waits for its LF
  bool handedOut_ = false;       // what lies in buffer_ was handed out: it goes at the next call
  bool isConnect_ = false;
  bool sawTransferEncoding_ = false;
  bool sawOtherCoding_ = false;
  bool sawClose_ = false;
  bool sawKeepAlive_ = false;
  bool sawUpgradeOption_ = false;
  bool sawUpgradeField_ = false;
  std::uint16_t methodSize_ = 0;
  std::uint16_t targetSize_ = 0;
  std::int32_t hostIndex_ = -1;  // of the Host field in positions_
  std::size_t line_ = 0;  // where the line that is read begins, from the first byte of the head or of the trailers
  std::size_t extensionBytes_ = 0;
  std::uint64_t remaining_ = 0;  // of the content, or of the chunk
  std::uint64_t received_ = 0;   // chunked content so far
  std::string buffer_;           // an incomplete head, or incomplete trailers
  std::vector<detail::FieldPosition> positions_;
  const char* trailerBase_ = nullptr;
  RequestHead head_;
  std::string_view body_;
  Refusal refusal_;
};

}  // namespace bight::http
