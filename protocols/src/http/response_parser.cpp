// The response parser: what is particular to responses; see message_parser.cpp.
#include <bight/http/response_parser.hpp>

#include <algorithm>

#include "characters.hpp"
#include "message_parser_head.hpp"

namespace bight::http {

ResponseParser::ResponseParser(const Limits& limits) : MessageParser(Kind::response, limits, head_) {}

ResponseParser::Event ResponseParser::next(std::string_view& input) {
  if (handedOut_) {
    buffer_.clear();
    handedOut_ = false;
  }
  if (stage_ == Stage::headDone && head_.status < 200 && head_.status != 101) stage_ = Stage::firstLine;
  if (stage_ <= Stage::fields) return readHead(*this, input);
  if (stage_ == Stage::headDone) {
    if (head_.upgrade || request_ == Request::head || head_.status == 204 || head_.status == 304) {
      head_.chunked = false;  // has neither chunks nor trailers
      return endMessage();
    }
    if (head_.chunked) {
      beginChunk();
    } else if (sawTransferEncoding_ || !head_.contentLength) {
      stage_ = Stage::untilEnd;
    } else {
      remaining_ = *head_.contentLength;
      stage_ = remaining_ ? Stage::fixedBody : Stage::bodyDone;
    }
  }
  if (stage_ == Stage::untilEnd) {
    if (input.empty()) return Event::needMore;
    // As much as the limit allows is handed out, however the bytes are cut.
    const std::uint64_t room = limits_.body - received_;
    if (room == 0) {
      static_cast<void>(refuse(413, "The content is too large."));
      return Event::refused;
    }
    body_ = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(room, input.size())));
    received_ += body_.size();
    input.remove_prefix(body_.size());
    return Event::body;
  }
  return *readRest(input);
}

std::optional<Refusal> ResponseParser::finish() const noexcept {
  if (stage_ == Stage::untilEnd || stage_ == Stage::closed || stage_ == Stage::refused || !begun()) return std::nullopt;
  return Refusal{502, "The connection ended in the middle of a response."};
}

// "HTTP/" DIGIT "." DIGIT SP 3DIGIT [ SP reason ] CRLF (RFC 9112, 4). The space before an empty reason is often forgotten.
ResponseParser::Step ResponseParser::parseFirstLine(const char* base, std::size_t size) {
  const std::size_t limit = std::min(limits_.requestLine, limits_.head);
  const bool cut = size >= limit;
  const char* const end = base + std::min(size, limit);
  const auto incomplete = [&] { return cut ? refuse(502, "The status line is too long.") : Step::more; };
  const auto isDigit = [](char c) { return c >= '0' && c <= '9'; };

  constexpr char form[] = "HTTP/1.1 ";
  for (int i = 0; i < 9; ++i) {
    if (base + i == end) return incomplete();
    if (i == 5) {
      if (base[i] != '1' && base[i] != '0') {
        return refuse(502, isDigit(base[i]) ? "Only HTTP/1.1 and HTTP/1.0 are spoken here."
                                            : "The status line does not begin with a version such as HTTP/1.1.");
      }
    } else if (i == 7) {
      if (!isDigit(base[i])) return refuse(502, "The status line does not begin with a version such as HTTP/1.1.");
      if (base[5] == '0' && base[i] != '9') return refuse(502, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    } else if (base[i] != form[i]) {
      return refuse(502, i < 8 ? "The status line does not begin with a version such as HTTP/1.1."
                               : "There is not one space behind the version.");
    }
  }
  // What claims to be 0.9 has a head all the same: read as 1.0, which promises as little.
  head_.minorVersion = base[5] == '0' || base[7] == '0' ? 0 : 1;
  int status = 0;
  for (int i = 9; i < 12; ++i) {
    if (base + i == end) return incomplete();
    if (!isDigit(base[i])) return refuse(502, "The status is not a number of three digits.");
    status = status * 10 + (base[i] - '0');
  }
  if (status < 100) return refuse(502, "The status is not a number from 100.");
  const char* at = base + 12;
  if (at == end) return incomplete();
  if (*at == ' ') {
    ++at;
  } else if (*at != '\r') {
    return refuse(502, "The status is not a number of three digits and a space.");
  }
  const char* const reasonEnd = characters::findControl(at, end);
  if (reasonEnd == end) return incomplete();
  if (*reasonEnd != '\r') {
    return refuse(502, *reasonEnd == '\n' ? "The status line ends with a line feed alone; it must be CR and LF."
                                          : "The phrase behind the status holds a control character.");
  }
  if (reasonEnd + 1 == end) return incomplete();
  if (reasonEnd[1] != '\n') return refuse(502, "A carriage return stands without a line feed.");
  head_.status = status;
  reasonAt_ = static_cast<std::uint16_t>(at - base);
  reasonSize_ = static_cast<std::uint16_t>(reasonEnd - at);
  line_ = static_cast<std::size_t>(reasonEnd + 2 - base);
  return Step::done;
}

ResponseParser::Step ResponseParser::concludeHead(const char* base) {
  head_.raw = {base, line_};
  head_.reason = {base + reasonAt_, reasonSize_};
  head_.fields = Fields(base, positions_);
  const bool success = head_.status >= 200 && head_.status < 300;
  head_.upgrade = head_.status == 101 || (request_ == Request::connect && success);
  const bool contentless = request_ == Request::head || head_.status == 204 || head_.status == 304;
  head_.untilEnd = !contentless && !head_.chunked && !head_.upgrade && head_.status >= 200 &&
                   (sawTransferEncoding_ || !head_.contentLength);
  head_.keepAlive = !sawClose_ && (head_.minorVersion >= 1 || sawKeepAlive_) && !head_.upgrade && !head_.untilEnd;
  if (head_.contentLength && *head_.contentLength > limits_.body && !contentless && !head_.upgrade) {
    return refuse(413, "The content is too large.");
  }
  return Step::done;
}

}  // namespace bight::http
