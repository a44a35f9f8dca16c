#include <bight/websocket/deflate.hpp>

#include <array>
#include <random>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <bight/testing/feeding.hpp>

#include "transcript.hpp"

// The fuzzing entry points, replayed below.
#define LLVMFuzzerTestOneInput websocketFrameFuzz
#include "../../fuzz/websocket_frame_fuzz.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput websocketDeflateFuzz
#include "../../fuzz/websocket_deflate_fuzz.cpp"

BOOST_AUTO_TEST_SUITE(WebSocketDeflate)
#undef LLVMFuzzerTestOneInput

using namespace bight;
using namespace bight::websocket;
using namespace std::string_literals;
namespace data = boost::unit_test::data;

namespace {

std::string frame(Opcode opcode, std::string_view payload, bool rsv1, bool fin = true) {
  std::string out;
  appendFrame(out, {.opcode = opcode, .fin = fin, .rsv1 = rsv1, .masked = true, .key = {1, 2, 3, 4}}, payload);
  return out;
}

std::string reading(std::string_view bytes, const MessageReader::Options& options) {
  const auto whole = bight::testcases::readSocket(bytes, {}, options);
  for (std::size_t at = 1; at < bytes.size() && bytes.size() < 300; ++at) {
    const auto cut = bight::testcases::readSocket(bytes, {at}, options, at % 2 == 0);
    if (cut.text() != whole.text()) BOOST_TEST(cut.text() == whole.text());
  }
  std::string text = whole.text();
  for (const auto& message : whole.messages()) {
    if (message.size() < 50) text += " \"" + message + "\"";
  }
  return text;
}

struct Negotiation {
  const char* offer;
  const char* response;  // null: not accepted
  int own;
  int peer;
  friend std::ostream& operator<<(std::ostream& out, const Negotiation& one) { return out << one.offer; }
};

struct Answer {
  const char* answer;
  bool good;
  friend std::ostream& operator<<(std::ostream& out, const Answer& one) { return out << one.answer; }
};

}  // namespace

