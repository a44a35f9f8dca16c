// The categories of the public conformance suite (Autobahn: 1 framing, 2 pings, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 close,
// 9 limits, 10 fragmentation by the sender, 12 and 13 compression), rewritten from RFC 6455 and RFC 7692 against a server that echoes. That
// suite itself runs under Python 2.7.
#include <random>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "socket_fixture.hpp"

BOOST_AUTO_TEST_SUITE(WebSocketConformance)

using namespace bight;
using namespace bight::websocket;
using namespace std::string_literals;
using bight::testcases::Diary;
using bight::testcases::frame;
using bight::testcases::Served;
namespace data = boost::unit_test::data;

namespace {

constexpr Opcode text = Opcode::text;
constexpr Opcode binary = Opcode::binary;
constexpr Opcode more = Opcode::continuation;
constexpr Opcode ping = Opcode::ping;
constexpr Opcode pong = Opcode::pong;
constexpr Opcode close = Opcode::close;

std::string closeWith(unsigned code, std::string_view reason = {}) {
  return frame(close, std::string{static_cast<char>(code >> 8), static_cast<char>(code)} + std::string(reason));
}
std::string tooLongControl(Opcode opcode) {
  return std::string{static_cast<char>(0x80 | static_cast<int>(opcode)), '\xfe', '\0', '\x7e'} + std::string(130, '\0');
}
std::string withBits(unsigned bits, Opcode opcode, std::string_view payload) {
  std::string bytes = frame(opcode, payload);
  bytes[0] = static_cast<char>(static_cast<unsigned char>(bytes[0]) | bits);
  return bytes;
}
std::string withOpcode(unsigned opcode, std::string_view payload = {}) {
  std::string bytes = frame(text, payload);
  bytes[0] = static_cast<char>(0x80 | opcode);
  return bytes;
}

struct Case {
  std::string number;
  std::string bytes;
  std::string answer;
  friend std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.number; }
};

