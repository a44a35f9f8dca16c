#include <bight/http/response_parser.hpp>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include <bight/http/syntax.hpp>

#include "cases_path.hpp"
#include "json_reader.hpp"
#include "response_transcript.hpp"

BOOST_AUTO_TEST_SUITE(ResponseParserTest)

using namespace bight::http;
using bight::http::testcases::ReadResponse;
using bight::http::testcases::ResponseTranscript;
using bight::testcases::Json;
using Request = ResponseParser::Request;

namespace {

ResponseTranscript inAllCuts(std::string_view bytes, Request request = Request::other,
                             const Limits& limits = ResponseParser::defaultLimits()) {
  return bight::http::testcases::readResponsesInAllCuts(
      bytes,
      [](auto& whole, auto& cut, const std::string& how) {
        BOOST_ERROR("cut " << how << ": " << cut << "\ninstead of " << whole);
      },
      request, limits);
}

std::string refusal(std::string_view bytes) {
  const ResponseTranscript got = inAllCuts(bytes);
  return got.refused ? got.sentence : "read";
}

// Strict cases in which we deliberately differ from llhttp.
enum class Difference { refused, incomplete };
const std::map<std::string, Difference> deliberate = {
    {"response/sample:40", Difference::refused},              // RTSP/1.1 is not HTTP
    {"response/sample:60", Difference::refused},              // ICE/1.1 is not HTTP
    {"response/content-length:123", Difference::incomplete},  // its user says that the announced content is not there
};

void checkMessages(const Json& expected, const ResponseTranscript& got) {
  std::size_t i = 0;
  for (const Json& want : expected.array) {
    if (want["status"].isNull()) break;  // of a head that has not ended, llhttp tells parts
    BOOST_REQUIRE_LT(i, got.messages.size());
    const ReadResponse& have = got.messages[i++];
    BOOST_TEST(have.status == static_cast<int>(want["status"].number));
    BOOST_TEST(have.reason == want["reason"].string);
    BOOST_TEST(have.body == want["body"].string);
    BOOST_REQUIRE_EQUAL(have.fields.size(), want["headers"].array.size());
    for (std::size_t f = 0; f < have.fields.size(); ++f) {
      BOOST_TEST(have.fields[f].first == want["headers"].array[f].array[0].string);
      BOOST_TEST(have.fields[f].second == trimWhitespace(want["headers"].array[f].array[1].string));
    }
    if (want["complete"].number == 1) BOOST_TEST(have.complete);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(strict_responses_of_llhttp_give_the_messages_or_the_error_of_the_corpus) {
  std::ifstream file(BIGHT_CASES "/llhttp.json", std::ios::binary);
  BOOST_REQUIRE_MESSAGE(file, "cannot read " BIGHT_CASES "/llhttp.json");
  std::ostringstream text;
  text << file.rdbuf();
  int strict = 0, lenient = 0, lenientRefused = 0;
  for (Json& one : Json::parse(text.str()).array) {
    const std::string& mode = one["mode"].string;
    if (!mode.starts_with("response")) continue;
    BOOST_TEST_CONTEXT(one["id"].string << " " << one["name"].string) {
      const ResponseTranscript got = inAllCuts(one["input"].string);
      if (mode != "response" && mode != "response-finish") {  // there is no lenient mode
        ++lenient;
        lenientRefused += got.refused;
        continue;
      }
      ++strict;
      if (auto other = deliberate.find(one["id"].string); other != deliberate.end()) {
        if (other->second == Difference::refused) BOOST_TEST(got.refused);
        if (other->second == Difference::incomplete) BOOST_TEST(got.unfinished);
        continue;
      }
      const Json& error = one["error"];
      const int code = error.isNull() ? 0 : static_cast<int>(error["code"].number);
      if (code == 22) {  // an upgrade: what follows is not HTTP
        BOOST_TEST(got.messages.back().upgrade);
        BOOST_TEST(got.closed);
      } else if (code == 5) {  // data behind "Connection: close"
        BOOST_TEST(got.closed);
      } else if (code != 0) {
        BOOST_TEST(got.refused, got);
        continue;
      } else {
        BOOST_TEST(!got.refused, got);
      }
      checkMessages(one["messages"], got);
    }
  }
  BOOST_TEST(strict == 77);
  BOOST_TEST(lenient == 8);
  BOOST_TEST(lenientRefused == 5);
}

BOOST_AUTO_TEST_CASE(the_framing_depends_on_what_is_answered) {
  const std::string_view both =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 7\r\n\r\n";
  const ResponseTranscript head = inAllCuts(both, Request::head);
  BOOST_REQUIRE_EQUAL(head.messages.size(), 2u);
  BOOST_TEST(head.messages[1].status == 404);
  BOOST_TEST(head.idle);
  BOOST_TEST(!head.unfinished);
  const ResponseTranscript tunnel =
      inAllCuts("HTTP/1.1 200 Connected\r\nContent-Length: 5\r\n\r\n\x16\x03", Request::connect);
  BOOST_TEST(tunnel.messages.at(0).upgrade);
  BOOST_TEST(tunnel.messages.at(0).complete);
  BOOST_TEST(tunnel.closed);
  const ResponseTranscript refused = inAllCuts("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno", Request::connect);
  BOOST_TEST(refused.messages.at(0).body == "no");
  const ResponseTranscript cut = inAllCuts("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP");
  BOOST_TEST(cut.unfinished);
  BOOST_TEST(cut.messages.at(0).body == "HTTP");
  const ResponseTranscript untilEnd = inAllCuts("HTTP/1.1 200 OK\r\n\r\nall");
  BOOST_TEST(!untilEnd.unfinished);
  BOOST_TEST(!untilEnd.messages.at(0).complete);  // says the connection
  BOOST_TEST(!untilEnd.messages.at(0).keepAlive);
  const ResponseTranscript interim =
      inAllCuts("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  BOOST_REQUIRE_EQUAL(interim.messages.size(), 2u);
  BOOST_TEST(interim.messages[1].body == "ok");
  const ResponseTranscript chunks = inAllCuts(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nEtag: x\r\n\r\nHTTP/1.1 204 "
      "No\r\n\r\n");
  BOOST_REQUIRE_EQUAL(chunks.messages.size(), 2u);
  BOOST_TEST(chunks.messages[0].trailers.at(0).second == "x");
  BOOST_TEST(chunks.messages[1].trailers.empty());
}

BOOST_AUTO_TEST_CASE(folded_fields_are_unfolded) {  // RFC 9112, 5.2
  const ResponseTranscript got = inAllCuts(
      "HTTP/1.1 200 OK\r\nA: one\r\n two\r\n\t three \r\nB:\r\n  only\r\nContent-Length: 2\r\nC: x\r\n \r\n\r\nok");
  BOOST_TEST(!got.refused, got);
  const ReadResponse& m = got.messages.at(0);
  BOOST_REQUIRE_EQUAL(m.fields.size(), 4u);
  BOOST_TEST(m.fields[0].second == "one   two  \t three");
  BOOST_TEST(m.fields[1].second == "only");
  BOOST_TEST(m.fields[3].second == "x");
  BOOST_TEST(m.body == "ok");
  BOOST_TEST(refusal("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\nok") == "The Content-Length is not a number.");
  const ResponseTranscript trailers =
      inAllCuts("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n b\r\nY: c\r\n\r\n");
  BOOST_REQUIRE_EQUAL(trailers.messages.at(0).trailers.size(), 2u);
  BOOST_TEST(trailers.messages[0].trailers[0].second == "a   b");
}

BOOST_AUTO_TEST_CASE(what_two_readers_could_frame_differently_is_refused) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  BOOST_TEST(refusal(ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx") ==
             "There is more than one Content-Length.");
  BOOST_TEST(refusal(ok + "Content-Length: 1, 1\r\n\r\nx") == "The Content-Length is not a number.");
  BOOST_TEST(refusal(ok + "Content-Length: -1\r\n\r\n") == "The Content-Length is not a number.");
  BOOST_TEST(refusal(ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n") ==
             "Content-Length and Transfer-Encoding exclude each other.");
  BOOST_TEST(refusal("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") ==
             "Transfer-Encoding does not exist in HTTP/1.0.");
  BOOST_TEST(refusal(ok + "Transfer-Encoding: chunked, chunked\r\n\r\n") ==
             "The transfer coding \"chunked\" must be the last, and only once.");
  BOOST_TEST(refusal(ok + "A : b\r\n\r\n") == "There is white space in or after the name of a header field.");
  BOOST_TEST(refusal(ok + " A: b\r\n\r\n") ==
             "A line of the header begins with white space; folded lines are not accepted.");
  BOOST_TEST(refusal("HTTP/2.0 200 OK\r\n\r\n") == "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  BOOST_TEST(refusal("HTTP/1.1 099 OK\r\n\r\n") == "The status is not a number from 100.");
  BOOST_TEST(refusal("HTTP/1.1 2000 OK\r\n\r\n") == "The status is not a number of three digits and a space.");
  Limits small = ResponseParser::defaultLimits();
  small.requestLine = 20;
  small.fieldLine = 16;
  small.body = 4;
  const auto limited = [&](const std::string& bytes) { return inAllCuts(bytes, Request::other, small).sentence; };
  BOOST_TEST(limited("HTTP/1.1 200 A very long phrase") == "The status line is too long.");
  BOOST_TEST(limited(ok + "A: 1234567890123\r\n\r\n") == "The header fields are too long.");
  BOOST_TEST(limited(ok + "A: 1\r\n 2\r\n 3\r\n 4\r\n\r\n") == "The header fields are too long.");
  BOOST_TEST(limited(ok + "Content-Length: 5\r\n\r\n").empty() == false);
}

BOOST_AUTO_TEST_SUITE_END()
