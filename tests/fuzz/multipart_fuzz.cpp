// A fuzzing entry point for forms with files: whatever the bytes, every way to cut them gives the same parts and the same refusal, and
// nothing is larger than the limits allow.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

#include <bight/http/multipart.hpp>

namespace {

using bight::http::MultipartParser;

// What is read when the bytes come `stride` at a time.
std::string transcript(std::string_view bytes, std::size_t stride, const bight::http::MultipartLimits& limits) {
  MultipartParser parser("B", limits);
  std::string done, text;  // the parts that are over, and the present one
  std::uint64_t size = 0;
  std::size_t parts = 0;
  for (std::size_t at = 0; at < bytes.size(); at += stride) {
    std::string_view input = bytes.substr(at, stride);
    for (;;) {
      const MultipartParser::Event event = parser.next(input);
      if (event == MultipartParser::Event::needMore) break;
      if (event == MultipartParser::Event::end) return done + text + "end";
      if (event == MultipartParser::Event::refused) {
        // How much of a part that is too large was handed out before depends on the cuts.
        if (parser.refusal().status == 413) text.clear();
        return done + text + "refused " + std::to_string(parser.refusal().status) + parser.refusal().sentence;
      }
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
        done += std::exchange(text, {}) + "\nend of part\n";
      }
    }
  }
  return done + text + "more";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 65536) return 0;
  bight::http::MultipartLimits limits;
  if (data[0] & 1) limits = {.parts = 3, .partHead = 100, .field = 20, .file = 40};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string whole = transcript(bytes, bytes.size() + 1, limits);
  for (const std::size_t stride : {std::size_t{1}, std::size_t{2} + data[1] % 61}) {
    const std::string cut = transcript(bytes, stride, limits);
    if (cut == whole) continue;
    std::cerr << "two cuts of the same bytes were read differently:\n" << whole << "\n---\n" << cut << std::endl;
    std::abort();
  }
  bight::http::multipartBoundary(bytes);
  return 0;
}