const std::string failed = "close:1002 (fin)";
const std::string invalid = "close:1007 (fin)";

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](const std::string& number, const std::string& bytes, const std::string& answer) {
    all.push_back({number, bytes, answer});
  };
  // 1: every length around the steps of the encoding, both kinds.
  for (const std::size_t size : {0, 125, 126, 127, 128, 65535, 65536}) {
    const std::string shown = size == 0 ? "" : std::to_string(size);
    add("1.1 text of " + shown, frame(text, std::string(size, '*')), "text:" + shown);
    add("1.2 bytes of " + shown, frame(binary, std::string(size, '\xfe')), "binary:" + shown);
  }
  // 2: pings and pongs.
  add("2.1", frame(ping, ""), "pong:");
  add("2.2", frame(ping, "Hello, world!"), "pong:Hello, world!");
  add("2.4", frame(ping, std::string(125, '\xfe')), "pong:" + std::string(125, '\xfe'));
  add("2.5", tooLongControl(ping), failed);
  add("2.7", frame(pong, ""), "");
  add("2.8", frame(pong, "unsolicited"), "");
  add("2.9", frame(pong, "unsolicited") + frame(ping, "mine"), "pong:mine");
  std::string tenPings;
  std::string tenPongs;
  for (int i = 0; i < 10; ++i) {
    tenPings += frame(ping, std::to_string(i));
    tenPongs += (i > 0 ? " pong:" : "pong:") + std::to_string(i);
  }
  add("2.10", tenPings, tenPongs);
  // 3: each bit that is reserved, on every kind of frame, behind a good message.
  for (unsigned bits = 0x10; bits <= 0x70; bits += 0x10) {
    for (const Opcode opcode : {text, binary, ping, pong, close})
      add("3 bits " + std::to_string(bits >> 4) + " on " + std::to_string(static_cast<int>(opcode)),
          frame(text, "good") + withBits(bits, opcode, "") + frame(ping, ""), "text:good " + failed);
  }
  // 4: each opcode that is reserved.
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    add("4 opcode " + std::to_string(opcode), withOpcode(opcode), failed);
    add("4 opcode " + std::to_string(opcode) + " with payload",
        frame(text, "good") + withOpcode(opcode, "x") + frame(ping, ""), "text:good " + failed);
  }
  // 5: fragments.
  add("5.1", frame(ping, "a", false) + frame(more, "b"), failed);
  add("5.2", frame(pong, "a", false) + frame(more, "b"), failed);
  add("5.3", frame(text, "a", false) + frame(more, "b"), "text:ab");
  add("5.6", frame(text, "a", false) + frame(ping, "p") + frame(more, "b"), "pong:p text:ab");
  add("5.9", frame(more, "a") + frame(text, "b"), failed);
  add("5.12", frame(more, "a", false) + frame(text, "b"), failed);
  add("5.15", frame(text, "a", false) + frame(more, "b") + frame(more, "c", false) + frame(text, "d"),
      "text:ab " + failed);
  add("5.18", frame(text, "a", false) + frame(text, "b"), failed);
  add("5.19",
      frame(text, "1", false) + frame(more, "2", false) + frame(ping, "x") + frame(more, "3", false) +
          frame(more, "4", false) + frame(ping, "y") + frame(more, "5"),
      "pong:x pong:y text:12345");
  add("5 empty fragments", frame(text, "", false) + frame(more, "", false) + frame(more, ""), "text:");
  add("5 an empty middle", frame(text, "a", false) + frame(more, "", false) + frame(more, "b"), "text:ab");
  // 6: UTF-8. Valid, in one frame and in one frame for each byte; then what is not.
  const std::string kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
  const auto inFrames = [](std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      out += frame(i == 0 ? text : more, bytes.substr(i, 1), i + 1 == bytes.size());
    return out;
  };
  const std::string valid[] = {"",
                               "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!",
                               kosme,
                               "\0"s,
                               "\xc2\x80",
                               "\xe0\xa0\x80",
                               "\xf0\x90\x80\x80",
                               "\x7f",
                               "\xdf\xbf",
                               "\xef\xbf\xbf",
                               "\xf4\x8f\xbf\xbf",
                               "\xed\x9f\xbf",
                               "\xee\x80\x80",
                               "\xef\xbf\xbd",
                               "\xf0\x9f\xbf\xbe",
                               "\xef\xbf\xbe"};
  for (const auto& one : valid) {
    add("6 valid " + one, frame(text, one), "text:" + one);
    if (!one.empty()) add("6 valid, byte by byte " + one, inFrames(one), "text:" + one);
  }
  const std::string bad[] = {kosme +
                                 "\xed\xa0\x80"
                                 "edited",
                             kosme +
                                 "\xf4\x90\x80\x80"
                                 "edited",
                             "\xce",
                             "\xce\xba\xe1",
                             "\xce\xba\xe1\xbd",
                             "\xf8\x88\x80\x80\x80",
                             "\xfc\x84\x80\x80\x80\x80",
                             "\xf7\xbf\xbf\xbf",
                             "\xfb\xbf\xbf\xbf\xbf",
                             "\xf4\x90\x80\x80",
                             "\x80",
                             "\xbf",
                             "\x80\xbf\x80\xbf",
                             "\xc0 \xc1 ",
                             "\xe0 ",
                             "\xf5",
                             "\xc0",
                             "\xe0\x80",
                             "\xf0\x80\x80",
                             "\xfe",
                             "\xff",
                             "\xfe\xfe\xff\xff",
                             "\xc0\xaf",
                             "\xe0\x80\xaf",
                             "\xf0\x80\x80\xaf",
                             "\xc1\xbf",
                             "\xe0\x9f\xbf",
                             "\xf0\x8f\xbf\xbf",
                             "\xc0\x80",
                             "\xed\xa0\x80",
                             "\xed\xaf\xbf",
                             "\xed\xb0\x80",
                             "\xed\xbf\xbf",
                             "\xed\xa0\x80\xed\xb0\x80"};
  for (const auto& one : bad) {
    add("6 invalid", frame(text, one) + frame(ping, ""), invalid);
    add("6 invalid, byte by byte", inFrames(one) + frame(ping, ""), invalid);
  }
  // 7: closing.
  add("7.1", frame(text, "hi") + frame(close, ""), "text:hi close:1005 (lost)");
  add("7.1.3", frame(close, "") + frame(ping, ""), "close:1005 (lost)");
  add("7.1.4", frame(close, "") + frame(text, "late"), "close:1005 (lost)");
  add("7.1.5", frame(text, "a", false) + frame(close, "") + frame(more, "b"), "close:1005 (lost)");
  add("7.3.1", closeWith(1000, "Hello World!"), "close:1000 (lost)");
  add("7.3.2", frame(close, "a"), failed);
  add("7.3.5", closeWith(1000, std::string(123, '*')), "close:1000 (lost)");
  add("7.3.6", tooLongControl(close), failed);
  add("7.5.1", closeWith(1000, kosme + "\xed\xa0\x80"), invalid);
  for (const unsigned code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999})
    add("7.7 code " + std::to_string(code), closeWith(code), "close:" + std::to_string(code) + " (lost)");
  for (const unsigned code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535})
    add("7.9 code " + std::to_string(code), closeWith(code, "x"), failed);
  return all;
}

}  // namespace

