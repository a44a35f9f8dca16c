// The request parser.
//
// A head is read line by line, each line from left to right in one pass; a line of which the end has not arrived yet is
// read again from its beginning when more comes. Nothing is looked at before its turn, and a limit cuts the line where
// it lies, so what is found wrong, and with which status, is a function of the bytes alone and never of how they were
// cut. The stages:
//
//    requestLine ─► fields ─► headDone ─┬─► fixedBody ──────────────────────────────────────────► bodyDone ─►
//    requestLine (keep-alive)
//         ▲                             ├─► chunkSize ─► chunkExtension ─► chunkLineEnd ─┬─► trailers ─┘  └──► closed
//         │                             │       ▲                                        ▼
//         └─ empty lines are skipped    │       └── chunkDataLineEnd ◄─ chunkDataReturn ◄─ chunkData
//                                       └─► bodyDone (no content)                          any ─► refused
//
// A whole head in the input is parsed where it lies. An incomplete one is copied to buffer_ and parsed there; positions
// are counted from the head's first byte, so the copy does not disturb them. Chunk lines are read byte by byte and need
// no buffer at all.
//
// Rejected: a state per byte for everything (a table-driven automaton): three times slower on the long values that make
// up most of a head, and the grammar cannot be read in it any more. Rejected: searching the end of the head first and
// parsing then: reads all bytes twice, and reports a broken first line only after 32 KiB of rubbish.
#include <bight/http/parser.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <bight/http/syntax.hpp>

#include "characters.hpp"

namespace bight::http {

using characters::is;

namespace {

constexpr std::size_t longestMethod = 32;
constexpr int mostEmptyLines = 16;
constexpr std::size_t mostKeptBuffer = 8192;  // what a parser may keep in hand between two messages

// uri-host [ ":" port ] (RFC 9110, 7.2; RFC 3986, 3.2.2)
bool isHostAndPort(std::string_view text, bool needPort) noexcept {
  std::size_t hostSize;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    for (char c : text.substr(1, close - 1)) {
      if (!is(c, characters::host) || c == '[') return false;
    }
    hostSize = close + 1;
  } else {
    const char* at = text.data();
    const char* const end = at + text.size();
    while ((at = characters::skip(at, end, characters::name)) != end && *at != ':') {
      if (*at != '%' || end - at < 3 || !is(at[1], characters::hexadecimal) || !is(at[2], characters::hexadecimal)) {
        return false;
      }
      at += 3;
    }
    hostSize = static_cast<std::size_t>(at - text.data());
  }
  const std::string_view port = text.substr(hostSize);
  if (port.empty()) return !needPort;
  if (port.front() != ':' || port.size() > 6) return false;
  for (char c : port.substr(1)) {
    if (c < '0' || c > '9') return false;
  }
  return !needPort || (hostSize > 0 && port.size() > 1);
}

}  // namespace

RequestParser::RequestParser(const Options& options) : options_(options) {
  const Limits& limits = options.limits;
  if (limits.head > 65535) throw std::invalid_argument("bight::http::Limits: head is at most 65535 bytes");
  if (limits.requestLine == 0 || limits.fieldLine == 0 || limits.head == 0 || limits.fields == 0) {
    throw std::invalid_argument("bight::http::Limits: requestLine, fieldLine, head and fields are at least 1");
  }
}

RequestParser::Event RequestParser::next(std::string_view& input) {
  if (handedOut_) {
    buffer_.clear();
    handedOut_ = false;
  }
  for (;;) {
    switch (stage_) {
      case Stage::requestLine:
      case Stage::fields:
        return readHead(input);
      case Stage::headDone:
        if (isConnect_) return endMessage();  // has no content (RFC 9110, 9.3.6); what follows is not HTTP
        if (head_.chunked) {
          beginChunk();
        } else {
          remaining_ = head_.contentLength.value_or(0);
          stage_ = remaining_ ? Stage::fixedBody : Stage::bodyDone;
        }
        break;
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
    }
  }
}

std::optional<Refusal> RequestParser::finish() const noexcept {
  switch (stage_) {
    case Stage::requestLine:
      if (buffer_.empty() || handedOut_) return std::nullopt;
      break;
    case Stage::closed:
    case Stage::refused:
      return std::nullopt;
    default:
      break;
  }
  return Refusal{400, "The connection ended in the middle of a request."};
}

