#include <bight/http/parser.hpp>

#include <ostream>
#include <string>
#include <vector>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "transcript.hpp"

BOOST_AUTO_TEST_SUITE(RequestParserTest)

using namespace bight::http;
using bight::http::testcases::Transcript;

namespace {

Transcript readAll(std::string_view bytes, const RequestParser::Options& options = {}) {
  return bight::http::testcases::readInAllCuts(bytes, options, [](auto& whole, auto& cut, const std::string& how) {
    BOOST_ERROR("cut " << how << ": " << cut << "\ninstead of " << whole);
  });
}

struct Refused {
  int status;
  std::string bytes;
  friend std::ostream& operator<<(std::ostream& out, const Refused& r) { return out << r.status << " for " << r.bytes; }
};

using namespace std::string_literals;
const std::string host = "Host: a\r\n";
const std::string get = "GET / HTTP/1.1\r\n" + host;
const std::string post = "POST / HTTP/1.1\r\n" + host;
const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";

// Each of these could mean two things to two programs in a row, or means nothing at all.
const std::vector<Refused> refusals = {
    // the request line
    {400, " GET / HTTP/1.1\r\n"},
    {400, "GET  / HTTP/1.1\r\n"},
    {400, "GET /  HTTP/1.1\r\n"},
    {400, "GET\t/ HTTP/1.1\r\n"},
    {400, "G(T / HTTP/1.1\r\n"},
    {400, "GET / HTTP/1.1 \r\n"},
    {400, "GET / HTTP/1.1\n"},
    {400, "GET / HTTP/1.1\r\r\n"},
    {400, "GET / http/1.1\r\n"},
    {400, "GET / HTTP/1.\r\n"},
    {400, "GET / HTTP/1.1.1\r\n"},
    {400, "GET / HTTPS/1.1\r\n"},
    {400, "GET /\r\n"},
    {400, "GET /\x80 HTTP/1.1\r\n"},
    {400, "GET /\0 HTTP/1.1\r\n"s},
    {400, "\rGET / HTTP/1.1\r\n"},
    {400, "\nGET / HTTP/1.1\r\n"},
    {505, "GET / HTTP/0.9\r\n"},
    {505, "GET / HTTP/2.0\r\n"},
    {505, "GET / HTTP/9.9\r\n"},
    {505, "PRI * HTTP/1.1\r\n"},
    {501, std::string(33, 'A') + " / HTTP/1.1\r\n"},
    // the target
    {400, "GET foo HTTP/1.1\r\n" + host + "\r\n"},
    {400, "GET http:/foo HTTP/1.1\r\n" + host + "\r\n"},
    {400, "GET http:///foo HTTP/1.1\r\n" + host + "\r\n"},
    {400, "GET http://a@b@c/ HTTP/1.1\r\n" + host + "\r\n"},
    {400, "GET http://a\\@b/ HTTP/1.1\r\n" + host + "\r\n"},
    {400, "GET http://:80/ HTTP/1.1\r\n" + host + "\r\n"},
    {400, "GET 1http://a/ HTTP/1.1\r\n" + host + "\r\n"},
    {400, "GET a:80 HTTP/1.1\r\n" + host + "\r\n"},
    {400, "GET ** HTTP/1.1\r\n" + host + "\r\n"},
    {400, "CONNECT /foo HTTP/1.1\r\n" + host + "\r\n"},
    {400, "CONNECT a HTTP/1.1\r\n" + host + "\r\n"},
    {400, "CONNECT a: HTTP/1.1\r\n" + host + "\r\n"},
    {400, "CONNECT http://a:80/ HTTP/1.1\r\n" + host + "\r\n"},
    // Host
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET http://a/ HTTP/1.1\r\n\r\n"},
    {400, get + host + "\r\n"},
    {400, "GET / HTTP/1.0\r\n" + host + host + "\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: []\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: [abc]\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: [1::2::3]\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: [v1]\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: [vg.x]\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a[::1]\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a%2\r\n\r\n"},
    // fields
    {400, get + " X: 1\r\n\r\n"},
    {400, get + "\tX: 1\r\n\r\n"},
    {400, get + "X : 1\r\n\r\n"},
    {400, get + "X\t: 1\r\n\r\n"},
    {400, get + "X Y: 1\r\n\r\n"},
    {400, get + ": 1\r\n\r\n"},
    {400, get + "X\r\n\r\n"},
    {400, get + "X: 1\r\n 2\r\n\r\n"},
    {400, get + "X: 1\n\r\n"},
    {400, get + "X: 1\r2\r\n\r\n"},
    {400, get + "X: 1\0\r\n\r\n"s},
    {400, get + "X: 1\x0b\r\n\r\n"},
    {400, get + "X: 1\x7f\r\n\r\n"},
    {400, get + "X\x80: 1\r\n\r\n"},
    {400, get + "X\0: 1\r\n\r\n"s},
    {400, get + "\n"},
    {400, get + "\r\r\n"},
    {400, get + "\rX"},
    // Content-Length
    {400, post + "Content-Length: \r\n\r\n"},
    {400, post + "Content-Length: +1\r\n\r\n"},
    {400, post + "Content-Length: -1\r\n\r\n"},
    {400, post + "Content-Length: 0x1\r\n\r\n"},
    {400, post + "Content-Length: 1.0\r\n\r\n"},
    {400, post + "Content-Length: 1 1\r\n\r\n"},
    {400, post + "Content-Length: 1,1\r\n\r\n"},
    {400, post + "Content-Length: 1, 1\r\n\r\n"},
    {400, post + "Content-Length: \"1\"\r\n\r\n"},
    {400, post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
    {400, post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
    {400, post + "Content-Length: 0\r\ncontent-length: 0\r\n\r\n"},
    {413, post + "Content-Length: 18446744073709551616\r\n\r\n"},
    {413, post + "Content-Length: 99999999999999999999999\r\n\r\n"},
    {413, post + "Content-Length: 1048577\r\n\r\n"},
    // Transfer-Encoding
    {400, post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"},
    {400, post + "Content-Length: 0\r\nTransfer-Encoding: identity\r\n\r\n"},
    {400, post + "Transfer-Encoding:\r\n\r\n"},
    {400, post + "Transfer-Encoding: ,\r\n\r\n"},
    {400, post + "Transfer-Encoding: chunked, chunked\r\n\r\n"},
    {400, post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, post + "Transfer-Encoding: chunked, gzip\r\n\r\n"},
    {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {501, post + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
    {501, post + "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {501, post + "Transfer-Encoding: identity\r\n\r\n"},
    {501, post + "Transfer-Encoding: xchunked\r\n\r\n"},
    {501, post + "Transfer-Encoding: chunked;q=1\r\n\r\n"},
    {501, post + "Transfer-Encoding: \"chunked\"\r\n\r\n"},
    {400, post + "Transfer-Encoding : chunked\r\n\r\n"},
    {400, post + "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n"},
    // chunks
    {400, chunked + "\r\n"},
    {400, chunked + "x\r\n"},
    {400, chunked + "-1\r\n"},
    {400, chunked + "0x1\r\n"},
    {400, chunked + " 1\r\na\r\n"},
    {400, chunked + "1 \r\na\r\n"},
    {400, chunked + "1\na\r\n"},
    {400, chunked + "1\r\ra\r\n"},
    {400, chunked + "1\r\nab\r\n"},
    {400, chunked + "1\r\na\n"},
    {400, chunked + "1\r\na\rb"},
    {400, chunked + "00000000000000001\r\n"},
    {413, chunked + "ffffffffffffffff\r\n"},
    {413, chunked + "100001\r\n"},
    {400, chunked + "1;\r\n"},
    {400, chunked + "1 ;\r\n"},
    {400, chunked + "1;a \r\n"},
    {400, chunked + "1;a=b \r\n"},
    {400, chunked + "1;a=\"b\" \r\n"},
    {400, chunked + "1;a b\r\n"},
    {400, chunked + "1;a=\r\n"},
    {400, chunked + "1;a=b c\r\n"},
    {400, chunked + "1;a=\"b\r\n"},
    {400, chunked + "1;a=\"b\"c\r\n"},
    {400, chunked + "1;a\n"},
    {400, chunked + ";a\r\n"},
    {413, chunked + "1;" + std::string(1100, 'a')},
    {400, chunked + "0\r\nX : 1\r\n"},
    {400, chunked + "0\r\n X: 1\r\n"},
    {400, chunked + "0\r\n\n"},
    {431, chunked + "0\r\nX: " + std::string(8200, 'a')},
    // Expect
    {417, post + "Expect: the-unexpected\r\n\r\n"},
    {417, post + "Expect:\r\n\r\n"},
    // too many empty lines
    {400, "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"},
};

}  // namespace

BOOST_DATA_TEST_CASE(what_is_malformed_is_refused_with_the_fitting_status_in_every_cut, refusals) {
  const Transcript got = readAll(sample.bytes);
  BOOST_TEST(got.status == sample.status);
  BOOST_TEST(!got.sentence.empty());
  BOOST_TEST(got.sentence.back() == '.');
  for (const auto& message : got.messages) BOOST_TEST(!message.complete);
}

BOOST_AUTO_TEST_CASE(a_request_is_read_with_all_its_parts) {
  const Transcript got = readAll(
      "PUT /a%20b?c=d?e#f HTTP/1.1\r\nHost: example.org:8000\r\nX-Empty:\r\nx-tabs:\t1\t\r\nContent-Length: "
      "3\r\n\r\nabc");
  BOOST_TEST(got.status == 0, got);
  BOOST_REQUIRE(got.messages.size() == 1);
  const auto& m = got.messages[0];
  BOOST_TEST(m.method == "PUT");
  BOOST_TEST(m.target == "/a%20b?c=d?e#f");
  BOOST_TEST(m.path == "/a%20b");
  BOOST_TEST(m.query == "c=d?e");
  BOOST_TEST(m.host == "example.org:8000");
  BOOST_TEST(m.minorVersion == 1);
  BOOST_REQUIRE(m.fields.size() == 4);
  BOOST_TEST(m.fields[1].first == "X-Empty");
  BOOST_TEST(m.fields[1].second == "");
  BOOST_TEST(m.fields[2].second == "1");
  BOOST_TEST(m.body == "abc");
  BOOST_TEST(m.complete);
  BOOST_TEST(got.idle);
}

BOOST_AUTO_TEST_CASE(an_absolute_target_gives_the_host_and_its_path_may_be_empty) {
  const auto first = [](std::string_view target) {
    const Transcript got = readAll("GET " + std::string(target) + " HTTP/1.1\r\nHost: other\r\n\r\n");
    BOOST_REQUIRE(got.messages.size() == 1);
    return got.messages[0];
  };
  BOOST_TEST(first("http://a.org/x?y").host == "a.org");
  BOOST_TEST(first("http://a.org/x?y").path == "/x");
  BOOST_TEST(first("http://a.org:80?y").host == "a.org:80");
  BOOST_TEST(first("http://a.org?y").path == "/");
  BOOST_TEST(first("http://a.org?y").query == "y");
  BOOST_TEST(first("http://[::1]:80").host == "[::1]:80");
  BOOST_TEST(first("http://user:pass@a.org/").host == "a.org");
  BOOST_TEST(first("*").path == "*");
  BOOST_TEST(first("*").host == "other");
}

BOOST_AUTO_TEST_CASE(whether_the_connection_goes_on_follows_version_and_options) {
  const auto keepAlive = [](std::string_view version, std::string_view connection) {
    const Transcript got = readAll("GET / HTTP/" + std::string(version) +
                                   "\r\nHost: a\r\nConnection: " + std::string(connection) + "\r\n\r\n");
    BOOST_REQUIRE(got.messages.size() == 1);
    BOOST_TEST(got.closed == !got.messages[0].keepAlive);
    return got.messages[0].keepAlive;
  };
  BOOST_TEST(keepAlive("1.1", "x"));
  BOOST_TEST(!keepAlive("1.1", "close"));
  BOOST_TEST(!keepAlive("1.1", "x, CLOSE , keep-alive"));
  BOOST_TEST(!keepAlive("1.0", "x"));
  BOOST_TEST(keepAlive("1.0", "Keep-Alive"));
  BOOST_TEST(!keepAlive("1.0", "keep-alive, close"));
  BOOST_TEST(keepAlive("1.2", "x"));  // a later minor version is 1.1 to us
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_read_one_after_the_other) {
  const Transcript got =
      readAll(post + "Content-Length: 2\r\n\r\nab" + "\r\n" + chunked + "1\r\nc\r\n0\r\nX-T: v\r\n\r\n" + get + "\r\n");
  BOOST_TEST(got.status == 0, got);
  BOOST_REQUIRE(got.messages.size() == 3);
  BOOST_TEST(got.messages[0].body == "ab");
  BOOST_TEST(got.messages[1].body == "c");
  BOOST_REQUIRE(got.messages[1].trailers.size() == 1);
  BOOST_TEST(got.messages[1].trailers[0].second == "v");
  BOOST_TEST(got.messages[1].fields.size() == 2);  // a trailer is never taken for a header field
  BOOST_TEST(got.messages[2].method == "GET");
}

BOOST_AUTO_TEST_CASE(white_space_around_the_signs_of_a_chunk_extension_is_borne) {
  // RFC 9112, 7.1.1: BWS, which is to be parsed (RFC 9110, 5.6.3).
  const Transcript got = readAll(chunked + "3 ; x = y ;z\t; w\t=\"q ;\"\r\nabc\r\n0 ;end\r\n\r\n");
  BOOST_TEST(got.status == 0, got.sentence);
  BOOST_REQUIRE_EQUAL(got.messages.size(), 1U);
  BOOST_TEST(got.messages[0].complete);
  BOOST_TEST(got.messages[0].body == "abc");
}

BOOST_AUTO_TEST_CASE(nothing_is_read_after_the_last_request_of_a_connection) {
  const Transcript got = readAll(get + "Connection: close\r\n\r\n" + "GET /smuggled HTTP/1.1\r\n" + host + "\r\n");
  BOOST_TEST(got.messages.size() == 1);
  BOOST_TEST(got.closed);
}

BOOST_AUTO_TEST_CASE(upgrades_and_connect_are_passed_on) {
  BOOST_TEST(readAll(get + "Connection: upgrade\r\nUpgrade: ws\r\n\r\nanything").messages[0].upgrade);
  BOOST_TEST(!readAll(get + "Upgrade: ws\r\n\r\n").messages[0].upgrade);
  BOOST_TEST(!readAll(get + "Connection: upgrade\r\n\r\n").messages[0].upgrade);
  BOOST_TEST(!readAll("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: ws\r\n\r\n").messages[0].upgrade);
  const Transcript tunnel = readAll("CONNECT a:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
  BOOST_TEST(tunnel.messages[0].upgrade);
  BOOST_TEST(tunnel.messages[0].host == "a:443");
  BOOST_TEST(tunnel.messages[0].body == "");  // has none, whatever it says
  const Transcript other = readAll("CONNECT a:443 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  BOOST_TEST(other.messages[0].trailers.empty());
}

BOOST_AUTO_TEST_CASE(the_expectation_of_an_old_client_is_ignored) {
  BOOST_TEST(readAll(post + "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n").messages[0].expectContinue);
  BOOST_TEST(
      !readAll("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").messages[0].expectContinue);
}

BOOST_AUTO_TEST_CASE(an_end_of_the_stream_is_welcome_only_between_requests) {
  BOOST_TEST(!readAll("").unfinished);
  BOOST_TEST(!readAll("\r\n").unfinished);
  BOOST_TEST(!readAll(get + "\r\n").unfinished);
  BOOST_TEST(readAll("G").unfinished);
  BOOST_TEST(readAll(get).unfinished);
  BOOST_TEST(readAll(post + "Content-Length: 2\r\n\r\na").unfinished);
  BOOST_TEST(readAll(chunked + "1\r\na\r\n0\r\n").unfinished);
}

BOOST_AUTO_TEST_CASE(limits_cut_at_the_byte) {
  RequestParser::Options options;
  options.limits = {.requestLine = 20, .fieldLine = 12, .head = 60, .fields = 3, .body = 4, .chunkExtensions = 5};
  const auto status = [&](const std::string& bytes) { return readAll(bytes, options).status; };
  BOOST_TEST(status("GET /1234 HTTP/1.1\r\nHost: a\r\n\r\n") == 0);  // 20 bytes
  BOOST_TEST(status("GET /12345 HTTP/1.1\r\nHost: a\r\n\r\n") == 414);
  BOOST_TEST(status("GET /1234567890123456") == 414);
  BOOST_TEST(status(get + "X: 1234567\r\n\r\n") == 0);  // 12 bytes
  BOOST_TEST(status(get + "X: 12345678\r\n\r\n") == 431);
  BOOST_TEST(status(get + "X: 123456789") == 431);
  BOOST_TEST(status(get + "A: 1\r\nB: 2\r\n\r\n") == 0);
  BOOST_TEST(status(get + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n") == 431);
  BOOST_TEST(status(post + "Content-Length: 4\r\n\r\n1234") == 431);  // its line is longer than 12
  options.limits.fieldLine = 40;
  BOOST_TEST(status(post + "Content-Length: 4\r\n\r\n1234") == 0);
  BOOST_TEST(status(post + "Content-Length: 5\r\n\r\n12345") == 413);
  options.limits.head = 56;
  BOOST_TEST(status(chunked + "2\r\n12\r\n2;a=b\r\n34\r\n0\r\n\r\n") == 0);
  BOOST_TEST(status(chunked + "2\r\n12\r\n3\r\n345\r\n0\r\n\r\n") == 413);
  BOOST_TEST(status(chunked + "2;a=b\r\n12\r\n2;cd\r\n") == 413);
  options.limits.head = 55;
  BOOST_TEST(status(chunked) == 431);
}

BOOST_AUTO_TEST_CASE(limits_that_make_no_sense_are_refused_at_once) {
  BOOST_CHECK_THROW(RequestParser({.limits = {.head = 65536}}), std::invalid_argument);
  BOOST_CHECK_THROW(RequestParser({.limits = {.requestLine = 0}}), std::invalid_argument);
  BOOST_CHECK_THROW(RequestParser({.limits = {.fields = 0}}), std::invalid_argument);
  BOOST_CHECK_NO_THROW(RequestParser({.limits = {.body = 0}}));
}

BOOST_AUTO_TEST_CASE(a_whole_head_is_not_copied) {
  RequestParser parser;
  const std::string bytes = get + "\r\n";
  std::string_view input = bytes;
  BOOST_REQUIRE(parser.next(input) == RequestParser::Event::head);
  BOOST_TEST(static_cast<const void*>(parser.head().raw.data()) == static_cast<const void*>(bytes.data()));
  BOOST_TEST(parser.head().raw == bytes);
}

BOOST_AUTO_TEST_CASE(a_parser_is_as_new_after_a_reset) {
  RequestParser parser;
  for (const std::string& broken : {get, chunked + "1;", std::string("x y z"), std::string("\r")}) {
    std::string_view input = broken;
    while (parser.next(input) == RequestParser::Event::head) {
    }
    parser.reset();
    BOOST_TEST(parser.idle());
    const std::string whole = get + "\r\n";
    input = whole;
    BOOST_REQUIRE(parser.next(input) == RequestParser::Event::head);
    BOOST_TEST(parser.head().fields.size() == 1);
    BOOST_REQUIRE(parser.next(input) == RequestParser::Event::end);
    BOOST_TEST(parser.idle());
  }
}

BOOST_AUTO_TEST_CASE(a_refusal_stays) {
  RequestParser parser;
  std::string_view input = "x\r\n";
  BOOST_REQUIRE(parser.next(input) == RequestParser::Event::refused);
  const std::string whole = get + "\r\n";
  input = whole;
  BOOST_TEST((parser.next(input) == RequestParser::Event::refused));
  BOOST_TEST(parser.refusal().status == 400);
}

BOOST_AUTO_TEST_SUITE_END()
