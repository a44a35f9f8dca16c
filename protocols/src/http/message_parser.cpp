// The parsers: their stages, and the lines of fields (RFC 9112, 5). What is particular to requests is in parser.cpp and
// parser_head.cpp, what is to responses in response_parser.cpp.
//
// A head is read line by line, each line from left to right in one pass ; a line of which the end has not arrived yet
// is read again from its beginning when more comes. Nothing is looked at before its turn, and a limit cuts the line where it lies, so
// what is found wrong, and with which status, is a function of the bytes alone and never of how they were cut. The stages:
//
//    firstLine   ─► fields ─► headDone ─┬─► fixedBody ──────────────────────────────────────────► bodyDone ─┬─► firstLine
//         ▲                             ├─► chunkSize ─► chunkExtension ─► chunkLineEnd ─┬─► trailers ─┘    │   (keep-alive)
//         │                             │       ▲                                        ▼                  └─► closed
//         └─ empty lines are skipped    │       └── chunkDataLineEnd ◄─ chunkDataReturn ◄─ chunkData
//                                       └─► bodyDone (no content)                                  any ─► refused
//
// A whole head in the input is parsed where it lies. An incomplete one is copied to buffer_ and parsed there; positions are counted
// from the head's first byte, so the copy does not disturb them. Chunk lines (parser_content.cpp) are read byte by byte and need no
// buffer at all.
//
// Rejected: a state per byte for everything (a table-driven automaton): three times slower on the long values that make up most of a
// head, and the grammar cannot be read in it any more. Rejected: searching the end of the head first and parsing then: reads all bytes
// twice, and reports a broken first line only after 32 KiB of rubbish.
#include <bight/http/message_parser.hpp>

#include <algorithm>
#include <stdexcept>

#include <bight/http/syntax.hpp>

#include "characters.hpp"
#include "host_syntax.hpp"