// RFC 7692, 7.2.3.
BOOST_AUTO_TEST_CASE(the_examples_of_the_specification_are_read) {
  const MessageReader::Options options{.deflate = DeflateAgreement{}};
  const std::string hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;
  BOOST_TEST(reading(frame(Opcode::text, hello, true), options) == "text[7]=5 \"Hello\"");
  BOOST_TEST(reading(frame(Opcode::text, hello.substr(0, 3), true, false) +
                         frame(Opcode::continuation, hello.substr(3), false),
                     options) == "text[3][4]=5 \"Hello\"");
  // The second refers to the first: "sharing the LZ77 sliding window".
  const std::string again = "\xf2\x00\x11\x00\x00"s;
  BOOST_TEST(reading(frame(Opcode::text, hello, true) + frame(Opcode::text, again, true), options) ==
             "text[7]=5 text[5]=5 \"Hello\" \"Hello\"");
  // "a DEFLATE block with no compression", "with BFINAL set to 1", "two DEFLATE blocks".
  BOOST_TEST(reading(frame(Opcode::text, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s, true), options) ==
             "text[11]=5 \"Hello\"");
  BOOST_TEST(reading(frame(Opcode::text, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s, true), options) == "text[8]=5 \"Hello\"");
  BOOST_TEST(reading(frame(Opcode::text, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s, true) + frame(Opcode::text, again, true),
                     options) == "text[8]=5 text[5]=5 \"Hello\" \"Hello\"");
  BOOST_TEST(reading(frame(Opcode::text, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s, true), options) ==
             "text[13]=5 \"Hello\"");
  // An empty message, and one whose last frame is empty; a message that is not compressed; a ping within.
  BOOST_TEST(reading(frame(Opcode::text, "\0"s, true), options) == "text[1]=0 \"\"");
  BOOST_TEST(reading(frame(Opcode::text, hello, true, false) + frame(Opcode::ping, "p", false) +
                         frame(Opcode::continuation, "", false),
                     options) == "ping(p) text[7][0]=5 \"Hello\"");
  BOOST_TEST(reading(frame(Opcode::text, "plain", false), options) == "text[5]=5 \"plain\"");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_decompressed_is_refused) {
  const MessageReader::Options options{.deflate = DeflateAgreement{}};
  const std::string hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;
  BOOST_TEST(reading(frame(Opcode::text, "\xff\xff", true), options) == "refused 1007");
  BOOST_TEST(reading(frame(Opcode::text, hello.substr(0, 4), true), options) == "refused 1007");
  BOOST_TEST(reading(frame(Opcode::text, "\x00\x05\x00\xfa\xff\x48"s, true), options) ==
             "refused 1007");  // a stored block, cut
  BOOST_TEST(reading(frame(Opcode::text, "\xf2\x00\x11\x00\x00"s, true), options) ==
             "refused 1007");  // looks back to nothing
  BOOST_TEST(reading(frame(Opcode::continuation, hello, true), options) == "refused 1002");
  BOOST_TEST(reading(frame(Opcode::text, hello, true, false) + frame(Opcode::continuation, "", true), options) ==
             "refused 1002");
  // The tail itself brings data, behind an empty last frame.
  BOOST_TEST(reading(frame(Opcode::text, "\x0a", true, false) + frame(Opcode::continuation, "", false) +
                         frame(Opcode::text, "next", false),
                     options) == "refused 1007");
  // RSV1 without an agreement.
  BOOST_TEST(reading(frame(Opcode::text, hello, true), {}) == "refused 1002");
  // Text is checked after it was decompressed.
  Deflater deflater({}, {});
  std::string latin;
  deflater.compress("caf\xe9 au lait", latin);
  BOOST_TEST(reading(frame(Opcode::text, latin, true), options) == "refused 1007");
  // Without takeover nothing is there to look back to.
  const MessageReader::Options forgets{.deflate = DeflateAgreement{.peerNoContextTakeover = true}};
  BOOST_TEST(reading(frame(Opcode::text, hello, true) + frame(Opcode::text, "\xf2\x00\x11\x00\x00"s, true), forgets) ==
             "text[7]=5 refused 1007 \"Hello\"");
}

BOOST_AUTO_TEST_CASE(a_bomb_is_refused_before_it_has_gone_off) {
  Deflater deflater({}, {});
  std::string bomb;
  deflater.compress(std::string(64 << 20, '\0'), bomb);
  BOOST_TEST(bomb.size() < 100000);
  MessageReader reader({.maxMessage = 1 << 20, .deflate = DeflateAgreement{}});
  const std::string bytes = frame(Opcode::binary, bomb, true);
  std::string_view input = bytes;
  std::size_t got = 0;
  for (;;) {
    const auto event = reader.next(input);
    if (event == MessageReader::Event::data) got += reader.data().size();
    if (event == MessageReader::Event::refused) break;
    BOOST_REQUIRE(event != MessageReader::Event::needMore);
  }
  BOOST_TEST(reader.violation().code == closeCode::tooBig);
  BOOST_TEST(got == 1U << 20);
}

BOOST_AUTO_TEST_CASE(a_message_that_lies_in_one_piece_is_known_to_be_whole) {
  Deflater deflater({}, {});
  std::string compressed;
  deflater.compress(std::string(1000, 'a'), compressed);
  MessageReader reader({.deflate = DeflateAgreement{}});
  const std::string bytes = frame(Opcode::text, compressed, true);
  std::string_view input = bytes;
  while (reader.next(input) != MessageReader::Event::data) {
  }
  BOOST_TEST(reader.data().size() == 1000);
  BOOST_TEST(reader.isLast());
}

