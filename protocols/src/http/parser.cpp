// The request parser: what is particular to requests; see message_parser.cpp.
#include <bight/http/parser.hpp>

#include "message_parser_head.hpp"

namespace bight::http {

RequestParser::RequestParser(const Options& options)
    : MessageParser(Kind::request, options.limits, head_),
      requireHost_(options.requireHost),
      onlyChunked_(options.onlyChunked) {}

RequestParser::Event RequestParser::next(std::string_view& input) {
  if (handedOut_) {
    buffer_.clear();
    handedOut_ = false;
  }
  if (stage_ <= Stage::fields) return readHead(*this, input);
  if (stage_ == Stage::headDone) {
    if (isConnect_) {         // has no content (RFC 9110, 9.3.6); what follows is not HTTP
      head_.chunked = false;  // nor trailers
      return endMessage();
    }
    if (head_.chunked) {
      beginChunk();
    } else {
      remaining_ = head_.contentLength.value_or(0);
      stage_ = remaining_ ? Stage::fixedBody : Stage::bodyDone;
    }
  }
  return *readRest(input);
}

std::optional<Refusal> RequestParser::finish() const noexcept {
  switch (stage_) {
    case Stage::firstLine:
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

}  // namespace bight::http
