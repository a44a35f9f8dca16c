#include <bight/websocket/frame.hpp>

#include <algorithm>
#include <numeric>
#include <random>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <bight/testing/feeding.hpp>
#include <bight/websocket/message_reader.hpp>
#include <bight/websocket/utf8.hpp>

#include "transcript.hpp"

BOOST_AUTO_TEST_SUITE(WebSocketFrames)

using namespace bight;
using namespace bight::websocket;
using namespace std::string_literals;
namespace data = boost::unit_test::data;

namespace {

std::string frame(Opcode opcode, std::string_view payload, bool fin = true, bool masked = true) {
  std::string out;
  appendFrame(out, {.opcode = opcode, .fin = fin, .masked = masked, .key = {0x37, 0xFA, 0x21, 0x3D}}, payload);
  return out;
}

/// A header alone, for a server: a length, masked.
std::string head(Opcode opcode, std::uint64_t length, bool fin = true) {
  std::string out;
  appendFrameHeader(out, {.opcode = opcode, .fin = fin, .masked = true, .length = length});
  return out;
}

/// What a reader makes of the bytes, in every cut.
std::string reading(std::string_view bytes, const MessageReader::Options& options = {}) {
  const std::string whole = bight::testcases::readSocket(bytes, {}, options).text();
  std::size_t ways = 0;
  testing::eachFeeding(bytes, [&](const auto& pieces) {
    MessageReader reader(options);
    bight::testcases::SocketTranscript transcript;
    for (const auto piece : pieces) {
      const std::string copy(piece);
      if (!transcript.read(reader, copy, ways % 2 == 1)) break;
    }
    if (transcript.text() != whole) BOOST_TEST(transcript.text() == whole);
    ++ways;
  });
  return whole;
}

struct Case {
  const char* what;
  std::string bytes;
  const char* read;
  friend std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.what; }
};

}  // namespace

