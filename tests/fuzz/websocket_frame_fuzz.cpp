// A fuzzing entry point for frames and messages: whatever the bytes, every way to cut them gives the same messages and the same refusal, and
// what is given out stays within the limits. Built as a libFuzzer program under clang (`ninja -C build tests/fuzz/websocket_frame_fuzz`); the
// tests replay it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <string_view>
#include <vector>

#include "../protocols/websocket/transcript.hpp"

using namespace bight::websocket;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void demandSame(const bight::testcases::SocketTranscript& whole, const bight::testcases::SocketTranscript& cut) {
  if (whole == cut) return;
  std::cerr << "two cuts of the same bytes were read differently:\n" << whole.text() << '\n' << cut.text() << std::endl;
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // The first two bytes choose options and cuts; the rest is what the peer sends.
  MessageReader::Options options;
  options.role = (data[0] & 1) != 0 ? Role::client : Role::server;
  if ((data[0] & 2) != 0) options.maxMessage = 40;
  if ((data[0] & 4) != 0) options.maxFrame = 20;
  // With the full window: zlib takes distances beyond a smaller one as long as it has the bytes at hand, which depends on the cut.
  if ((data[0] & 8) != 0) options.deflate = DeflateAgreement{.peerNoContextTakeover = (data[0] & 16) != 0};
  const std::size_t stride = 1 + data[1] % 61;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);

  const auto whole = bight::testcases::readSocket(bytes, {}, options);
  std::vector<std::size_t> some;
  for (std::size_t i = stride; i < bytes.size(); i += stride) some.push_back(i);
  demandSame(whole, bight::testcases::readSocket(bytes, some, options, true));
  if (bytes.size() <= 2048) {
    std::vector<std::size_t> every(bytes.empty() ? 0 : bytes.size() - 1);
    std::iota(every.begin(), every.end(), std::size_t{1});
    demandSame(whole, bight::testcases::readSocket(bytes, every, options));
  }
  for (const std::string& message : whole.messages()) {
    if (message.size() > options.maxMessage) std::abort();
  }
  return 0;
}
