// The request parser: its stages.
//
// A head is read line by line, each line from left to right in one pass (parser_head.cpp); a line of which the end has not arrived yet
// is read again from its beginning when more comes. Nothing is looked at before its turn, and a limit cuts the line where it lies, so
// what is found wrong, and with which status, is a function of the bytes alone and never of how they were cut. The stages:
//
//    requestLine ─► fields ─► headDone ─┬─► fixedBody ──────────────────────────────────────────► bodyDone ─┬─► requestLine
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
#include <bight/http/parser.hpp>

#include <stdexcept>

namespace bight::http {

namespace {

constexpr int mostEmptyLines = 16;
constexpr std::size_t mostKeptBuffer = 8192;  // what a parser may keep in hand between two messages

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

}  // namespace bight::http
