// The reading of a head, for both parsers: `Parser` has parseFirstLine and concludeHead.
#pragma once

#include <bight/http/message_parser.hpp>

namespace bight::http {

template <class Parser>
MessageParser::Event MessageParser::readHead(Parser& parser, std::string_view& input) {
  const auto parseHead = [this, &parser](const char* base, std::size_t size) {
    if (stage_ == Stage::firstLine) {
      if (Step step = parser.parseFirstLine(base, size); step != Step::done) return step;
      stage_ = Stage::fields;
    }
    if (Step step = parseFields(base, size); step != Step::done) return step;
    return parser.concludeHead(base);
  };
  const std::size_t had = buffer_.size();
  Step step;
  if (had == 0) {
    step = skipEmptyLines(input);
    if (step == Step::more) return Event::needMore;
    if (step == Step::refused) return Event::refused;
    beginMessage();
    step = parseHead(input.data(), input.size());
    if (step == Step::more) buffer_.assign(input);
    if (step == Step::fold) {  // to be undone, in a copy
      buffer_.assign(input.substr(0, limits_.head));
      step = parseHead(buffer_.data(), buffer_.size());
    }
  } else {
    buffer_.append(input.substr(0, limits_.head - had));
    step = parseHead(buffer_.data(), buffer_.size());
  }
  if (step == Step::refused) return Event::refused;
  if (step == Step::more) {
    input = {};
    return Event::needMore;
  }
  input.remove_prefix(line_ - had);
  handedOut_ = !buffer_.empty();
  stage_ = Stage::headDone;
  return Event::head;
}

}  // namespace bight::http