namespace bight::http {

using characters::is;

namespace {

constexpr int mostEmptyLines = 16;
constexpr std::size_t mostKeptBuffer = 8192;  // what a parser may keep in hand between two messages

}  // namespace

MessageParser::MessageParser(Kind kind, const Limits& limits, MessageHead& head)
    : limits_(limits), common_(head), kind_(kind) {
  if (limits.head > 65535) throw std::invalid_argument("bight::http::Limits: head is at most 65535 bytes");
  if (limits.requestLine == 0 || limits.fieldLine == 0 || limits.head == 0 || limits.fields == 0) {
    throw std::invalid_argument("bight::http::Limits: requestLine, fieldLine, head and fields are at least 1");
  }
}

// What comes behind the head, once the stage says what that is; null if the stage is not one of these.
std::optional<MessageParser::Event> MessageParser::readRest(std::string_view& input) {
  for (;;) {
    switch (stage_) {
      case Stage::fixedBody:
        return readContent(input, Stage::bodyDone);
      case Stage::chunkData:
        return readContent(input, Stage::chunkDataReturn);
      case Stage::chunkSize:
      case Stage::chunkExtension:
      case Stage::chunkLineEnd:
      case Stage::chunkDataReturn:
      case Stage::chunkDataLineEnd:
        switch (chunkLine(input)) {
          case Step::more:
            return Event::needMore;
          case Step::refused:
            return Event::refused;
          default:
            break;
        }
        break;
      case Stage::trailers:
        return readTrailers(input);
      case Stage::bodyDone:
        return endMessage();
      case Stage::closed:
        return Event::closed;
      case Stage::refused:
        return Event::refused;
      default:
        return std::nullopt;
    }
  }
}

void MessageParser::reset() noexcept {
  stage_ = Stage::firstLine;
  emptyLines_ = 0;
  sawReturn_ = false;
  handedOut_ = false;
  if (buffer_.capacity() > mostKeptBuffer) buffer_ = std::string();
  buffer_.clear();
  body_ = {};
}

Fields MessageParser::trailers() const noexcept {
  return common_.chunked ? Fields(trailerBase_, positions_) : Fields();
}

void MessageParser::beginMessage() noexcept {
  emptyLines_ = 0;
  sawTransferEncoding_ = sawOtherCoding_ = sawClose_ = sawKeepAlive_ = sawUpgradeOption_ = sawUpgradeField_ = false;
  expectContinue_ = false;
  hostIndex_ = -1;
  line_ = 0;
  received_ = 0;
  extensionBytes_ = 0;
  positions_.clear();
  common_.contentLength.reset();
  common_.chunked = false;
}

MessageParser::Event MessageParser::endMessage() {
  stage_ = common_.keepAlive ? Stage::firstLine : Stage::closed;
  return Event::end;
}

MessageParser::Step MessageParser::refuse(int status, const char* sentence) noexcept {
  refusal_ = {kind_ == Kind::response ? 502 : status, sentence};
  stage_ = Stage::refused;
  return Step::refused;
}

MessageParser::Step MessageParser::skipEmptyLines(std::string_view& input) {
  while (!input.empty()) {
    if (sawReturn_) {
      if (input.front() != '\n') return refuse(400, "A carriage return stands alone before the first line.");
      sawReturn_ = false;
      if (++emptyLines_ > mostEmptyLines) return refuse(400, "There are too many empty lines before the first line.");
    } else if (input.front() == '\r') {
      sawReturn_ = true;
    } else {
      return Step::done;
    }
    input.remove_prefix(1);
  }
  return Step::more;
}

// Reads fields up to the empty line: the rest of a head, or the trailers.
MessageParser::Step MessageParser::parseFields(const char* base, std::size_t size) {
  for (;;) {
    switch (const Step step = parseField(base, size)) {
      case Step::done:
        break;
      case Step::last:
        return Step::done;
      default:
        return step;
    }
  }
}

// name ":" OWS value OWS CRLF (RFC 9112, 5); or the empty line, which is Step::last.
MessageParser::Step MessageParser::parseField(const char* base, std::size_t size) {
  const std::size_t limit = std::min(line_ + limits_.fieldLine, limits_.head);
  const bool cut = size >= limit;
  const char* const end = base + std::min(size, limit);
  const char* const begin = base + line_;
  const auto incomplete = [&] { return cut ? refuse(431, "The header fields are too long.") : Step::more; };

  if (begin == end) return incomplete();
  if (*begin == '\r') {
    if (begin + 1 == end) return incomplete();
    if (begin[1] != '\n') return refuse(400, "A carriage return stands without a line feed.");
    line_ += 2;
    return Step::last;
  }
  if (is(*begin, characters::space))
    return refuse(400, "A line of the header begins with white space; folded lines are not accepted.");

  const char* const nameEnd = characters::skip(begin, end, characters::token);
  if (nameEnd == end) return incomplete();
  if (*nameEnd != ':') {
    return refuse(400, is(*nameEnd, characters::space)
                           ? "There is white space in or after the name of a header field."
                           : "The name of a header field holds a character that is not allowed there.");
  }
  if (nameEnd == begin) return refuse(400, "A header field has no name.");

  const char* value = characters::skip(nameEnd + 1, end, characters::space);
  const char* lineEnd = value;
  for (bool folded = false;; folded = true) {
    lineEnd = characters::findControl(lineEnd, end);
    if (lineEnd == end) return incomplete();
    if (*lineEnd != '\r') {
      return refuse(400, *lineEnd == '\n' ? "A line of the header ends with a line feed alone; it must be CR and LF."
                                          : "The value of a header field holds a control character.");
    }
    if (lineEnd + 1 == end) return incomplete();
    if (lineEnd[1] != '\n') return refuse(400, "A carriage return stands without a line feed.");
    if (folded) value = characters::skip(value, lineEnd, characters::space);
    if (kind_ == Kind::request) break;
    // A line that goes on in the next one is to be read as if spaces stood in the place of its end (RFC 9112, 5.2).
    if (lineEnd + 2 == end) return incomplete();
    if (!is(lineEnd[2], characters::space)) break;
    if (base != buffer_.data()) return Step::fold;
    const auto at = static_cast<std::size_t>(lineEnd - base);
    buffer_[at] = buffer_[at + 1] = ' ';
  }
  const char* valueEnd = lineEnd;
  while (valueEnd > value && is(valueEnd[-1], characters::space)) --valueEnd;

  if (positions_.size() == limits_.fields) return refuse(431, "There are too many header fields.");
  positions_.push_back({static_cast<std::uint16_t>(line_), static_cast<std::uint16_t>(nameEnd - begin),
                        static_cast<std::uint16_t>(value - base), static_cast<std::uint16_t>(valueEnd - value)});
  line_ = static_cast<std::size_t>(lineEnd + 2 - base);
  if (stage_ == Stage::trailers) return Step::done;  // trailers never change how the message is read
  return knownField({begin, static_cast<std::size_t>(nameEnd - begin)},
                    {value, static_cast<std::size_t>(valueEnd - value)});
}

// The fields that decide how the message is read.
MessageParser::Step MessageParser::knownField(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 4:
      if (equalsIgnoringCase(name, "host")) {
        if (hostIndex_ >= 0) return refuse(400, "There is more than one Host field.");
        if (!isHostAndPort(value, false)) return refuse(400, "The Host field is not a host with an optional port.");
        hostIndex_ = static_cast<std::int32_t>(positions_.size()) - 1;
      }
      break;
    case 6:
      if (equalsIgnoringCase(name, "expect")) {
        if (!equalsIgnoringCase(value, "100-continue"))
          return refuse(417, "Only the expectation 100-continue can be met.");
        expectContinue_ = common_.minorVersion >= 1;
      }
      break;
    case 7:
      if (equalsIgnoringCase(name, "upgrade")) sawUpgradeField_ = true;
      break;
    case 10:
      if (equalsIgnoringCase(name, "connection")) return connectionOptions(value);
      break;
    case 14:
      if (equalsIgnoringCase(name, "content-length")) return contentLength(value);
      break;
    case 17:
      if (equalsIgnoringCase(name, "transfer-encoding")) return transferEncoding(value);
      break;
    default:
      break;
  }
  return Step::done;
}

