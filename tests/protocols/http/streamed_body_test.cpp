// Contents that a resource reads itself while they arrive.
#include <bight/http/server.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <bight/testing/feeding.hpp>

#include "site_fixture.hpp"

BOOST_AUTO_TEST_SUITE(StreamedBodyTest)

using namespace bight;
using namespace bight::http;
using namespace std::chrono_literals;
using bight::http::testcases::CapturedLog;
using bight::http::testcases::get;
using bight::http::testcases::Served;
using bight::http::testcases::textAnswer;

namespace {

constexpr std::uint64_t limit = 8 << 20;

Deferred<Response> count(Request& request) {
  BodyReader body = request.reader();
  std::size_t size = 0;
  for (;;) {
    const std::string piece = co_await body.read();
    if (piece.empty()) break;
    size += piece.size();
  }
  co_return Response::text(std::to_string(size));
}

Deferred<Response> echo(Request& request) {
  BodyReader body = request.reader();
  ResponseStream stream(request, {200, "text/plain"}, body.length());
  co_await body.pipeTo(stream.consumer());
  stream.finish();
  co_return Response();
}

// "/count", "/echo"; "/held" reads when the test says so; "/whole" is not streamed; "/deaf" answers without reading.
struct Tree {
  std::shared_ptr<Directory> root = std::make_shared<Directory>();
  std::optional<BodyReader> reader;
  std::optional<Promise<Response>> answer;
  int rendered = 0;
  int cancelled = 0;

  Tree() {
    root->putChild("count", onStream("POST", limit, count));
    root->putChild("echo", onStream("POST", limit, echo));
    root->putChild("held", onStream("POST", limit, [this](Request& request) {
                     ++rendered;
                     reader.emplace(request.reader());
                     Deferred<Response> d([this] { ++cancelled; });
                     answer = d.promise();
                     return d;
                   }));
    root->putChild("whole", on("POST", [](Request& request) { return Response::text(std::string(request.body())); }));
    root->putChild("deaf", onStream("POST", limit, [](Request&) { return Response::text("No."); }));
  }
};

std::string post(std::string_view path, std::size_t length, std::string_view extra = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n" +
         std::string(extra) + "\r\n";
}
const std::string chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Told {
  std::string text;
  std::string failure;
};
// What a read gives, now or later.
std::shared_ptr<Told> reading(BodyReader& reader) {
  auto told = std::make_shared<Told>();
  reader.read().addBoth([told](Result<std::string> result) {
    if (result) {
      told->text = *std::move(result);
    } else {
      told->failure = result.failure().getErrorMessage();
    }
  });
  return told;
}

}  // namespace

BOOST_AUTO_TEST_CASE(contents_are_read_however_they_are_cut) {
  const std::string bytes = post("/count", 5) + "abcde" + chunked + "2\r\nde\r\n1\r\nf\r\n0\r\nX: y\r\n\r\n" +
                            post("/echo", 3) + "xyz" + post("/whole", 2) + "ok" + post("/count", 0);
  bight::testing::eachFeeding(bytes, [](const auto& pieces) {
    Tree tree;
    Served served(tree.root);
    for (auto piece : pieces) {
      served.send(piece);
      served.clock.advance(0s);
    }
    std::string answers = served.answers();
    BOOST_TEST(answers.starts_with(
        textAnswer("5") + "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"));
    BOOST_TEST(
        answers.ends_with("\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nxyz" +
                          textAnswer("ok") + textAnswer("0")));
    BOOST_TEST(!served.transport->disconnecting());
  });
}