void RequestParser::reset() noexcept {
  stage_ = Stage::requestLine;
  emptyLines_ = 0;
  sawReturn_ = false;
  handedOut_ = false;
  if (buffer_.capacity() > mostKeptBuffer) buffer_ = std::string();
  buffer_.clear();
  body_ = {};
}

Fields RequestParser::trailers() const noexcept {
  return head_.chunked ? Fields(trailerBase_, positions_) : Fields();
}

void RequestParser::beginMessage() noexcept {
  emptyLines_ = 0;
  sawTransferEncoding_ = sawOtherCoding_ = sawClose_ = sawKeepAlive_ = sawUpgradeOption_ = sawUpgradeField_ = false;
  hostIndex_ = -1;
  line_ = 0;
  received_ = 0;
  extensionBytes_ = 0;
  positions_.clear();
  head_.contentLength.reset();
  head_.chunked = head_.expectContinue = false;
}

RequestParser::Event RequestParser::endMessage() {
  stage_ = head_.keepAlive ? Stage::requestLine : Stage::closed;
  return Event::end;
}

RequestParser::Step RequestParser::refuse(int status, const char* sentence) noexcept {
  refusal_ = {status, sentence};
  stage_ = Stage::refused;
  return Step::refused;
}

// ---- the head ----

RequestParser::Event RequestParser::readHead(std::string_view& input) {
  const std::size_t had = buffer_.size();
  Step step;
  if (had == 0) {
    step = skipEmptyLines(input);
    if (step == Step::more) return Event::needMore;
    if (step == Step::refused) return Event::refused;
    beginMessage();
    step = parseHead(input.data(), input.size());
    if (step == Step::more) buffer_.assign(input);
  } else {
    buffer_.append(input.substr(0, options_.limits.head - had));
    step = parseHead(buffer_.data(), buffer_.size());
  }
  if (step == Step::refused) return Event::refused;
  if (step == Step::more) {
    input = {};
    return Event::needMore;
  }
  input.remove_prefix(line_ - had);
  handedOut_ = had != 0;
  stage_ = Stage::headDone;
  return Event::head;
}

RequestParser::Step RequestParser::skipEmptyLines(std::string_view& input) {
  while (!input.empty()) {
    if (sawReturn_) {
      if (input.front() != '\n') return refuse(400, "A carriage return stands alone before the request line.");
      sawReturn_ = false;
      if (++emptyLines_ > mostEmptyLines) return refuse(400, "There are too many empty lines before the request line.");
    } else if (input.front() == '\r') {
      sawReturn_ = true;
    } else {
      return Step::done;
    }
    input.remove_prefix(1);
  }
  return Step::more;
}

RequestParser::Step RequestParser::parseHead(const char* base, std::size_t size) {
  if (stage_ == Stage::requestLine) {
    if (Step step = parseRequestLine(base, size); step != Step::done) return step;
    stage_ = Stage::fields;
  }
  if (Step step = parseFields(base, size); step != Step::done) return step;
  return concludeHead(base);
}

// method SP target SP version CRLF (RFC 9112, 3)
RequestParser::Step RequestParser::parseRequestLine(const char* base, std::size_t size) {
  const std::size_t limit = std::min(options_.limits.requestLine, options_.limits.head);
  const bool cut = size >= limit;
  const char* const end = base + std::min(size, limit);
  const auto incomplete = [&] { return cut ? refuse(414, "The request line is too long.") : Step::more; };

  const char* const methodEnd = characters::skip(base, std::min(end, base + longestMethod + 1), characters::token);
  if (methodEnd - base > static_cast<std::ptrdiff_t>(longestMethod))
    return refuse(501, "The method is longer than any that is known here.");
  if (methodEnd == end) return incomplete();
  if (methodEnd == base || *methodEnd != ' ')
    return refuse(400, "The request line does not begin with a method and one space.");

  const char* const target = methodEnd + 1;
  const char* const targetEnd = characters::skip(target, end, characters::target);
  if (targetEnd == end) return incomplete();
  if (targetEnd == target) return refuse(400, "There is not exactly one space between the method and the target.");
  if (*targetEnd == '\r') return refuse(400, "The request line has no version; HTTP/0.9 is not spoken here.");
  if (*targetEnd != ' ') return refuse(400, "The target holds a character that must be percent-encoded.");
  methodSize_ = static_cast<std::uint16_t>(methodEnd - base);
  targetSize_ = static_cast<std::uint16_t>(targetEnd - target);

  const char* const version = targetEnd + 1;
  if (Step step = parseVersion(version, end, cut); step != Step::done) return step;
  line_ = static_cast<std::size_t>(version - base) + 10;
  if (std::string_view(base, methodSize_) == "PRI") {
    return refuse(505, "This is the preface of HTTP/2, which is not spoken here without negotiation.");
  }
  return Step::done;
}

