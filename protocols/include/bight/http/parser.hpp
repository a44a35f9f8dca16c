/// @file
/// `RequestParser`: HTTP/1.1 requests out of bytes. Knows no socket and no reactor; strict as RFC 9112 allows.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <bight/export.hpp>
#include <bight/http/limits.hpp>
#include <bight/http/message_parser.hpp>

namespace bight::http {

/// The head of a request as the parser saw it.
struct RequestHead : MessageHead {
  std::string_view method;  ///< a token; compares with case
  std::string_view target;  ///< as it was sent: "/a?b", "http://host/a?b", "*", "host:port"
  std::string_view
      path;  ///< the path of the target, undecoded; "/" for an absolute target without one, "*" for an asterisk
  std::string_view query;       ///< what follows the first '?', undecoded, up to a '#'; empty if there is none
  std::string_view host;        ///< host and port of an absolute target, else of the Host field; empty if there is none
  bool expectContinue = false;  ///< the client waits for "100 Continue" before it sends the content
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
/// in HTTP/1.0; any transfer coding but `chunked`, last and once; anything unknown in a chunk's line; a
/// target that is not one of the four forms. `Expect` with another expectation is 417; versions other than 1.x are 505.
///
/// Empty lines before a request line are skipped (RFC 9112, 2.2), as some clients send one after a form. Not safe for
/// use by two threads.
class BIGHT_API RequestParser : public MessageParser {
 public:
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

  /// Reads on up to the next event, and takes what was used off the front of `input`.
  Event next(std::string_view& input);

  /// From now on this is the limit on contents, in place of `Limits::body`: call it after `Event::head` when the limit
  /// depends on the request.
  void limitBody(std::uint64_t most) noexcept { limits_.body = most; }
  /// After `Event::head`, until `next` is called again. `upgrade` says that there is "Connection: upgrade" with an
  /// Upgrade field, or that the method is CONNECT.
  const RequestHead& head() const noexcept { return head_; }

  /// Whether the request line read last has the method HEAD: the answer has no content then, not even that to a request
  /// that is refused.
  bool headAsked() const noexcept { return isHead_; }

  /// The peer has ended its stream. Null if that is where a request may end; else what to say of the part that is
  /// missing.
  std::optional<Refusal> finish() const noexcept;

 private:
  friend class MessageParser;

  Step parseFirstLine(const char* base, std::size_t size);
  Step parseVersion(const char* at, const char* end, bool cut);
  Step splitTarget();
  Step splitAbsoluteTarget();
  void splitPath(std::string_view rest) noexcept;
  Step concludeHead(const char* base);

  const bool requireHost_;
  const bool onlyChunked_;
  bool isConnect_ = false;
  bool isHead_ = false;
  std::uint16_t methodSize_ = 0;
  std::uint16_t targetSize_ = 0;
  RequestHead head_;
};

}  // namespace bight::http
