// A fuzzing entry point for forms with files: whatever the bytes, every way to cut them gives the same parts and the same refusal, and
// nothing is larger than the limits allow.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <bight/http/multipart.hpp>

namespace {

using bight::http::MultipartParser;

// What is read when the bytes come `stride` at a time.
std::string transcript(std::string_view bytes, std::size_t stride, const bight::http::MultipartLimits& limits) {
  MultipartParser parser("B", limits);
  std::string text;
  std::uint64_t size = 0;
  std::size_t parts = 0;
  for (std::size_t at = 0; at < bytes.size(); at += stride) {
    std::string_view input = bytes.substr(at, stride);
    for (;;) {
      const MultipartParser::Event event = parser.next(input);
      if (event == MultipartParser::Event::needMore) break;
      if (event == MultipartParser::Event::end) return text + "end";
      if (event == MultipartParser::Event::refused)
        return text + "refused " + std::to_string(parser.refusal().status) + parser.refusal().sentence;
      if (event == MultipartParser::Event::part) {
        text +=
            "part " + parser.part().name + ';' + parser.part().fileName.value_or("-") + ';' + parser.part().type + '\n';
        size = 0;
        if (++parts > limits.parts) std::abort();
      } else if (event == MultipartParser::Event::data) {
        if (parser.data().empty()) std::abort();
        size += parser.data().size();
        if (size > limits.file && size > limits.field) std::abort();
        text += parser.data();
      } else {
        text += "\nend of part\n";
      }
    }
  }
  return text + "more";
}

// Without the content of a part that is refused for its size: how much of it was handed out before depends on the cuts.
std::string settled(std::string text) {
  if (const std::size_t at = text.rfind("refused 413"); at != std::string::npos) {
    const std::size_t part = text.rfind("part ", at);
    text.erase(part == std::string::npos ? 0 : part, at - (part == std::string::npos ? 0 : part));
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 65536) return 0;
  bight::http::MultipartLimits limits;
  if (data[0] & 1) limits = {.parts = 3, .partHead = 100, .field = 20, .file = 40};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string whole = settled(transcript(bytes, bytes.size() + 1, limits));
  for (const std::size_t stride : {std::size_t{1}, std::size_t{2} + data[1] % 61}) {
    const std::string cut = settled(transcript(bytes, stride, limits));
    if (cut == whole) continue;
    std::cerr << "two cuts of the same bytes were read differently:\n" << whole << "\n---\n" << cut << std::endl;
    std::abort();
  }
  bight::http::multipartBoundary(bytes);
  return 0;
}