// "HTTP/" DIGIT "." DIGIT CRLF
RequestParser::Step RequestParser::parseVersion(const char* at, const char* end, bool cut) {
  constexpr char form[] = "HTTP/1.1\r\n";
  if (end - at >= 10 && std::memcmp(at, form, 10) == 0) {
    head_.minorVersion = 1;
    return Step::done;
  }
  for (int i = 0; i < 10; ++i) {
    if (at + i == end) return cut ? refuse(414, "The request line is too long.") : Step::more;
    if (i == 5 || i == 7) {
      if (at[i] < '0' || at[i] > '9') return refuse(400, "The version is not of the form HTTP/1.1.");
      if (i == 7 && at[5] != '1') return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    } else if (at[i] != form[i]) {
      return refuse(400, i < 8 ? "The request line does not end with a space and a version such as HTTP/1.1."
                               : "The request line does not end with CR and LF right after the version.");
    }
  }
  head_.minorVersion =
      at[7] == '0' ? 0 : 1;  // a later minor version is answered as the highest that is known (RFC 9110, 2.5)
  return Step::done;
}

// Reads fields up to the empty line: the rest of a head, or the trailers.
RequestParser::Step RequestParser::parseFields(const char* base, std::size_t size) {
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
RequestParser::Step RequestParser::parseField(const char* base, std::size_t size) {
  const std::size_t limit = std::min(line_ + options_.limits.fieldLine, options_.limits.head);
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

  const char* const value = characters::skip(nameEnd + 1, end, characters::space);
  const char* const lineEnd = characters::findControl(value, end);
  if (lineEnd == end) return incomplete();
  if (*lineEnd != '\r') {
    return refuse(400, *lineEnd == '\n' ? "A line of the header ends with a line feed alone; it must be CR and LF."
                                        : "The value of a header field holds a control character.");
  }
  if (lineEnd + 1 == end) return incomplete();
  if (lineEnd[1] != '\n') return refuse(400, "A carriage return stands without a line feed.");
  const char* valueEnd = lineEnd;
  while (valueEnd > value && is(valueEnd[-1], characters::space)) --valueEnd;

  if (positions_.size() == options_.limits.fields) return refuse(431, "There are too many header fields.");
  positions_.push_back({static_cast<std::uint16_t>(line_), static_cast<std::uint16_t>(nameEnd - begin),
                        static_cast<std::uint16_t>(value - base), static_cast<std::uint16_t>(valueEnd - value)});
  line_ = static_cast<std::size_t>(lineEnd + 2 - base);
  if (stage_ == Stage::trailers) return Step::done;  // trailers never change how the message is read
  return knownField({begin, static_cast<std::size_t>(nameEnd - begin)},
                    {value, static_cast<std::size_t>(valueEnd - value)});
}

// The fields that decide how the message is read.
RequestParser::Step RequestParser::knownField(std::string_view name, std::string_view value) {
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
        head_.expectContinue = head_.minorVersion >= 1;
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

RequestParser::Step RequestParser::contentLength(std::string_view value) {
  if (head_.contentLength) return refuse(400, "There is more than one Content-Length.");
  if (sawTransferEncoding_) return refuse(400, "Content-Length and Transfer-Encoding exclude each other.");
  if (value.empty()) return refuse(400, "The Content-Length is not a number.");
  std::uint64_t length = 0;
  for (char c : value) {
    if (c < '0' || c > '9') return refuse(400, "The Content-Length is not a number.");
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (~std::uint64_t{0} - digit) / 10) return refuse(413, "The content is too large.");
    length = length * 10 + digit;
  }
  head_.contentLength = length;
  return Step::done;
}

RequestParser::Step RequestParser::transferEncoding(std::string_view value) {
  if (head_.contentLength) return refuse(400, "Content-Length and Transfer-Encoding exclude each other.");
  if (head_.minorVersion == 0) return refuse(400, "Transfer-Encoding does not exist in HTTP/1.0.");
  sawTransferEncoding_ = true;
  std::string_view coding = nextListItem(value);
  if (coding.empty()) return refuse(400, "The Transfer-Encoding is empty.");
  for (; !coding.empty(); coding = nextListItem(value)) {
    if (head_.chunked) return refuse(400, "The transfer coding \"chunked\" must be the last, and only once.");
    if (equalsIgnoringCase(coding, "chunked")) {
      head_.chunked = true;
    } else {
      sawOtherCoding_ = true;
    }
  }
  return Step::done;
}

RequestParser::Step RequestParser::connectionOptions(std::string_view value) {
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

RequestParser::Step RequestParser::concludeHead(const char* base) {
  head_.raw = {base, line_};
  head_.method = {base, methodSize_};
  head_.target = {base + methodSize_ + 1, targetSize_};
  head_.fields = Fields(base, positions_);
  head_.host = {};
  if (hostIndex_ >= 0) {
    head_.host = head_.fields[static_cast<std::size_t>(hostIndex_)].value;
  } else if (head_.minorVersion >= 1 && options_.requireHost) {
    return refuse(400, "There is no Host field.");
  }
  if (sawTransferEncoding_) {
    if (!head_.chunked) return refuse(501, "Only the transfer coding \"chunked\" is known here.");
    if (sawOtherCoding_ && options_.onlyChunked)
      return refuse(501, "Only the transfer coding \"chunked\" is known here.");
  }
  head_.keepAlive = !sawClose_ && (head_.minorVersion >= 1 || sawKeepAlive_);
  isConnect_ = head_.method == "CONNECT";
  head_.upgrade = isConnect_ || (sawUpgradeOption_ && sawUpgradeField_ && head_.minorVersion >= 1);
  if (Step step = splitTarget(); step != Step::done) return step;
  if (head_.contentLength && *head_.contentLength > options_.limits.body && !isConnect_) {
    return refuse(413, "The content is too large.");
  }
  return Step::done;
}

// The four forms of a target (RFC 9112, 3.2).
RequestParser::Step RequestParser::splitTarget() {
  const std::string_view target = head_.target;
  if (isConnect_) {
    if (!isHostAndPort(target, true)) return refuse(400, "The target of CONNECT is a host and a port.");
    head_.path = head_.query = {};
    head_.host = target;
  } else if (target.front() == '/') {
    splitPath(target);
  } else if (target == "*") {
    head_.path = target;
    head_.query = {};
  } else {
    return splitAbsoluteTarget();
  }
  return Step::done;
}

// scheme "://" authority path: as a proxy would be sent it. Its authority counts, not the Host field (RFC 9112, 3.2.2).
RequestParser::Step RequestParser::splitAbsoluteTarget() {
  const std::string_view target = head_.target;
  const std::size_t colon = target.find("://");
  const auto isSchemeCharacter = [](char c) { return is(c, characters::unreserved) || c == '+'; };
  if (colon == std::string_view::npos || colon == 0 || (target.front() | 0x20) < 'a' || (target.front() | 0x20) > 'z' ||
      !std::all_of(target.begin(), target.begin() + static_cast<std::ptrdiff_t>(colon), isSchemeCharacter)) {
    return refuse(400, "The target is neither a path nor a whole URL.");
  }
  const std::string_view rest = target.substr(colon + 3);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, end);
  if (const std::size_t at = authority.find('@');
      at != std::string_view::npos) {  // a user's name and password: of no use
    const char* const atSign = authority.data() + at;
    if (characters::skip(authority.data(), atSign, characters::host) != atSign) {
      return refuse(400, "The part of the target before the '@' holds a character that is not allowed there.");
    }
    authority.remove_prefix(at + 1);
  }
  if (authority.empty() || authority.front() == ':' || !isHostAndPort(authority, false)) {
    return refuse(400, "The host in the target is not a host with an optional port.");
  }
  head_.host = authority;
  splitPath(rest.substr(end));
  return Step::done;
}

// Cuts "/path?query#fragment"; an empty path is "/".
void RequestParser::splitPath(std::string_view rest) noexcept {
  rest = rest.substr(0, rest.find('#'));
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  head_.path = mark ? rest.substr(0, mark) : std::string_view("/");
  head_.query = mark < rest.size() ? rest.substr(mark + 1) : std::string_view();
}

// ---- the content ----

RequestParser::Event RequestParser::readContent(std::string_view& input, Stage then) {
  if (input.empty()) return Event::needMore;
  body_ = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size())));
  input.remove_prefix(body_.size());
  remaining_ -= body_.size();
  if (remaining_ == 0) stage_ = then;
  return Event::body;
}

