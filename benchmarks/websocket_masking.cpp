// How fast payloads are masked, checked and read, in memory:  websocket_masking
#include <chrono>
#include <cstdio>
#include <string>

#include <bight/websocket/masking.hpp>
#include <bight/websocket/message_reader.hpp>
#include <bight/websocket/utf8.hpp>

using namespace bight::websocket;

namespace {

/// Bytes per second of `work`, which treats `size` bytes, run for about a quarter of a second.
template <class F>
double rate(std::size_t size, F&& work) {
  const auto begin = std::chrono::steady_clock::now();
  std::size_t rounds = 0;
  double seconds = 0;
  do {
    for (int i = 0; i < 64; ++i) work();
    rounds += 64;
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  } while (seconds < 0.25);
  return static_cast<double>(rounds) * static_cast<double>(size) / seconds;
}

void show(const char* what, std::size_t size, double bytesPerSecond) {
  std::printf("%-38s %8zu bytes %8.2f GB/s\n", what, size, bytesPerSecond / 1e9);
}

}  // namespace

int main() {
  const MaskKey key{0x12, 0x34, 0x56, 0x78};
  for (const std::size_t size :
       {std::size_t{16}, std::size_t{125}, std::size_t{1} << 10, std::size_t{64} << 10, std::size_t{16} << 20}) {
    const std::string in(size, 'a');
    std::string out(size, '\0');
    show("masking", size, rate(size, [&] { applyMask(out.data(), in, key, 1); }));
  }
  const std::string ascii(std::size_t{64} << 10, 'a');
  std::string greek;
  while (greek.size() < ascii.size()) greek += "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5 ";
  bool good = true;
  show("UTF-8, ASCII", ascii.size(), rate(ascii.size(), [&] { good = good && Utf8Validator::isValid(ascii); }));
  show("UTF-8, Greek", greek.size(), rate(greek.size(), [&] { good = good && Utf8Validator::isValid(greek); }));
  for (const std::size_t size : {std::size_t{16}, std::size_t{1} << 10, std::size_t{60} << 10}) {
    std::string frame;
    appendFrame(frame, {.masked = true, .key = key}, std::string(size, 'a'));
    MessageReader reader({});
    show("frame to message, masked text", size, rate(size, [&] {
           std::string_view input = frame;
           while (reader.next(input) != MessageReader::Event::needMore) {
           }
         }));
  }
  return good ? 0 : 1;
}