BOOST_AUTO_TEST_CASE(what_is_compressed_comes_back_with_every_window_and_either_kind_of_context) {
  std::mt19937 random(7);
  std::string words;
  while (words.size() < 70000) words += std::to_string(random() % 997) + " lines of chat, ";
  const std::string messages[] = {"", "a", std::string(100000, 'z'), words, "", words.substr(100, 5000), words};
  for (int bits = 8; bits <= 15; ++bits) {
    for (const bool forgets : {false, true}) {
      BOOST_TEST_CONTEXT(bits << (forgets ? " bits, without takeover" : " bits")) {
        Deflater deflater({.ownWindowBits = bits, .ownNoContextTakeover = forgets}, {.level = bits == 12 ? 9 : 1});
        MessageReader reader({.deflate = DeflateAgreement{.peerWindowBits = bits, .peerNoContextTakeover = forgets}});
        bight::testcases::SocketTranscript transcript;
        std::size_t wire = 0;
        for (const auto& message : messages) {
          std::string compressed;
          deflater.compress(message, compressed);
          wire += compressed.size();
          BOOST_REQUIRE(transcript.read(reader, frame(Opcode::binary, compressed, true)));
        }
        BOOST_REQUIRE(transcript.messages().size() == std::size(messages));
        for (std::size_t i = 0; i < std::size(messages); ++i) BOOST_TEST((transcript.messages()[i] == messages[i]));
        BOOST_TEST(wire < 180000);
      }
    }
  }
}

