// Boost.Beast's parser as a second opinion: what we read, it reads in the same way. (It reads more than we do; that is no news.)
#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#define BOOST_ENABLE_ASSERT_HANDLER  // see assertion_failed below
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/test/unit_test.hpp>

#include <bight/http/syntax.hpp>

#include "cases_path.hpp"
#include "json_reader.hpp"
#include "response_transcript.hpp"
#include "transcript.hpp"

// There are ends of contents in chunks that make Beast (1.74) assert.
namespace boost {
void assertion_failed(const char* what, const char*, const char*, long) {
  throw std::logic_error(what);
}
void assertion_failed_msg(const char* what, const char*, const char*, const char*, long) {
  throw std::logic_error(what);
}
}  // namespace boost

BOOST_AUTO_TEST_SUITE(BeastOracle)

namespace beast = boost::beast::http;
using namespace bight::http;
using bight::http::testcases::ReadMessage;

namespace {

// What Beast makes of the first message. The end of the bytes is that of the connection.
struct Theirs {
  explicit Theirs(std::string what) : error(std::move(what)) {}
  std::string error;
  bool complete = false, keepAlive = false;
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;
};

constexpr const char* asserts = "an assertion";

template <bool isRequest>
Theirs feed(beast::parser<isRequest, beast::string_body>& parser, std::string_view bytes) {
  parser.eager(true);
  boost::beast::error_code code;
  std::size_t used = 0;
  while (!parser.is_done() && used < bytes.size()) {
    std::size_t n = 0;
    try {
      n = parser.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), code);
    } catch (const std::logic_error&) {
      return Theirs(asserts);
    }
    used += n;
    if (code == beast::error::need_more) {
      code = {};
      if (n == 0) break;
    }
    if (code) break;
  }
  if (!code && !parser.is_done() && parser.is_header_done() && parser.need_eof()) parser.put_eof(code);
  Theirs m(code ? code.message() : "");
  m.complete = parser.is_done();
  m.keepAlive = parser.is_header_done() && parser.keep_alive();
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

// Where Beast reads otherwise on purpose, or more strictly than RFC 9112 lets it: no difference worth a word.
template <class Message>
bool isExplained(std::string_view bytes, const Message& mine, const std::string& error) {
  if (error == asserts) return true;
  // It unfolds a field after it has looked at what it says.
  if (bytes.find("\r\n ") != bytes.npos || bytes.find("\r\n\t") != bytes.npos) return true;
  // 1.2 and later, which are to be read as 1.1, and 0.9 of a response, which we read as 1.0 like llhttp.
  if (error == beast::make_error_code(beast::error::bad_version).message()) return true;
  // A Connection that is no list of tokens is refused, by us ignored.
  if (error == beast::make_error_code(beast::error::bad_value).message()) return true;
  // Fields that would change how a message is read mean nothing among its trailers (RFC 9110, 6.5.1): Beast obeys or refuses them.
  for (const auto& [name, value] : mine.trailers) {
    for (const char* framing : {"Transfer-Encoding", "Content-Length", "Connection", "Proxy-Connection", "Upgrade"}) {
      if (equalsIgnoringCase(name, framing)) return true;
    }
  }
  int codings = 0;
  for (const auto& [name, value] : mine.fields) {
    if (equalsIgnoringCase(name, "Proxy-Connection")) return true;  // to Beast the same as Connection
    // Two fields are one list (RFC 9110, 5.3), and one that is none has no "chunked" at its end.
    if (!equalsIgnoringCase(name, "Transfer-Encoding")) continue;
    std::string_view rest = value;
    for (auto coding = nextListItem(rest); !coding.empty(); coding = nextListItem(rest)) {
      if (!isToken(coding)) return true;
    }
    if (++codings > 1) return true;
  }
  // The space before an empty reason, which many forget.
  if constexpr (std::is_same_v<Message, bight::http::testcases::ReadResponse>)
    return mine.reason.empty() && bytes.find('\r') == 12;
  return false;
}

template <class Message>
void compareRest(const Message& mine, bool keepAlive, const Theirs& theirs) {
  BOOST_TEST(theirs.complete);
  BOOST_TEST(theirs.keepAlive == keepAlive);
  BOOST_TEST(theirs.body == mine.body);
  // Beast puts the trailers behind the fields, and fields of one name together.
  auto all = mine.fields;
  all.insert(all.end(), mine.trailers.begin(), mine.trailers.end());
  BOOST_TEST((byName(theirs.fields) == byName(all)));
}

