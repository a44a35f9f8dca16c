// A fuzzing entry point for the request parser: whatever the bytes, every way to cut them gives the same messages and the same refusal, and
// what is kept stays within the limits. Built as a libFuzzer program under clang (`ninja -C build tests/fuzz/http_parser_fuzz`); the tests replay it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

#include "../protocols/http/transcript.hpp"

using namespace bight::http;

namespace {

void demandSame(const testcases::Transcript& whole, const testcases::Transcript& cut, std::string_view bytes) {
  if (whole == cut) return;
  std::cerr << "two cuts of the same bytes were read differently:\n"
            << whole << '\n'
            << cut << "\nof\n"
            << bytes << std::endl;
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // The first two bytes choose options and cuts; the rest is what the peer sends.
  RequestParser::Options options;
  options.requireHost = (data[0] & 1) == 0;
  options.onlyChunked = (data[0] & 2) == 0;
  if (data[0] & 4)
    options.limits = {.requestLine = 64, .fieldLine = 48, .head = 160, .fields = 4, .body = 40, .chunkExtensions = 16};
  const std::size_t stride = 1 + data[1] % 61;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);

  const testcases::Transcript whole = testcases::read(bytes, {}, options);
  std::vector<std::size_t> every, some;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    every.push_back(i);
    if (i % stride == 0) some.push_back(i);
  }
  demandSame(whole, testcases::read(bytes, some, options), bytes);
  if (bytes.size() <= 2048) demandSame(whole, testcases::read(bytes, every, options), bytes);
  for (const testcases::ReadMessage& message : whole.messages) {
    if (message.raw.size() > options.limits.head || message.fields.size() > options.limits.fields ||
        message.body.size() > options.limits.body) {
      std::abort();
    }
  }
  return 0;
}