// RFC 7692, 7.1. The server's options are the defaults: windows of 12 bits.
static const Negotiation negotiations[] = {
    {"permessage-deflate", "permessage-deflate; server_max_window_bits=12", 12, 15},
    {"permessage-deflate; client_max_window_bits",
     "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", 12, 12},
    {"permessage-deflate; client_max_window_bits=10; server_max_window_bits=9",
     "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10", 9, 10},
    {"permessage-deflate; server_max_window_bits=\"15\"", "permessage-deflate; server_max_window_bits=12", 12, 15},
    {"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
     "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12", 12, 15},
    {"x-webkit-deflate-frame, permessage-deflate", "permessage-deflate; server_max_window_bits=12", 12, 15},
    {"permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=8",
     "permessage-deflate; server_max_window_bits=8", 8, 15},
    {"permessage-deflate; server_max_window_bits", nullptr, 0, 0},
    {"permessage-deflate; server_max_window_bits=16", nullptr, 0, 0},
    {"permessage-deflate; server_max_window_bits=09", nullptr, 0, 0},
    {"permessage-deflate; server_max_window_bits=+9", nullptr, 0, 0},
    {"permessage-deflate; client_max_window_bits=99999999999", nullptr, 0, 0},
    {"permessage-deflate; server_no_context_takeover=1", nullptr, 0, 0},
    {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", nullptr, 0, 0},
    {"permessage-deflate; client_max_window_bits; client_max_window_bits=9", nullptr, 0, 0},
    {"permessage-deflate; something", nullptr, 0, 0},
    {"permessage-bzip2", nullptr, 0, 0},
    {"", nullptr, 0, 0},
};

BOOST_DATA_TEST_CASE(a_server_takes_the_first_offer_that_it_can, data::make(negotiations), one) {
  const DeflateChoice choice = chooseDeflate(one.offer, {});
  BOOST_TEST(!choice.malformed);
  BOOST_REQUIRE(choice.agreement.has_value() == (one.response != nullptr));
  if (one.response == nullptr) return;
  BOOST_TEST(choice.response == one.response);
  BOOST_TEST(choice.agreement->ownWindowBits == one.own);
  BOOST_TEST(choice.agreement->peerWindowBits == one.peer);
}

BOOST_AUTO_TEST_CASE(what_is_no_list_of_extensions_is_malformed) {
  for (const char* offers : {"permessage-deflate;", "permessage-deflate; =1", ";", "a b", "a; b=", "a; b=\"c",
                             "a; b=\"c d\"", "a; b=\"\"", "a/b"})
    BOOST_TEST(chooseDeflate(offers, {}).malformed, offers);
}

static const Answer answers[] = {
    {"", true},
    {"permessage-deflate; server_max_window_bits=12", true},
    {"permessage-deflate; server_max_window_bits=8; client_max_window_bits=8", true},
    {"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12; client_no_context_takeover", true},
    {"permessage-deflate; server_max_window_bits=12; server_no_context_takeover", true},
    {"permessage-deflate", false},  // 12 bits were asked for
    {"permessage-deflate; server_max_window_bits=13", false},
    {"permessage-deflate; server_max_window_bits=12; client_max_window_bits=13", false},
    {"permessage-deflate; server_max_window_bits=12; client_max_window_bits", false},
    {"permessage-deflate; server_max_window_bits=12; other", false},
    {"permessage-deflate; server_max_window_bits=12, permessage-deflate; server_max_window_bits=12", false},
    {"permessage-bzip2", false},
    {"permessage-deflate;;", false},
};

BOOST_DATA_TEST_CASE(a_client_refuses_an_answer_that_its_offer_does_not_cover, data::make(answers), one) {
  const DeflateOptions options;
  BOOST_TEST((readDeflateAnswer(one.answer, &options).refusal == nullptr) == one.good);
  BOOST_TEST((readDeflateAnswer(one.answer, nullptr).refusal == nullptr) == (one.answer[0] == '\0'));
}

BOOST_AUTO_TEST_CASE(options_out_of_range_are_refused) {
  BOOST_CHECK_THROW((DeflateOptions{.ownWindowBits = 7}.check()), std::invalid_argument);
  BOOST_CHECK_THROW((DeflateOptions{.peerWindowBits = 16}.check()), std::invalid_argument);
  BOOST_CHECK_THROW((DeflateOptions{.memoryLevel = 0}.check()), std::invalid_argument);
  BOOST_CHECK_NO_THROW(DeflateOptions().check());
}

// ---- the fuzzing entry points, over what a simple mutator makes ----

BOOST_AUTO_TEST_CASE(every_cut_of_mutated_frames_is_read_alike) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Deflater deflater({}, {});
  std::string compressed;
  deflater.compress("Hello, hello, hello, world, world", compressed);
  std::vector<std::string> parts;
  for (const bool masked : {true, false}) {
    const auto add = [&](Opcode opcode, bool fin, bool rsv1, std::string_view payload) {
      std::string out;
      appendFrame(out, {.opcode = opcode, .fin = fin, .rsv1 = rsv1, .masked = masked, .key = {9, 8, 7, 6}}, payload);
      parts.push_back(out);
    };
    add(Opcode::text, true, false, "caf\xc3\xa9");
    add(Opcode::text, false, false, "\xe2\x82");
    add(Opcode::continuation, true, false, "\xac and so on");
    add(Opcode::continuation, false, false, "");
    add(Opcode::binary, true, false, std::string(130, 'b'));
    add(Opcode::binary, true, true, compressed);
    add(Opcode::text, false, true, std::string_view(compressed).substr(0, 9));
    add(Opcode::continuation, true, false, std::string_view(compressed).substr(9));
    add(Opcode::ping, true, false, "ping");
    add(Opcode::pong, true, false, "");
    add(Opcode::close, true, false, "\x03\xe8 done");
  }
  BOOST_TEST_CONTEXT("seed " << seed) {
    for (int i = 0; i < 20000; ++i) {
      const std::size_t options = below(32);
      std::string input{static_cast<char>(options), static_cast<char>(random())};
      const std::size_t half = options % 2 == 0 ? 0 : parts.size() / 2;
      for (std::size_t n = 1 + below(5); n > 0; --n) input += parts[half + below(parts.size() / 2)];
      for (std::size_t n = below(3); n > 0 && input.size() > 2; --n)
        input[2 + below(input.size() - 2)] = static_cast<char>(random());
      websocketFrameFuzz(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    }
    for (int i = 0; i < 1500; ++i) {
      std::string input{static_cast<char>(random()), static_cast<char>(random()), static_cast<char>(random()),
                        static_cast<char>(random())};
      if (i % 2 == 0) {
        input += compressed;
        input[4 + below(input.size() - 4)] = static_cast<char>(random());
      } else {
        for (std::size_t n = below(200); n > 0; --n) input += static_cast<char>('a' + below(3));
      }
      websocketDeflateFuzz(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    }
  }
  BOOST_TEST(true);  // a difference aborts, with what it is on stderr
}

BOOST_AUTO_TEST_SUITE_END()