// Whether we had an opinion.
bool compare(const std::string& bytes, const RequestParser::Options& options) {
  const bight::http::testcases::Transcript ours = bight::http::testcases::read(bytes, {}, options);
  if (ours.messages.empty() || !ours.messages[0].complete || ours.messages[0].method == "CONNECT") return false;
  const ReadMessage& mine = ours.messages[0];
  beast::request_parser<beast::string_body> parser;
  const Theirs theirs = feed(parser, bytes);
  if (isExplained(bytes, mine, theirs.error)) return false;
  BOOST_TEST_CONTEXT("reading\n" << bytes << "\nBeast says " << theirs.error) {
    BOOST_TEST(std::string(parser.get().method_string()) == mine.method);
    BOOST_TEST(std::string(parser.get().target()) == mine.target);
    BOOST_TEST(static_cast<int>(parser.get().version() % 10) == mine.minorVersion);
    compareRest(mine, mine.keepAlive, theirs);
  }
  return true;
}

bool compareResponse(const std::string& bytes) {
  const bight::http::testcases::ResponseTranscript ours = bight::http::testcases::readResponses(bytes, {});
  if (ours.messages.empty()) return false;
  const bight::http::testcases::ReadResponse& mine = ours.messages[0];
  const bool untilEnd = ours.messages.size() == 1 && !mine.complete && !ours.refused && !ours.unfinished;
  if ((!mine.complete && !untilEnd) || mine.upgrade) return false;
  beast::response_parser<beast::string_body> parser;
  const Theirs theirs = feed(parser, bytes);
  if (isExplained(bytes, mine, theirs.error)) return false;
  BOOST_TEST_CONTEXT("reading\n" << bytes << "\nBeast says " << theirs.error) {
    BOOST_TEST(static_cast<int>(parser.get().result_int()) == mine.status);
    if (!mine.reason.empty())
      BOOST_TEST(std::string(parser.get().reason()) == mine.reason);  // else it is the usual one
    BOOST_TEST(static_cast<int>(parser.get().version() % 10) == mine.minorVersion);
    compareRest(mine, mine.keepAlive, theirs);
  }
  return true;
}

// The inputs of the case file whose mode begins like that.
std::vector<std::string> corpus(std::string_view mode) {
  std::ifstream file(BIGHT_CASES "/llhttp.json", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  std::vector<std::string> inputs;
  for (const auto& one : bight::testcases::Json::parse(text.str()).array) {
    if (!one["mode"].string.starts_with(mode)) continue;
    std::string_view bytes = one["input"].string;
    while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);  // Beast does not skip empty lines
    inputs.emplace_back(bytes);
  }
  return inputs;
}

// A few bytes of it are others, missing, or more.
std::string mutated(std::string input, std::mt19937& random) {
  static const std::string spice[] = {"\r\n",
                                      "\r",
                                      "\n",
                                      " ",
                                      "\t",
                                      ":",
                                      ";",
                                      "\"",
                                      "0",
                                      "f",
                                      ",",
                                      "chunked",
                                      "close",
                                      "\x80",
                                      "Content-Length: 3\r\n",
                                      "Transfer-Encoding: chunked\r\n",
                                      "0\r\n\r\n"};
  for (std::size_t n = 1 + random() % 3; n > 0 && !input.empty(); --n) {
    const std::size_t at = random() % input.size();
    switch (random() % 3) {
      case 0:
        input.erase(at, 1 + random() % 3);
        break;
      case 1:
        input.insert(at, spice[random() % std::size(spice)]);
        break;
      default:
        input[at] = static_cast<char>(random());
        break;
    }
  }
  while (input.starts_with("\r\n")) input.erase(0, 2);
  return input;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_we_read_of_the_corpus_beast_reads_alike) {
  RequestParser::Options options;
  options.requireHost = false;
  for (const std::string& bytes : corpus("request")) compare(bytes, options);
  int read = 0;
  for (const std::string& bytes : corpus("response")) read += compareResponse(bytes);
  BOOST_TEST(read > 40);
}

BOOST_AUTO_TEST_CASE(what_we_read_of_a_mutated_corpus_beast_reads_alike) {
  const std::vector<std::string> requests = corpus("request"), responses = corpus("response");
  RequestParser::Options options;
  options.requireHost = false;
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  int read = 0;
  BOOST_TEST_CONTEXT("seed " << seed) {
    for (int i = 0; i < 10000; ++i) {
      read += compare(mutated(requests[random() % requests.size()], random), options);
      read += compareResponse(mutated(responses[random() % responses.size()], random));
    }
  }
  BOOST_TEST(read > 1000);
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
      const bight::http::testcases::Transcript ours = bight::http::testcases::read(bytes, {}, {});
      if (!ours.messages.empty() && ours.messages[0].complete) ++complete;
      compare(bytes, {});
    }
  }
  BOOST_TEST(complete > 2500);
}

BOOST_AUTO_TEST_SUITE_END()