void RequestParser::beginChunk() noexcept {
  stage_ = Stage::chunkSize;
  remaining_ = 0;
  sizeDigits_ = 0;
}

// The bytes between the data of two chunks: CRLF after data, size, extensions, CRLF (RFC 9112, 7.1). Done when
// something else is next.
RequestParser::Step RequestParser::chunkLine(std::string_view& input) {
  while (!input.empty()) {
    const char c = input.front();
    input.remove_prefix(1);
    switch (stage_) {
      case Stage::chunkDataReturn:
        if (c != '\r') return refuse(400, "A chunk is longer than its size says.");
        stage_ = Stage::chunkDataLineEnd;
        break;
      case Stage::chunkDataLineEnd:
        if (c != '\n') return refuse(400, "A carriage return stands without a line feed after a chunk.");
        beginChunk();
        break;
      case Stage::chunkSize:
        if (is(c, characters::hexadecimal)) {
          if (++sizeDigits_ > 16) return refuse(400, "The size of a chunk has more than sixteen digits.");
          remaining_ = remaining_ * 16 + characters::hexadecimalValue(c);
        } else if (sizeDigits_ == 0 || (c != ';' && c != '\r')) {
          return refuse(400, "The size of a chunk is not a hexadecimal number.");
        } else if (c == ';') {
          stage_ = Stage::chunkExtension;
          extension_ = 0;
        } else {
          stage_ = Stage::chunkLineEnd;
        }
        break;
      case Stage::chunkExtension:
        if (extensionByte(c) == Step::refused) return Step::refused;
        break;
      default:  // chunkLineEnd
        if (c != '\n') return refuse(400, "A carriage return stands without a line feed after the size of a chunk.");
        if (remaining_ == 0) {
          stage_ = Stage::trailers;
          line_ = 0;
          positions_.clear();
          return Step::done;
        }
        if (remaining_ > options_.limits.body - received_) return refuse(413, "The content is too large.");
        received_ += remaining_;
        stage_ = Stage::chunkData;
        return Step::done;
    }
  }
  return Step::more;
}

