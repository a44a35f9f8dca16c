// What stands before resources, and around a Site: compression, authentication, CORS, hosts, events, the log, draining.
#include <bight/http/middleware.hpp>

#include <memory>
#include <string>
#include <vector>

#include <zlib.h>

#include <boost/test/unit_test.hpp>

#include <bight/http/access_control.hpp>
#include <bight/http/compression.hpp>
#include <bight/http/event_stream.hpp>
#include <bight/http/json.hpp>

#include "site_fixture.hpp"

BOOST_AUTO_TEST_SUITE(MiddlewareTest)

using namespace bight;
using namespace bight::http;
using namespace std::chrono_literals;
using bight::http::testcases::get;
using bight::http::testcases::Served;
using bight::http::testcases::textAnswer;

namespace {

std::string gunzip(const std::string& bytes) {
  z_stream stream{};
  BOOST_REQUIRE(inflateInit2(&stream, 31) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out(1 << 20, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int end = inflate(&stream, Z_SYNC_FLUSH);
  BOOST_TEST((end == Z_OK || end == Z_STREAM_END));
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}
std::string bodyOf(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
std::string unchunk(std::string text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = std::stoul(text, nullptr, 16);
    text.erase(0, text.find("\r\n") + 2);
    out += text.substr(0, size);
    text.erase(0, size + 2);
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(weights_decide_about_codings) {
  const auto weight = [](const Headers& fields) { return codingWeight(*Request::make("GET", "/", fields), "gzip"); };
  BOOST_TEST(weight({}) == 0);
  BOOST_TEST(weight({{"Accept-Encoding", "deflate, GZIP"}}) == 1000);
  BOOST_TEST(weight({{"Accept-Encoding", "gzip ; q=0.25"}}) == 250);
  BOOST_TEST(weight({{"Accept-Encoding", "*"}}) == 1000);
  BOOST_TEST(weight({{"Accept-Encoding", "*;q=0.5"}, {"Accept-Encoding", "gzip;q=0"}}) == 0);
  for (const char* bad : {"gzip;q=2", "gzip;q=x", "gzip;q=0.1234", "gzip;q=-1", "gzipped"})
    BOOST_TEST(weight({{"Accept-Encoding", bad}}) == 0, bad);
}

BOOST_AUTO_TEST_CASE(answers_are_compressed_where_that_is_wanted_and_worth_it) {
  const std::string text(5000, 'x');
  std::vector<ResponseStream> streams;
  auto root = std::make_shared<Directory>();
  root->putChild("text", on("GET", [&](Request&) { return Response::text(text).with("ETag", "\"a\""); }));
  root->putChild("short", on("GET", [&](Request&) { return Response::text("x"); }));
  root->putChild("png", on("GET", [&](Request&) { return Response{200, "image/png", {}, text}; }));
  root->putChild("done", on("GET", [&](Request&) { return Response::text(text).with("Content-Encoding", "br"); }));
  root->putChild("stream", on("GET", [&](Request& request) {
                   streams.emplace_back(request, Response{200, "text/event-stream", {}, "first\n"});
                   return streams.back();
                 }));
  Served served(compressed(root));
  const std::string accept = "Accept-Encoding: gzip\r\n";
  const std::string small = served.ask(get("/text", accept));
  BOOST_TEST(has(small, "\r\nContent-Encoding: gzip\r\n"));
  BOOST_TEST(has(small, "\r\nETag: W/\"a\"\r\n"));
  BOOST_TEST(has(small, "\r\nVary: Accept-Encoding\r\n"));
  BOOST_TEST(gunzip(bodyOf(small)) == text);
  const std::string plain = served.ask(get("/text"));
  BOOST_TEST(bodyOf(plain) == text);
  BOOST_TEST(has(plain, "\r\nVary: Accept-Encoding\r\n"));
  for (const char* path : {"/short", "/png", "/done"})
    BOOST_TEST(!has(served.ask(get(path, accept)), "Content-Encoding: gzip"), path);
  // A stream's pieces can be read as soon as they are written.
  std::string stream = served.ask(get("/stream", accept));
  BOOST_TEST(gunzip(unchunk(bodyOf(stream))) == "first\n");
  streams[0].write("second\n");
  stream += served.answers();
  BOOST_TEST(gunzip(unchunk(bodyOf(stream))) == "first\nsecond\n");
  streams[0].finish();
  stream += served.answers();
  BOOST_TEST(gunzip(unchunk(bodyOf(stream))) == "first\nsecond\n");
  BOOST_TEST(stream.ends_with("\r\n0\r\n\r\n"));
  BOOST_CHECK_THROW(compressed(nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(compressed(root, {.level = 0}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(only_who_is_known_passes) {
  auto page = on("GET", [](Request& request) { return Response::text("Hello, " + std::string(request.user())); });
  Served served(behind(basicAuthentication("Here", {"Ann", "open sesame"}), page));
  const auto asks = [&](const std::string& field) { return served.ask(get("/", "Authorization: " + field + "\r\n")); };
  const std::string told = served.ask(get("/"));
  BOOST_TEST(told.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
  BOOST_TEST(has(told, "\r\nWWW-Authenticate: Basic realm=\"Here\", charset=\"UTF-8\"\r\n"));
  BOOST_TEST(asks("basic QW5uOm9wZW4gc2VzYW1l") == textAnswer("Hello, Ann"));
  for (const char* wrong : {"Basic QW5uOnNoYXQ=", "Basic QW5u", "Basic !", "Basic", "Bearer QW5uOm9wZW4gc2VzYW1l",
                            "Basic QW5uOm9wZW4gc2VzYW1lIQ=="})
    BOOST_TEST(asks(wrong).starts_with("HTTP/1.1 401 "), wrong);
  BOOST_TEST(constantTimeEquals("", ""));
  BOOST_TEST(!constantTimeEquals("", "x"));
  BOOST_TEST(!constantTimeEquals("ab", "abab"));
  BOOST_TEST(!constantTimeEquals("abab", "ab"));
  BOOST_CHECK_THROW(basicAuthentication("a\"b", Credentials{}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(browsers_are_told_which_pages_may_ask) {
  auto page = on("GET", [](Request&) { return Response::text("x"); });
  Served served(behind(cors({.origins = {"https://a.example"},
                             .requestHeaders = {"X-Token"},
                             .exposedHeaders = {"X-Count"},
                             .credentials = true}),
                       page));
  BOOST_TEST(served.ask(get("/")) == textAnswer("x", "Vary: Origin\r\n"));
  BOOST_TEST(served.ask(get("/", "Origin: https://b.example\r\n")) == textAnswer("x", "Vary: Origin\r\n"));
  BOOST_TEST(
      served.ask(get("/", "Origin: https://a.example\r\n")) ==
      textAnswer(
          "x",
          "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\nAccess-Control-Allow-Credentials: true\r\n"
          "Access-Control-Expose-Headers: X-Count\r\n"));
  const std::string preflight = served.ask(
      "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n\r\n");
  BOOST_TEST(preflight.starts_with("HTTP/1.1 204 No Content\r\n"));
  BOOST_TEST(has(preflight,
                 "Access-Control-Allow-Methods: GET, HEAD, POST\r\nAccess-Control-Allow-Headers: "
                 "X-Token\r\nAccess-Control-Max-Age: 600\r\n"));
  BOOST_TEST(has(preflight, "Access-Control-Allow-Origin: https://a.example\r\n"));
  BOOST_TEST(served
                 .ask("OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\nAccess-Control-Request-Method: "
                      "POST\r\n\r\n")
                 .starts_with("HTTP/1.1 403 "));
  BOOST_CHECK_THROW(cors({.origins = {"*"}, .credentials = true}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(each_host_has_its_tree) {
  const auto named = [](std::string name) { return on("GET", [name](Request&) { return Response::text(name); }); };
  auto tree = std::make_shared<Directory>();
  tree->putChild("x", named("x of a"));
  Served served(virtualHosts({{"A.example", tree}, {"*.b.example", named("below b")}, {"[::1]", named("six")}}));
  const auto ask = [&](const std::string& host, const std::string& path = "/") {
    return served.ask("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  BOOST_TEST(ask("a.EXAMPLE:8000", "/x") == textAnswer("x of a"));
  BOOST_TEST(ask("c.d.b.example") == textAnswer("below b"));
  BOOST_TEST(ask("[::1]:80") == textAnswer("six"));
  BOOST_TEST(ask("b.example").starts_with("HTTP/1.1 421 "));
  BOOST_CHECK_THROW(virtualHosts({{"a", tree}, {"A", tree}}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(events_go_out_as_browsers_read_them) {
  std::optional<EventStream> events;
  Served* place = nullptr;
  Served served(on("GET", [&](Request& request) {
    events.emplace(place->clock, request, EventStreamOptions{.heartbeat = 10s, .retry = 3000ms});
    events->send({.data = "from " + lastEventId(request)});
    return events->stream();
  }));
  place = &served;
  const std::string answer = served.ask(get("/", "Last-Event-ID: 7\r\n"));
  BOOST_TEST(has(answer, "\r\nContent-Type: text/event-stream\r\n"));
  BOOST_TEST(has(answer, "\r\nCache-Control: no-store\r\n"));
  BOOST_TEST(unchunk(bodyOf(answer)) == "retry: 3000\n\ndata: from 7\n\n");
  events->send({.data = "one\r\ntwo\rthree\n", .event = "news", .id = "8"});
  BOOST_TEST(unchunk(served.answers()) == "id: 8\nevent: news\ndata: one\ndata: two\ndata: three\ndata: \n\n");
  served.clock.advance(9s);
  events->comment("a\nb");
  served.clock.advance(9s);
  BOOST_TEST(unchunk(served.answers()) == ": a b\n\n");
  served.clock.advance(1s);
  served.clock.advance(10s);
  BOOST_TEST(unchunk(served.answers()) == ":\n\n:\n\n");
  BOOST_CHECK_THROW(events->send({.data = "x", .event = "a\nb"}), std::invalid_argument);
  BOOST_CHECK_THROW(events->send({.data = "x", .id = std::string_view("a\0b", 3)}), std::invalid_argument);
  served.lose();
  BOOST_TEST(!events->send({.data = "late"}));
  served.clock.advance(60s);
  BOOST_TEST(lastEventId(*Request::make("GET", "/?lastEventId=9")) == "9");
}

BOOST_AUTO_TEST_CASE(each_request_is_logged_when_it_is_over) {
  auto root = std::make_shared<Directory>();
  std::vector<ResponseStream> streams;
  root->putChild("a", on("GET", [](Request& request) {
                   request.setUser("ann");
                   return Response::text("four");
                 }));
  root->putChild("stream", on("GET", [&](Request& request) {
                   streams.emplace_back(request, Response{200, "text/plain"});
                   return streams.back();
                 }));
  root->putChild("later", on("GET", [](Request& request) {
                   request.forget();
                   return Deferred<Response>();
                 }));
  std::vector<std::string> lines, objects;
  {
    Served served(root);
    served.site->setAccessLog([&](const AccessEntry& entry) {
      AccessEntry fixed = entry;
      fixed.time = std::chrono::system_clock::time_point(784111777s);
      lines.push_back(combinedLogLine(fixed));
      objects.push_back(jsonLogLine(fixed));
    });
    served.send(get("/a?b", "User-Agent: x\"\\\x80\r\nReferer: http://r/\r\n"));
    served.send(get("/stream"));
    streams[0].write("12345");
    BOOST_TEST(lines.size() == 1u);
    served.clock.advance(2s);
    streams[0].finish();
    served.send("HEAD /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    served.send(get("/nothing"));
    served.send(get("/later"));
  }
  Served broken(root);
  broken.site->setAccessLog([&](const AccessEntry& entry) { lines.push_back(combinedLogLine(entry).substr(40)); });
  broken.send("rubbish\r\n\r\n");
  const std::string start = "192.168.1.1 - - [06/Nov/1994:08:49:37 +0000] ";
  BOOST_REQUIRE(lines.size() == 6u);
  BOOST_TEST(
      lines[0] ==
      "192.168.1.1 - ann [06/Nov/1994:08:49:37 +0000] \"GET /a?b HTTP/1.1\" 200 4 \"http://r/\" \"x\\\"\\\\\\x80\"");
  BOOST_TEST(lines[1] == start + "\"GET /stream HTTP/1.1\" 200 5 \"-\" \"-\"");
  BOOST_TEST(lines[2] == "192.168.1.1 - ann [06/Nov/1994:08:49:37 +0000] \"HEAD /a HTTP/1.0\" 200 0 \"-\" \"-\"");
  BOOST_TEST(lines[3].starts_with(start + "\"GET /nothing HTTP/1.1\" 404 "));
  BOOST_TEST(lines[4] == start + "\"GET /later HTTP/1.1\" - 0 \"-\" \"-\"");
  BOOST_TEST(has(lines[5], "] \"-\" 400 "));
  BOOST_TEST(
      objects[1] ==
      R"({"time":"1994-11-06T08:49:37Z","client":"192.168.1.1","method":"GET","target":"/stream","version":"1.1",)"
      R"("host":"a","status":200,"bytes":5,"seconds":2})");
}

BOOST_AUTO_TEST_CASE(a_site_that_drains_answers_what_it_was_asked) {
  std::optional<Promise<Response>> waiting;
  auto root = on("GET", [&](Request&) {
    Deferred<Response> d([] {});
    waiting = d.promise();
    return d;
  });
  Served served(root);
  auto idle = served.site->buildProtocol(IPv4Address({127, 0, 0, 1}, 1));
  auto idleTransport = makeRef<bight::testing::StringTransport>();
  idle->makeConnection(*idleTransport);
  served.send(get("/"));
  bool done = false;
  served.site->drain(5s).addCallback([&] { done = true; });
  BOOST_TEST(idleTransport->disconnecting());
  idleTransport->lose(*idle, Failure(ConnectionDone()));
  BOOST_TEST(served.site->buildProtocol(IPv4Address({127, 0, 0, 1}, 2)) == nullptr);
  BOOST_TEST(!served.transport->disconnecting());
  waiting->callback(Response::text("here"));
  BOOST_TEST(served.answers() == textAnswer("here", "Connection: close\r\n"));
  BOOST_TEST(served.transport->disconnecting());
  BOOST_TEST(!done);
  served.lose();
  BOOST_TEST(done);
  Served stubborn(root);
  stubborn.send(get("/"));
  stubborn.site->drain(5s).addCallback([] {});
  stubborn.clock.advance(4s);
  BOOST_TEST(!stubborn.transport->aborting());
  stubborn.clock.advance(1s);
  BOOST_TEST(stubborn.transport->aborting());
}

BOOST_AUTO_TEST_CASE(who_is_one_too_many_is_told_to_come_again) {
  Served served(on("GET", [](Request&) { return Response::text("x"); }), {.connections = 1});
  const auto connect = [&] {
    auto transport = makeRef<bight::testing::StringTransport>();
    auto protocol = served.site->buildProtocol(IPv4Address({127, 0, 0, 1}, 1));
    protocol->makeConnection(*transport);
    if (!transport->writeClosed()) protocol->dataReceived(get("/"));
    const std::string answer = transport->value();
    transport->lose(*protocol, Failure(ConnectionDone()));
    return answer.substr(0, 12);
  };
  BOOST_TEST(connect() == "HTTP/1.1 503");
  BOOST_TEST(served.ask(get("/")) == textAnswer("x"));
  served.lose();
  BOOST_TEST(connect() == "HTTP/1.1 200");
}

BOOST_AUTO_TEST_CASE(json_is_written_so_that_it_can_be_read_anywhere) {
  BOOST_TEST(jsonString("a\"\\\n\x01\x7f<\xe2\x80\xa8\xff\xc3\xa4\xc3") ==
             "\"a\\\"\\\\\\n\\u0001\\u007f\\u003c\\u2028\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\"");
  BOOST_TEST(JsonObject().text() == "{}");
  BOOST_TEST(JsonObject()
                 .add("a", 1)
                 .add("b", "x")
                 .add("c", true)
                 .add("d", 0.5)
                 .add("e", nullptr)
                 .addRaw("f", "[]")
                 .add("g", 1e300 * 1e300)
                 .text() == R"({"a":1,"b":"x","c":true,"d":0.5,"e":null,"f":[],"g":null})");
}

BOOST_AUTO_TEST_SUITE_END()
