// Boost.Beast's parser as a second opinion: what we read, it reads in the same way. (It reads more than we do; that is no news.)
#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/test/unit_test.hpp>

#include <bight/http/syntax.hpp>

#include "cases_path.hpp"
#include "json_reader.hpp"
#include "transcript.hpp"

namespace beast = boost::beast::http;
using namespace bight::http;
using testcases::ReadMessage;

namespace {

// The first message as Beast reads it; incomplete if it did not get to its end.
ReadMessage asBeast(std::string_view bytes, std::string& error) {
  beast::request_parser<beast::string_body> parser;
  parser.eager(true);
  boost::beast::error_code code;
  std::size_t used = 0;
  while (!parser.is_done() && used < bytes.size()) {
    const std::size_t n = parser.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), code);
    used += n;
    if (code == beast::error::need_more) {
      code = {};
      if (n == 0) break;
    }
    if (code) break;
  }
  if (code) error = code.message();
  ReadMessage m;
  m.complete = parser.is_done();
  m.method = std::string(parser.get().method_string());
  m.target = std::string(parser.get().target());
  m.minorVersion = static_cast<int>(parser.get().version() % 10);
  m.keepAlive = parser.get().keep_alive();
  m.body = parser.get().body();
  for (const auto& f : parser.get()) m.fields.emplace_back(std::string(f.name_string()), std::string(f.value()));
  return m;
}

using FieldList = std::vector<std::pair<std::string, std::string>>;

// In order of their names, fields of one name as they came. (std::stable_sort is deprecated to the eyes of clang with this library.)
FieldList byName(const FieldList& fields) {
  std::multimap<std::string, std::string> sorted;
  for (auto [name, value] : fields) {
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    sorted.emplace(std::move(name), std::move(value));
  }
  return {sorted.begin(), sorted.end()};
}

void compare(const std::string& bytes, const RequestParser::Options& options) {
  const testcases::Transcript ours = testcases::read(bytes, {}, options);
  if (ours.messages.empty() || !ours.messages[0].complete || ours.messages[0].method == "CONNECT") return;
  const ReadMessage& mine = ours.messages[0];
  std::string error;
  const ReadMessage theirs = asBeast(bytes, error);
  BOOST_TEST_CONTEXT("reading\n" << bytes << "\nBeast says " << error) {
    BOOST_TEST(theirs.complete);
    BOOST_TEST(theirs.method == mine.method);
    BOOST_TEST(theirs.target == mine.target);
    BOOST_TEST(theirs.minorVersion == mine.minorVersion);
    BOOST_TEST(theirs.keepAlive == mine.keepAlive);
    BOOST_TEST(theirs.body == mine.body);
    // Beast puts the trailers behind the fields, and fields of one name together.
    auto all = mine.fields;
    all.insert(all.end(), mine.trailers.begin(), mine.trailers.end());
    BOOST_TEST((byName(theirs.fields) == byName(all)));
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(BeastOracle)

BOOST_AUTO_TEST_CASE(what_we_read_of_the_corpus_beast_reads_alike) {
  std::ifstream file(BIGHT_CASES "/llhttp.json", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  for (const auto& one : bight::testcases::Json::parse(text.str()).array) {
    if (!one["mode"].string.starts_with("request")) continue;
    std::string_view bytes = one["input"].string;
    while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);  // Beast does not skip empty lines
    RequestParser::Options options;
    options.requireHost = false;
    compare(std::string(bytes), options);
  }
}

BOOST_AUTO_TEST_CASE(what_we_read_of_random_requests_beast_reads_alike) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const auto of = [&](std::string_view alphabet, std::size_t most) {
    std::string out;
    for (std::size_t n = 1 + below(most); n > 0; --n) out += alphabet[below(alphabet.size())];
    return out;
  };
  int complete = 0;
  BOOST_TEST_CONTEXT("seed " << seed) {
    for (int i = 0; i < 3000; ++i) {
      std::string bytes =
          of("GETPOS-!~^", 8) + " /" + of("abc/%20?=&#.~", 30) + (below(6) ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
      const bool old = bytes.find("1.0\r") != std::string::npos;
      bytes += "Host: " + of("abc.-09", 12) + (below(2) ? ":80\r\n" : "\r\n");
      for (std::size_t n = below(5); n > 0; --n) {
        bytes += "X-" + of("abcXYZ-_'", 10) + ":" + std::string(below(3), ' ') + of("abc \t\",;=\x80\xff", 40) +
                 (below(3) ? "" : " \t") + "\r\n";
      }
      if (below(3) == 0) bytes += std::string("Connection: ") + (below(2) ? "close" : "keep-alive") + "\r\n";
      const std::string body = below(2) ? "" : of("abc\r\n\0 123", 60);
      if (below(2) || old) {
        if (!body.empty()) bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n";
        bytes += "\r\n" + body;
      } else {
        bytes += "Transfer-Encoding: Chunked\r\n\r\n";
        for (std::size_t at = 0; at < body.size();) {
          const std::size_t n = std::min(body.size() - at, 1 + below(20));
          char size[20];
          std::snprintf(size, sizeof size, below(2) ? "%zx" : "%03zX", n);
          bytes += size;
          if (below(3) == 0)
            bytes += ";" + of("abc", 3) + (below(2) ? "=" + of("xyz", 3) : "=\"" + of("xyz;, ", 9) + "\"");
          bytes += "\r\n" + body.substr(at, n) + "\r\n";
          at += n;
        }
        bytes += "0\r\n";
        for (std::size_t n = below(3); n > 0; --n) bytes += "T-" + of("abc", 4) + ": " + of("xyz", 4) + "\r\n";
        bytes += "\r\n";
      }
      const testcases::Transcript ours = testcases::read(bytes, {}, {});
      if (!ours.messages.empty() && ours.messages[0].complete) ++complete;
      compare(bytes, {});
    }
  }
  BOOST_TEST(complete > 2500);
}

BOOST_AUTO_TEST_SUITE_END()
