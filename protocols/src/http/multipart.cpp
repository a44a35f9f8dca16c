// The parser looks for CR LF "--" boundary in what it has kept; whatever cannot be the beginning of that is handed out at once, so it keeps
// no more than a piece of input, a delimiter, or the head of a part.
#include <bight/http/multipart.hpp>

#include <algorithm>
#include <stdexcept>

#include <bight/http/syntax.hpp>

namespace bight::http {

namespace {

constexpr std::size_t mostPreamble = 8192;
constexpr std::size_t mostPadding = 128;  // white space behind a boundary

// Takes `name=value` or `name="value"` off the front of parameters that begin with ';' (RFC 9110, 5.6.6). False at the end, or if it is
// malformed: then `text` is not empty.
bool nextParameter(std::string_view& text, std::string_view& name, std::string& value) {
  text = trimWhitespace(text);
  if (!text.starts_with(';')) return false;
  const std::string_view whole = text;
  text = trimWhitespace(text.substr(1));
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    text = whole;
    return false;
  }
  name = text.substr(0, equals);
  text.remove_prefix(equals + 1);
  value.clear();
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find(';'), text.size());
    value = trimWhitespace(text.substr(0, end));
    text.remove_prefix(end);
    return isToken(name);
  }
  std::size_t at = 1;
  for (; at < text.size() && text[at] != '"'; ++at) {
    // Browsers write a quote as %22 and send backslashes as they are (WHATWG HTML, 4.10.21.8); only \" means something.
    if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '"') ++at;
    value += text[at];
  }
  if (at >= text.size() || !isToken(name)) {
    text = whole;
    return false;
  }
  text.remove_prefix(at + 1);
  return true;
}

// What browsers escape in names.
std::string unescaped(std::string text) {
  for (const auto& [escape, c] : {std::pair("%22", '"'), std::pair("%0D", '\r'), std::pair("%0A", '\n')}) {
    for (std::size_t at = 0; (at = text.find(escape, at)) != std::string::npos; ++at) text.replace(at, 3, 1, c);
  }
  return text;
}

}  // namespace

std::optional<std::string> multipartBoundary(std::string_view contentType) {
  const std::size_t semicolon = std::min(contentType.find(';'), contentType.size());
  if (!equalsIgnoringCase(trimWhitespace(contentType.substr(0, semicolon)), "multipart/form-data")) return std::nullopt;
  std::string_view rest = contentType.substr(semicolon);
  std::string_view name;
  std::string value;
  while (nextParameter(rest, name, value)) {
    if (!equalsIgnoringCase(name, "boundary")) continue;
    if (value.empty() || value.size() > 70 || value.back() == ' ') return std::nullopt;
    const bool good = std::all_of(value.begin(), value.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
             std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
    });
    if (!good) return std::nullopt;  // RFC 2046, 5.1.1
    return value;
  }
  return std::nullopt;
}

MultipartParser::MultipartParser(std::string_view boundary, MultipartLimits limits)
    : delimiter_("\r\n--" + std::string(boundary)), limits_(limits) {
  if (boundary.empty() || boundary.size() > 70)
    throw std::invalid_argument("bight::http::MultipartParser: a boundary has 1 to 70 characters");
}

MultipartParser::Event MultipartParser::refuse(int status, const char* sentence) noexcept {
  refusal_ = {status, sentence};
  stage_ = Stage::refused;
  return Event::refused;
}

MultipartParser::Event MultipartParser::next(std::string_view& input) {
  if (stage_ == Stage::refused) return Event::refused;
  if (stage_ == Stage::end) {
    input = {};
    return Event::end;
  }
  if (!input.empty()) {
    buffer_.erase(0, used_);
    used_ = 0;
    buffer_ += input;
    input = {};
  }
  switch (stage_) {
    case Stage::delimiter:
      return readDelimiter();
    case Stage::head:
      return readHead();
    default:
      return readBody();
  }
}

