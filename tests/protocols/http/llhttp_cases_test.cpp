#include <bight/http/parser.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include <bight/http/syntax.hpp>

#include "cases_path.hpp"
#include "json_reader.hpp"
#include "transcript.hpp"

BOOST_AUTO_TEST_SUITE(LlhttpCases)

using namespace bight::http;
using bight::http::testcases::ReadMessage;
using bight::http::testcases::Transcript;
using bight::testcases::Json;

namespace {

std::vector<Json> requestCases() {
  std::ifstream file(BIGHT_CASES "/llhttp.json", std::ios::binary);
  BOOST_REQUIRE_MESSAGE(file, "cannot read " BIGHT_CASES "/llhttp.json");
  std::ostringstream text;
  text << file.rdbuf();
  std::vector<Json> requests;
  for (Json& one : Json::parse(text.str()).array) {
    if (one["mode"].string.starts_with("request")) requests.push_back(std::move(one));
  }
  return requests;
}

// llhttp knows no Host rule, and hands codings before the final "chunked" on to its user: here the parser is told to do
// the same.
RequestParser::Options asLlhttp() {
  RequestParser::Options options;
  options.requireHost = false;
  options.onlyChunked = false;
  return options;
}

// Strict cases in which we deliberately differ: what llhttp does, and the status with which we refuse (0: we read it).
const std::map<std::string, int> deliberate = {
    {"request/sample:314", 400},        // a request line without a version: HTTP/0.9 is gone (RFC 9112, 2.3)
    {"request/method:372", 400},        // ICE/1.0 is not HTTP
    {"request/method:400", 400},        // RTSP/1.0 is not HTTP
    {"request/method:430", 400},        // RTSP/1.0 is not HTTP
    {"request/invalid:66", 0},          // any token is a method; the resource answers 405 or 501 (RFC 9110, 9.1)
    {"request/invalid:356", 0},         // the same
    {"request/content-length:444", 0},  // llhttp's user says "no content comes" for a request that announces some
};

void checkMessages(const Json& expected, const Transcript& got, bool onlyComplete) {
  std::size_t i = 0;
  for (const Json& want : expected.array) {
    if (i >= got.messages.size()) break;
    const ReadMessage& have = got.messages[i++];
    if (onlyComplete && !have.complete) continue;
    BOOST_TEST(have.method == want["method"].string);
    BOOST_TEST(have.target == want["url"].string);
    BOOST_TEST("1." + std::to_string(have.minorVersion) == want["version"].string);
    BOOST_TEST(have.body == want["body"].string);
    BOOST_REQUIRE_EQUAL(have.fields.size(), want["headers"].array.size());
    for (std::size_t f = 0; f < have.fields.size(); ++f) {
      BOOST_TEST(have.fields[f].first == want["headers"].array[f].array[0].string);
      BOOST_TEST(have.fields[f].second == trimWhitespace(want["headers"].array[f].array[1].string));
    }
    if (!have.complete) continue;
    BOOST_REQUIRE_EQUAL(have.trailers.size(), want["trailers"].array.size());
    for (std::size_t f = 0; f < have.trailers.size(); ++f) {
      BOOST_TEST(have.trailers[f].first == want["trailers"].array[f].array[0].string);
      BOOST_TEST(have.trailers[f].second == trimWhitespace(want["trailers"].array[f].array[1].string));
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(strict_requests_give_the_messages_or_the_error_of_the_corpus) {
  enum { pauseForUpgrade = 22, dataAfterClose = 5 };
  int strict = 0, differing = 0;
  for (const Json& one : requestCases()) {
    const std::string& mode = one["mode"].string;
    if (mode != "request" && mode != "request-finish") continue;
    ++strict;
    BOOST_TEST_CONTEXT(one["id"].string << " " << one["name"].string) {
      const Transcript got = bight::http::testcases::readInAllCuts(
          one["input"].string, asLlhttp(), [](auto& whole, auto& cut, const std::string& how) {
            BOOST_ERROR("cut " << how << ": " << cut << "\ninstead of " << whole);
          });
      if (auto other = deliberate.find(one["id"].string); other != deliberate.end()) {
        BOOST_TEST(got.status == other->second);
        ++differing;
        continue;
      }
      const Json& error = one["error"];
      const int code = error.isNull() ? 0 : static_cast<int>(error["code"].number);
      if (code == pauseForUpgrade) {
        BOOST_TEST(got.status == 0);
        BOOST_REQUIRE(!got.messages.empty());
        BOOST_TEST(got.messages.back().upgrade);
        BOOST_TEST(got.messages.back().complete);
        BOOST_TEST(got.used <= one["input"].string.size());
        checkMessages(one["messages"], got, false);
      } else if (code == dataAfterClose) {
        BOOST_TEST(got.status == 0);
        BOOST_TEST(got.closed);
        BOOST_TEST(got.messages.size() == one["messages"].array.size());
        checkMessages(one["messages"], got, false);
      } else if (code != 0) {
        BOOST_TEST(got.status >= 400);
        checkMessages(one["messages"], got, true);
      } else {
        BOOST_TEST(got.status == 0, got);
        std::size_t heads = one["messages"].array.size();
        if (got.messages.size() != heads) --heads;  // of a head that has not ended, llhttp tells parts
        BOOST_TEST(got.messages.size() == heads);
        checkMessages(one["messages"], got, false);
        if (!one["finish"].isNull()) BOOST_TEST(got.unfinished == (one["finish"].number == 2));
      }
    }
  }
  BOOST_TEST(strict == 137);
  BOOST_TEST(differing == static_cast<int>(deliberate.size()));
}

// There is no lenient mode: what llhttp accepts only then is refused here, or (where the leniency is not needed) read
// in the same way.
BOOST_AUTO_TEST_CASE(lenient_requests_are_refused_or_read_alike_in_every_cut) {
  int refused = 0, read = 0;
  for (const Json& one : requestCases()) {
    if (!one["mode"].string.starts_with("request-lenient")) continue;
    BOOST_TEST_CONTEXT(one["id"].string << " " << one["name"].string) {
      const Transcript got = bight::http::testcases::readInAllCuts(
          one["input"].string, asLlhttp(), [](auto& whole, auto& cut, const std::string& how) {
            BOOST_ERROR("cut " << how << ": " << cut << "\ninstead of " << whole);
          });
      if (got.status) {
        ++refused;
      } else {
        ++read;
        checkMessages(one["messages"], got, false);
      }
    }
  }
  BOOST_TEST(refused == 27);
  BOOST_TEST(read == 2);
}

// With what a server uses, the corpus is refused for its missing Host fields, or read as before once it has one.
BOOST_AUTO_TEST_CASE(with_the_defaults_a_missing_host_is_400_and_an_unknown_coding_501) {
  for (const Json& one : requestCases()) {
    if (one["mode"].string != "request") continue;
    BOOST_TEST_CONTEXT(one["id"].string << " " << one["name"].string) {
      const Transcript lax = bight::http::testcases::read(one["input"].string, {}, asLlhttp());
      const Transcript strict = bight::http::testcases::read(one["input"].string, {}, {});
      if (lax.status == 0 && lax.messages.size() == 1 && lax.messages[0].minorVersion == 1 &&
          lax.messages[0].complete) {
        const bool hasHost = std::any_of(lax.messages[0].fields.begin(), lax.messages[0].fields.end(),
                                         [](const auto& f) { return equalsIgnoringCase(f.first, "host"); });
        if (!hasHost) BOOST_TEST(strict.status == 400);
      }
      if (one["id"].string == "request/transfer-encoding:751") {
        const std::string withHost =
            std::string(one["input"].string).insert(one["input"].string.find("Accept"), "Host: a\r\n");
        BOOST_TEST(bight::http::testcases::read(withHost, {}, {}).status == 501);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