// The examples of RFC 6455, 5.7.
BOOST_AUTO_TEST_CASE(the_examples_of_the_specification_are_read_and_written) {
  const MessageReader::Options client{.role = Role::client};
  BOOST_TEST(reading("\x81\x05Hello", client) == "text[5]=5");
  BOOST_TEST(reading("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == "text[5]=5");
  BOOST_TEST(bight::testcases::readSocket("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", {}, {}).messages().front() ==
             "Hello");
  BOOST_TEST(reading("\x01\x03Hel\x80\x02lo", client) == "text[3][2]=5");
  BOOST_TEST(reading("\x89\x05Hello", client) == "ping(Hello)");
  BOOST_TEST(reading("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == "pong(Hello)");
  BOOST_TEST(frame(Opcode::text, "Hello", true, false) == "\x81\x05Hello");
  BOOST_TEST(frame(Opcode::text, "Hello") == "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  BOOST_TEST(FrameHeaderBytes({.opcode = Opcode::binary, .length = 256}).view() == "\x82\x7E\x01\x00"s);
  BOOST_TEST(FrameHeaderBytes({.opcode = Opcode::binary, .length = 65536}).view() ==
             "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"s);
}

// RFC 6455, 5.2: the shortest form. The sizes on both sides of each step, and back.
BOOST_AUTO_TEST_CASE(lengths_are_written_in_their_shortest_form_and_read_back) {
  for (const std::size_t size : {0, 1, 125, 126, 127, 65535, 65536, 65537, 200000}) {
    const std::string payload(size, 'x');
    const auto transcript = bight::testcases::readSocket(frame(Opcode::binary, payload), {}, {});
    BOOST_REQUIRE(transcript.messages().size() == 1);
    BOOST_TEST((transcript.messages().front() == payload));
  }
  BOOST_TEST(FrameHeaderBytes({.length = 125}).view().size() == 2);
  BOOST_TEST(FrameHeaderBytes({.length = 126}).view().size() == 4);
  BOOST_TEST(FrameHeaderBytes({.length = 65535}).view().size() == 4);
  BOOST_TEST(FrameHeaderBytes({.length = 65536}).view().size() == 10);
}

static const Case cases[] = {
    {"fragments with control frames between them",
     frame(Opcode::text, "ab", false) + frame(Opcode::ping, "p") + frame(Opcode::continuation, "", false) +
         frame(Opcode::pong, "") + frame(Opcode::continuation, "c") + frame(Opcode::close, "\x03\xe8"s + "bye"),
     "ping(p) pong() text[2][0][1]=3 close(1000,bye)"},
    {"an empty message", frame(Opcode::binary, ""), "binary[0]=0"},
    {"a close without a code", frame(Opcode::close, ""), "close(1005,)"},
    {"a close with a code alone", frame(Opcode::close, "\x0f\xa0"s), "close(4000,)"},
    {"the largest control frame", frame(Opcode::ping, std::string(125, 'p')),
     "ping(pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
     "ppppppppppppppppppp)"},
    // Every bit and byte that nobody agreed upon.
    {"RSV1", "\xc1"s, "refused 1002"},
    {"RSV2", "\xa1"s, "refused 1002"},
    {"RSV3", "\x91"s, "refused 1002"},
    {"RSV1 on a ping", "\xc9"s, "refused 1002"},
    {"opcode 3", "\x83"s, "refused 1002"},
    {"opcode 7", "\x87"s, "refused 1002"},
    {"opcode 11", "\x8b"s, "refused 1002"},
    {"opcode 15", "\x8f"s, "refused 1002"},
    {"a fragmented ping", "\x09"s, "refused 1002"},
    {"a fragmented close", "\x08"s, "refused 1002"},
    {"a ping of 126 bytes", "\x89\xfe"s, "refused 1002"},
    {"a close of 127", "\x88\xff"s, "refused 1002"},
    {"a close of one byte", "\x88\x81"s, "refused 1002"},
    {"a frame that is not masked", "\x81\x05"s, "refused 1002"},
    {"a continuation of nothing", "\x80"s, "refused 1002"},
    {"a continuation after the end", frame(Opcode::text, "a") + "\x00"s, "text[1]=1 refused 1002"},
    {"a message in a message", frame(Opcode::text, "a", false) + "\x82"s, "refused 1002"},
    {"125 in two bytes", "\x82\xfe\x00\x7d"s, "refused 1002"},
    {"0 in two bytes", "\x82\xfe\x00\x00"s, "refused 1002"},
    {"65535 in eight bytes", "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff"s, "refused 1002"},
    {"a length with its highest bit", "\x82\xff\x80"s, "refused 1002"},
    {"more than a MiB", head(Opcode::binary, (1U << 20) + 1), "refused 1009"},
    {"an absurd length", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"s, "refused 1009"},
    {"more than a MiB in two frames", frame(Opcode::binary, "x", false) + head(Opcode::continuation, 1U << 20, false),
     "refused 1009"},
    // RFC 6455, 7.4 and 5.5.1.
    {"a close with code 0", frame(Opcode::close, "\0\0"s), "refused 1002"},
    {"a close with code 999", frame(Opcode::close, "\x03\xe7"s), "refused 1002"},
    {"a close with code 1004", frame(Opcode::close, "\x03\xec"s), "refused 1002"},
    {"a close with code 1005", frame(Opcode::close, "\x03\xed"s), "refused 1002"},
    {"a close with code 1006", frame(Opcode::close, "\x03\xee"s), "refused 1002"},
    {"a close with code 1015", frame(Opcode::close, "\x03\xf7"s), "refused 1002"},
    {"a close with code 2999", frame(Opcode::close, "\x0b\xb7"s), "refused 1002"},
    {"a close with code 5000", frame(Opcode::close, "\x13\x88"s), "refused 1002"},
    {"a close with code 1014", frame(Opcode::close, "\x03\xf6"s), "close(1014,)"},
    {"a close whose reason is not UTF-8", frame(Opcode::close, "\x03\xe8\xff"s), "refused 1007"},
    // RFC 6455, 8.1.
    {"text that is not UTF-8", frame(Opcode::text, "a\xc0\xaf"), "refused 1007"},
    {"text that is not UTF-8, at its first byte", head(Opcode::text, 1000) + "\xff"s, "refused 1007"},
    {"text that ends in a character", frame(Opcode::text, "\xe2\x82"), "refused 1007"},
    {"a character in two frames", frame(Opcode::text, "\xe2\x82", false) + frame(Opcode::continuation, "\xac"),
     "text[2][1]=3"},
    {"a character begun in the frame before", frame(Opcode::text, "\xe2", false) + frame(Opcode::continuation, "a"),
     "refused 1007"},
    {"binary is not looked at", frame(Opcode::binary, "\xff\xfe"), "binary[2]=2"},
};

BOOST_DATA_TEST_CASE(what_comes_is_read_or_refused_the_same_in_every_cut, data::make(cases), one) {
  BOOST_TEST(reading(one.bytes) == one.read);
}

BOOST_AUTO_TEST_CASE(a_client_refuses_what_is_masked) {
  BOOST_TEST(reading("\x81\x80"s, {.role = Role::client}) == "refused 1002");
}

BOOST_AUTO_TEST_CASE(a_frame_longer_than_the_limit_is_refused_by_its_header) {
  const MessageReader::Options options{.maxMessage = 1000, .maxFrame = 300};
  BOOST_TEST(reading(frame(Opcode::binary, std::string(300, 'x')), options) == "binary[300]=300");
  BOOST_TEST(reading(head(Opcode::binary, 301), options) == "refused 1009");
  const MessageReader::Options tiny{.maxMessage = 1000, .maxFrame = 3};
  BOOST_TEST(reading(head(Opcode::binary, 4), tiny) == "refused 1009");
  BOOST_TEST(reading(frame(Opcode::ping, "long"), tiny) == "ping(long)");
}

// RFC 6455, 5.3: every offset, every length around the steps of the loop, in place too.
BOOST_AUTO_TEST_CASE(masking_in_pieces_is_masking_as_a_whole) {
  const MaskKey key{0x12, 0x00, 0xfe, 0x80};
  std::string plain(300, '\0');
  std::iota(plain.begin(), plain.end(), '\0');
  std::string expected = plain;
  for (std::size_t i = 0; i < plain.size(); ++i) expected[i] = static_cast<char>(plain[i] ^ key[i % 4]);
  for (std::size_t at = 0; at < 150; ++at) {
    for (const std::size_t size : {0, 1, 3, 7, 8, 9, 63, 64, 65, 100, 150}) {
      std::string masked(size, '\0');
      applyMask(masked.data(), std::string_view(plain).substr(at, size), key, at);
      if (masked != expected.substr(at, size)) BOOST_TEST(masked == expected.substr(at, size));
    }
  }
  std::string inPlace = plain;
  applyMask(inPlace.data(), inPlace, key);
  BOOST_TEST((inPlace == expected));
}

BOOST_AUTO_TEST_CASE(keys_differ) {
  std::vector<MaskKey> keys;
  for (int i = 0; i < 200; ++i) keys.push_back(makeMaskKey());
  std::sort(keys.begin(), keys.end());
  BOOST_TEST(std::distance(keys.begin(), std::unique(keys.begin(), keys.end())) >= 198);
}

BOOST_AUTO_TEST_CASE(every_character_is_valid_and_every_other_string_of_bytes_is_not) {
  // Against an encoder: what it makes of all code points is all there is of up to two bytes, and a sample of the rest.
  const auto encode = [](std::uint32_t c) {
    const auto byte = [](std::uint32_t b) { return static_cast<char>(b); };
    if (c < 0x80) return std::string{byte(c)};
    if (c < 0x800) return std::string{byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F))};
    if (c < 0x10000) return std::string{byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
    return std::string{byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)),
                       byte(0x80 | (c & 0x3F))};
  };
  std::size_t wrong = 0;
  for (std::uint32_t c = 0; c < 0x110400; ++c) {
    const bool good = c < 0x110000 && (c < 0xD800 || c > 0xDFFF);
    wrong += Utf8Validator::isValid(encode(c)) != good;
  }
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string two{static_cast<char>(first), static_cast<char>(second)};
      const bool good = (first < 0x80 && second < 0x80) || (first >= 0xC2 && first < 0xE0 && second >> 6 == 2);
      wrong += Utf8Validator::isValid(two) != good;
    }
  }
  BOOST_TEST(wrong == 0);
  for (const char* bad :
       {"\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5", "\xc1", "\x80"})
    BOOST_TEST(!Utf8Validator::isValid(bad));
}

// "κόσμε" and then a surrogate, as the public suite has it: refused at the very byte.
BOOST_AUTO_TEST_CASE(a_text_fails_at_the_first_byte_that_cannot_stand_there) {
  const std::string text = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80 and more";
  Utf8Validator validator;
  std::size_t taken = 0;
  while (validator.feed(std::string_view(text).substr(taken, 1))) ++taken;
  BOOST_TEST(taken == 12U);
  BOOST_TEST(!validator.feed("a"));
  BOOST_TEST(!validator.complete());
}

BOOST_AUTO_TEST_CASE(a_reason_is_cut_at_the_end_of_a_character) {
  BOOST_TEST(makeClosePayload(1000, "bye") == "\x03\xe8"s + "bye");
  BOOST_TEST(makeClosePayload(closeCode::noStatus, "ignored").empty());
  std::string euros;
  for (int i = 0; i < 50; ++i) euros += "\xe2\x82\xac";
  BOOST_TEST(makeClosePayload(1000, euros).size() == 2 + 123);
  BOOST_TEST(makeClosePayload(1000, "x" + euros).size() == 2 + 121);
}

BOOST_AUTO_TEST_CASE(a_reader_keeps_nothing_of_a_message) {
  MessageReader reader({.maxMessage = unlimited});
  const std::string header = head(Opcode::binary, std::uint64_t{1} << 40);
  std::string_view input = header;
  while (reader.next(input) != MessageReader::Event::needMore) {
  }
  const std::string piece(100000, 'x');
  std::size_t got = 0;
  input = piece;
  while (reader.next(input) == MessageReader::Event::data) {
    got += reader.data().size();
    BOOST_TEST(reader.data().size() <= 65536);
    BOOST_TEST(!reader.isLast());
  }
  BOOST_TEST(got == piece.size());
}

BOOST_AUTO_TEST_SUITE_END()
