// The parsers: content, whole or in chunks, and trailers (RFC 9112, 6 and 7).
#include <bight/http/message_parser.hpp>

#include <algorithm>

#include "characters.hpp"

namespace bight::http {

using characters::is;

namespace {

// Places in the grammar of chunk extensions.
enum : std::uint8_t {
  nameStart,
  name,
  afterName,
  valueStart,
  value,
  quoted,
  escaped,
  afterQuoted,
  beforeSemicolon,
  malformed
};

bool isBlank(char c) noexcept {
  return c == ' ' || c == '\t';
}

}  // namespace

MessageParser::Event MessageParser::readContent(std::string_view& input, Stage then) {
  if (input.empty()) return Event::needMore;
  body_ = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size())));
  input.remove_prefix(body_.size());
  remaining_ -= body_.size();
  if (remaining_ == 0) stage_ = then;
  return Event::body;
}

void MessageParser::beginChunk() noexcept {
  stage_ = Stage::chunkSize;
  remaining_ = 0;
  sizeDigits_ = 0;
}

// The bytes between the data of two chunks: CRLF after data, size, extensions, CRLF (RFC 9112, 7.1). Done when
// something else is next.
MessageParser::Step MessageParser::chunkLine(std::string_view& input) {
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
        } else if (sizeDigits_ == 0 || (c != ';' && c != '\r' && !isBlank(c))) {
          return refuse(400, "The size of a chunk is not a hexadecimal number.");
        } else if (c == '\r') {
          stage_ = Stage::chunkLineEnd;
        } else {
          stage_ = Stage::chunkExtension;
          extension_ = c == ';' ? nameStart : beforeSemicolon;
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
        if (remaining_ > limits_.body - received_) return refuse(413, "The content is too large.");
        received_ += remaining_;
        stage_ = Stage::chunkData;
        return Step::done;
    }
  }
  return Step::more;
}

// *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), read for its form only. White space elsewhere, as
// behind the last extension or behind a size without any, is refused.
MessageParser::Step MessageParser::extensionByte(char c) {
  if (++extensionBytes_ > limits_.chunkExtensions) return refuse(413, "The chunk extensions are too long.");
  const bool textual = static_cast<unsigned char>(c) >= 0x20 ? c != 0x7f : c == '\t';
  std::uint8_t next = malformed;
  switch (extension_) {
    case quoted:
      if (textual) next = c == '"' ? afterQuoted : c == '\\' ? escaped : quoted;
      break;
    case escaped:
      if (textual) next = quoted;
      break;
    case nameStart:
    case valueStart:
      if (isBlank(c)) {
        next = extension_;
      } else if (is(c, characters::token)) {
        next = extension_ == nameStart ? name : value;
      } else if (extension_ == valueStart && c == '"') {
        next = quoted;
      }
      break;
    default:  // name, afterName, value, afterQuoted, beforeSemicolon
      if (c == ';') {
        next = nameStart;
      } else if (c == '=' && (extension_ == name || extension_ == afterName)) {
        next = valueStart;
      } else if (isBlank(c)) {
        next = extension_ == name || extension_ == afterName ? afterName : beforeSemicolon;
      } else if ((extension_ == name || extension_ == value) && is(c, characters::token)) {
        next = extension_;
      } else if (c == '\r' && extension_ != afterName && extension_ != beforeSemicolon) {
        stage_ = Stage::chunkLineEnd;
        return Step::done;
      }
      break;
  }
  if (next == malformed) return refuse(400, "A chunk extension is malformed.");
  extension_ = next;
  return Step::done;
}

MessageParser::Event MessageParser::readTrailers(std::string_view& input) {
  const std::size_t had = buffer_.size();
  if (had) buffer_.append(input.substr(0, limits_.head - had));
  trailerBase_ = had ? buffer_.data() : input.data();
  Step step = parseFields(trailerBase_, had ? buffer_.size() : input.size());
  if (step == Step::fold) {  // to be undone, in a copy
    buffer_.assign(input.substr(0, limits_.head));
    trailerBase_ = buffer_.data();
    step = parseFields(trailerBase_, buffer_.size());
  }
  if (step == Step::refused) return Event::refused;
  if (step == Step::more) {
    if (buffer_.empty()) buffer_.assign(input);
    input = {};
    return Event::needMore;
  }
  input.remove_prefix(line_ - had);
  handedOut_ = !buffer_.empty();
  return endMessage();
}

}  // namespace bight::http