// *( ";" name [ "=" ( token / quoted-string ) ] ), read for its form only. The white space that RFC 9112 lets one bear
// is not borne.
RequestParser::Step RequestParser::extensionByte(char c) {
  enum : std::uint8_t { nameStart, name, valueStart, value, quoted, escaped, afterQuoted };
  if (++extensionBytes_ > options_.limits.chunkExtensions) return refuse(413, "The chunk extensions are too long.");
  const bool inName = is(c, characters::token);
  const bool textual = static_cast<unsigned char>(c) >= 0x20 ? c != 0x7f : c == '\t';
  switch (extension_) {
    case nameStart:
    case valueStart:
      if (inName) {
        extension_ = extension_ == nameStart ? name : value;
        return Step::done;
      }
      if (extension_ == valueStart && c == '"') {
        extension_ = quoted;
        return Step::done;
      }
      break;
    case quoted:
    case escaped:
      if (textual) {
        extension_ = extension_ == escaped ? quoted : c == '"' ? afterQuoted : c == '\\' ? escaped : quoted;
        return Step::done;
      }
      break;
    default:  // name, value, afterQuoted
      if (c == ';') {
        extension_ = nameStart;
        return Step::done;
      }
      if (c == '\r') {
        stage_ = Stage::chunkLineEnd;
        return Step::done;
      }
      if (inName && extension_ != afterQuoted) return Step::done;
      if (c == '=' && extension_ == name) {
        extension_ = valueStart;
        return Step::done;
      }
      break;
  }
  return refuse(400, "A chunk extension is malformed.");
}

RequestParser::Event RequestParser::readTrailers(std::string_view& input) {
  const std::size_t had = buffer_.size();
  if (had) buffer_.append(input.substr(0, options_.limits.head - had));
  trailerBase_ = had ? buffer_.data() : input.data();
  const Step step = parseFields(trailerBase_, had ? buffer_.size() : input.size());
  if (step == Step::refused) return Event::refused;
  if (step == Step::more) {
    if (!had) buffer_.assign(input);
    input = {};
    return Event::needMore;
  }
  input.remove_prefix(line_ - had);
  handedOut_ = had != 0;
  return endMessage();
}

}  // namespace bight::http