// Content up to the next delimiter, and before the first one what is no part's.
MultipartParser::Event MultipartParser::readBody() {
  const std::string_view rest = std::string_view(buffer_).substr(used_);
  const std::size_t at = rest.find(delimiter_);
  std::size_t size = at;
  if (at == std::string_view::npos) {
    // The end may be the beginning of a delimiter: keep from the last CR that could be.
    const std::size_t from = rest.size() - std::min(rest.size(), delimiter_.size() - 1);
    size = rest.size();
    for (std::size_t cr = rest.find('\r', from); cr != std::string_view::npos; cr = rest.find('\r', cr + 1)) {
      if (delimiter_.starts_with(rest.substr(cr))) {
        size = cr;
        break;
      }
    }
  }
  if (size > 0) {
    used_ += size;
    size_ += size;
    if (stage_ == Stage::preamble) {
      if (size_ > mostPreamble) return refuse(400, "There is no part at the beginning of the form.");
      return readBody();
    }
    if (size_ > (part_.fileName ? limits_.file : limits_.field)) return refuse(413, "A part of the form is too large.");
    data_ = rest.substr(0, size);
    return Event::data;
  }
  if (at != 0) return Event::needMore;
  used_ += delimiter_.size();
  stage_ = Stage::delimiter;
  if (!inPart_) return readDelimiter();
  inPart_ = false;
  return Event::partEnd;
}

MultipartParser::Event MultipartParser::readDelimiter() {
  const std::string_view rest = std::string_view(buffer_).substr(used_);
  if (rest.starts_with("--")) {
    stage_ = Stage::end;
    return Event::end;
  }
  if (rest == "-") return Event::needMore;
  const std::size_t end = rest.find("\r\n");
  std::string_view padding = rest.substr(0, std::min(end, rest.size()));
  if (end == std::string_view::npos && padding.ends_with('\r')) padding.remove_suffix(1);
  const bool blank = std::all_of(padding.begin(), padding.end(), [](char c) { return c == ' ' || c == '\t'; });
  if (!blank || padding.size() > mostPadding) return refuse(400, "Something stands behind a boundary of the form.");
  if (end == std::string_view::npos) return Event::needMore;
  if (++parts_ > limits_.parts) return refuse(413, "The form has too many parts.");
  used_ += end;  // its line end may be that of an empty head
  stage_ = Stage::head;
  return readHead();
}

MultipartParser::Event MultipartParser::readHead() {
  const std::string_view rest = std::string_view(buffer_).substr(used_);
  const std::size_t end = rest.find("\r\n\r\n");
  // What may be the beginning of its end is not counted: where the input is cut makes no difference.
  if (end == std::string_view::npos ? rest.size() > limits_.partHead + 3 : end > limits_.partHead)
    return refuse(431, "The head of a part of the form is too long.");
  if (end == std::string_view::npos) return Event::needMore;
  part_ = {};
  std::string_view lines = rest.substr(0, end);
  while (!lines.empty()) {
    lines.remove_prefix(2);
    const std::size_t lineEnd = std::min(lines.find("\r\n"), lines.size());
    if (!readField(lines.substr(0, lineEnd))) return refuse(400, "The head of a part of the form is malformed.");
    lines.remove_prefix(lineEnd);
  }
  if (part_.name.empty()) return refuse(400, "A part of the form has no name.");
  used_ += end + 4;
  size_ = 0;
  stage_ = Stage::body;
  inPart_ = true;
  return Event::part;
}

bool MultipartParser::readField(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !isToken(line.substr(0, colon))) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimWhitespace(line.substr(colon + 1));
  if (!isFieldValue(value)) return false;
  if (equalsIgnoringCase(name, "Content-Type")) part_.type = value;
  if (!equalsIgnoringCase(name, "Content-Disposition")) return true;
  const std::size_t semicolon = std::min(value.find(';'), value.size());
  if (!equalsIgnoringCase(trimWhitespace(value.substr(0, semicolon)), "form-data")) return false;
  std::string_view rest = value.substr(semicolon);
  std::string_view parameter;
  std::string text;
  while (nextParameter(rest, parameter, text)) {
    if (equalsIgnoringCase(parameter, "name")) part_.name = unescaped(text);
    if (equalsIgnoringCase(parameter, "filename")) part_.fileName = unescaped(text);
  }
  return trimWhitespace(rest).empty();
}

}  // namespace bight::http