MessageParser::Step MessageParser::contentLength(std::string_view value) {
  if (common_.contentLength) return refuse(400, "There is more than one Content-Length.");
  if (sawTransferEncoding_) return refuse(400, "Content-Length and Transfer-Encoding exclude each other.");
  if (value.empty()) return refuse(400, "The Content-Length is not a number.");
  std::uint64_t length = 0;
  for (char c : value) {
    if (c < '0' || c > '9') return refuse(400, "The Content-Length is not a number.");
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (~std::uint64_t{0} - digit) / 10) return refuse(413, "The content is too large.");
    length = length * 10 + digit;
  }
  common_.contentLength = length;
  return Step::done;
}

MessageParser::Step MessageParser::transferEncoding(std::string_view value) {
  if (common_.contentLength) return refuse(400, "Content-Length and Transfer-Encoding exclude each other.");
  if (common_.minorVersion == 0) return refuse(400, "Transfer-Encoding does not exist in HTTP/1.0.");
  sawTransferEncoding_ = true;
  std::string_view coding = nextListItem(value);
  if (coding.empty()) return refuse(400, "The Transfer-Encoding is empty.");
  for (; !coding.empty(); coding = nextListItem(value)) {
    const bool chunked = equalsIgnoringCase(coding, "chunked");
    if (common_.chunked) {
      if (chunked || kind_ == Kind::request)
        return refuse(400, "The transfer coding \"chunked\" must be the last, and only once.");
      common_.chunked = false;  // a response like that goes on until the connection ends (RFC 9112, 6.3)
    }
    if (chunked) {
      common_.chunked = true;
    } else {
      sawOtherCoding_ = true;
    }
  }
  return Step::done;
}

MessageParser::Step MessageParser::connectionOptions(std::string_view value) {
  for (std::string_view option = nextListItem(value); !option.empty(); option = nextListItem(value)) {
    if (equalsIgnoringCase(option, "close")) {
      sawClose_ = true;
    } else if (equalsIgnoringCase(option, "keep-alive")) {
      sawKeepAlive_ = true;
    } else if (equalsIgnoringCase(option, "upgrade")) {
      sawUpgradeOption_ = true;
    }
  }
  return Step::done;
}

}  // namespace bight::http