BOOST_DATA_TEST_CASE(every_case_has_its_answer_whole_and_byte_by_byte, data::make(cases()), one) {
  for (const std::size_t stride : {one.bytes.size(), std::size_t{1}, std::size_t{997}}) {
    if (stride == 1 && one.bytes.size() > 1000) continue;
    Served served(std::make_shared<Diary>(true));
    for (std::size_t at = 0; at < one.bytes.size(); at += stride) served.send(one.bytes.substr(at, stride));
    BOOST_TEST(served.sent() == one.answer);
  }
}

// 9: 16 MiB, in one frame and in frames of 64 bytes to 1 MiB.
BOOST_AUTO_TEST_CASE(large_messages_come_back_however_they_are_fragmented) {
  std::string large(std::size_t{4} << 20, '\0');
  std::mt19937 random(9);
  for (char& c : large) c = static_cast<char>('a' + random() % 26);
  for (const std::size_t size : {std::size_t{1} << 10, std::size_t{64} << 10, std::size_t{1} << 20, large.size()}) {
    Served served(std::make_shared<Diary>(true), {.maxMessage = std::uint64_t{16} << 20});
    std::string bytes;
    for (std::size_t at = 0; at < large.size(); at += size)
      appendFrame(
          bytes,
          {.opcode = at == 0 ? text : more, .fin = at + size >= large.size(), .masked = true, .key = {1, 2, 3, 4}},
          std::string_view(large).substr(at, size));
    for (std::size_t at = 0; at < bytes.size(); at += 65536) served.send(std::string_view(bytes).substr(at, 65536));
    BOOST_TEST((served.transport->value().ends_with(large)));
    BOOST_TEST(served.sent() == "text:" + std::to_string(large.size()));
  }
}

// 10.
BOOST_AUTO_TEST_CASE(what_we_send_is_fragmented_as_we_were_told) {
  Served served(std::make_shared<Diary>(true), {.fragmentSize = 1300});
  served.send(frame(text, std::string(65536, 'x')));
  BOOST_TEST(served.sent() == "text:65536/51");
}

// 12 and 13: a thousand messages of each size, with every agreement.
BOOST_AUTO_TEST_CASE(compressed_messages_come_back_with_every_agreement) {
  std::mt19937 random(12);
  std::string words;
  while (words.size() < 140000)
    words += std::to_string(random() % 5000) + (random() % 9 == 0 ? ".\n" : " of the words ");
  for (const int bits : {8, 9, 12, 15}) {
    for (const bool forgets : {false, true}) {
      const DeflateAgreement agreement{.ownWindowBits = bits,
                                       .peerWindowBits = bits,
                                       .ownNoContextTakeover = forgets,
                                       .peerNoContextTakeover = forgets};
      Served served(std::make_shared<Diary>(true), {.deflate = DeflateOptions{.level = 1, .threshold = 0}},
                    {.deflate = agreement});
      Deflater deflater(agreement, {.level = 1});
      for (const std::size_t size : {0, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072}) {
        for (int i = 0; i < (size < 5000 ? 50 : 3); ++i) {
          std::string compressed;
          deflater.compress(std::string_view(words).substr(random() % 5000, size), compressed);
          const std::size_t half = compressed.size() / 2;
          served.send(i % 2 == 0 ? frame(text, compressed, true, true)
                                 : frame(text, compressed.substr(0, half), false, true) +
                                       frame(more, compressed.substr(half)));
          const std::string sent = served.sent();
          if (!sent.starts_with("text:") || (size > 40 && sent != "text:" + std::to_string(size)))
            BOOST_TEST(sent == "text:" + std::to_string(size), bits << " bits, " << size);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