BOOST_AUTO_TEST_CASE(who_reads_slowly_makes_the_client_wait) {
  Tree tree;
  Served served(tree.root, {.bodyTimeout = 10s});
  served.send(post("/held", 1 << 20));
  BOOST_TEST(tree.rendered == 1);
  const std::string piece(60'000, 'x');
  served.send(piece);
  BOOST_TEST(!served.paused());
  served.send(piece);
  BOOST_TEST(served.paused());
  served.clock.advance(3600s);  // that is not the client's fault
  BOOST_TEST(served.answers() == "");
  const auto first = reading(*tree.reader);
  BOOST_TEST(first->text.size() == 120'000u);
  served.clock.advance(0s);
  BOOST_TEST(!served.paused());
  const auto second = reading(*tree.reader);
  served.send("abc");
  BOOST_TEST(second->text == "abc");
  served.clock.advance(11s);  // but now it is
  const auto third = reading(*tree.reader);
  BOOST_TEST(third->failure == "The content did not arrive in time.");
}

BOOST_AUTO_TEST_CASE(a_content_that_trickles_is_cut) {
  Tree tree;
  Served served(tree.root, {.bodyTimeout = 10s});
  served.send(post("/count", 1 << 20));
  for (int i = 0; i < 12 && !served.transport->disconnecting() && !served.transport->writeClosed(); ++i) {
    served.send("x");
    served.clock.advance(1s);
  }
  BOOST_TEST(served.answers().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  BOOST_TEST(served.transport->writeClosed());
}

// RFC 9110, 10.1.1
BOOST_AUTO_TEST_CASE(the_client_is_told_to_go_on_when_somebody_reads) {
  Tree tree;
  Served served(tree.root, {.bodyTimeout = 10s});
  BOOST_TEST(served.ask(post("/count", 3, "Expect: 100-continue\r\n")) == "HTTP/1.1 100 Continue\r\n\r\n");
  BOOST_TEST(served.ask("abc") == textAnswer("3"));
  // Who did not read does not ask for it, and the connection ends: the content may come or not.
  BOOST_TEST(served.ask(post("/deaf", 3, "Expect: 100-continue\r\n")) == textAnswer("No.", "Connection: close\r\n"));
  BOOST_TEST(served.transport->writeClosed());
}

BOOST_AUTO_TEST_CASE(a_short_rest_that_nobody_reads_is_skipped_and_a_long_one_closes) {
  Tree tree;
  {
    Served served(tree.root);
    BOOST_TEST(served.ask(post("/deaf", 1000)) == textAnswer("No."));
    BOOST_TEST(served.ask(std::string(1000, 'x') + post("/count", 1) + "y") == textAnswer("1"));
  }
  Served served(tree.root);
  BOOST_TEST(served.ask(post("/deaf", 1 << 20)) == textAnswer("No."));
  for (int i = 0; i < 10 && !served.transport->writeClosed(); ++i) served.send(std::string(60'000, 'x'));
  BOOST_TEST(served.transport->writeClosed());
  served.clock.advance(6s);
  BOOST_TEST(served.transport->aborting());
}

BOOST_AUTO_TEST_CASE(a_skipped_content_has_its_time_too) {
  Tree tree;
  Served served(tree.root, {.bodyTimeout = 10s});
  BOOST_TEST(served.ask(post("/deaf", 1000)) == textAnswer("No."));
  served.clock.advance(11s);
  BOOST_TEST(served.transport->writeClosed());
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_fails_the_reading_and_cancels_the_answer) {
  Tree tree;
  Served served(tree.root);
  served.send(post("/held", 10) + "abc");
  const auto first = reading(*tree.reader), second = reading(*tree.reader);
  BOOST_TEST(first->text == "abc");
  served.lose();
  BOOST_TEST(second->failure == "The content is incomplete: the client went away after 3 of 10 bytes.");
  BOOST_TEST(tree.cancelled == 1);
}

BOOST_AUTO_TEST_CASE(an_answer_before_the_end_fails_the_reading) {
  Tree tree;
  Served served(tree.root);
  served.send(post("/held", 10) + "abc");
  const auto first = reading(*tree.reader), second = reading(*tree.reader);
  tree.answer->callback(Response::text("enough"));
  BOOST_TEST(second->failure == "The content is incomplete: the request was answered after 3 of 10 bytes.");
  BOOST_TEST(served.answers() == textAnswer("enough"));
  BOOST_TEST(served.ask("defghij" + post("/count", 0)) == textAnswer("0"));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_content_answers_the_request) {
  for (const auto& [bad, status] :
       {std::pair("zz\r\n", "400 Bad Request"), std::pair("2\r\nabc\r\n", "400 Bad Request"),
        std::pair("fffffff\r\n", "413 Content Too Large")}) {
    Tree tree;
    Served served(tree.root);
    const std::string answer =
        served.ask("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(bad));
    BOOST_TEST(answer.starts_with("HTTP/1.1 " + std::string(status) + "\r\n"), answer);
    BOOST_TEST(answer.find("Connection: close\r\n") != std::string::npos);
    BOOST_TEST(served.transport->writeClosed());
  }
}

BOOST_AUTO_TEST_CASE(each_resource_has_its_own_limit) {
  Tree tree;
  Served small(tree.root);
  BOOST_TEST(small.ask(post("/whole", 2 << 20)).starts_with("HTTP/1.1 413 "));
  Served large(tree.root);
  BOOST_TEST(large.ask(post("/whole", 3) + "abc") == textAnswer("abc"));
  BOOST_TEST(large.ask(post("/held", 2 << 20)) == "");
  BOOST_TEST(tree.rendered == 1);
  Served larger(tree.root);
  BOOST_TEST(larger.ask(post("/held", limit + 1)).starts_with("HTTP/1.1 413 "));
  BOOST_TEST(tree.rendered == 1);
}

BOOST_AUTO_TEST_CASE(a_reader_is_taken_once_and_gives_whole_contents_too) {
  auto request = Request::make("POST", "/", {}, "all of it");
  BodyReader reader = request->reader();
  BOOST_TEST(reader.length().value() == 9u);
  BOOST_TEST(reading(reader)->text == "all of it");
  BOOST_CHECK_THROW(request->reader(), std::logic_error);
}

// D: a proxy's two directions wait for each other.
BOOST_AUTO_TEST_CASE(a_stream_steers_who_produces_for_it) {
  Tree tree;
  Served served(tree.root);
  served.send(post("/echo", 4 << 20));
  served.transport->block();
  std::size_t sent = 0;
  while (!served.paused() && sent < (1 << 20)) {
    served.send(std::string(50'000, 'x'));
    sent += 50'000;
  }
  BOOST_TEST(sent < 400'000u);
  served.transport->unblock();
  served.clock.advance(0s);
  BOOST_TEST(!served.paused());
  served.answers();
  BOOST_TEST(served.ask("y") == "y");
  served.lose();
}

BOOST_AUTO_TEST_CASE(a_stream_of_known_length_keeps_to_it) {
  CapturedLog captured;
  auto root = std::make_shared<Directory>();
  const auto streaming = [](std::string text, bool head = false) {
    return on(head ? "HEAD" : "GET", [text](Request& request) {
      ResponseStream stream(request, {200}, 3);
      stream.write(text);
      stream.finish();
      return stream;
    });
  };
  root->putChild("right", streaming("abc"));
  root->putChild("short", streaming("ab"));
  root->putChild("long", streaming("abcd"));
  Served served(root);
  BOOST_TEST(served.ask(get("/right")) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
  BOOST_TEST(served.ask("HEAD /right HTTP/1.1\r\nHost: a\r\n\r\n") == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  BOOST_TEST(served.ask(get("/short")) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab");
  BOOST_TEST(served.transport->disconnecting());  // so that the client notices
  Served other(root);
  BOOST_TEST(other.ask(get("/long")) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  BOOST_TEST(other.transport->disconnecting());
  BOOST_TEST(captured.text.find("more than the 3 bytes") != std::string::npos, captured.text);
}

BOOST_AUTO_TEST_SUITE_END()
