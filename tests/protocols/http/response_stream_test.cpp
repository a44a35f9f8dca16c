#include <bight/http/response_stream.hpp>

#include <optional>
#include <string>

#include <boost/test/unit_test.hpp>

#include "site_fixture.hpp"

BOOST_AUTO_TEST_SUITE(ResponseStreamTest)

using namespace bight;
using namespace bight::http;
using namespace std::chrono_literals;
using bight::http::testcases::CapturedLog;
using bight::http::testcases::get;
using bight::http::testcases::Served;
using bight::http::testcases::textAnswer;

namespace {

const std::string streamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

// Streams at "/events"; the test holds the stream.
struct Tree {
  std::shared_ptr<Directory> root = std::make_shared<Directory>();
  std::optional<ResponseStream> stream;
  std::optional<bool> ended;

  Tree() {
    root->putChild("hello", on("GET", [](Request&) { return Response::text("Hello!"); }));
    root->putChild("events", on("GET", [this](Request& request) -> Answer {
                     stream.emplace(request, Response{200, "text/event-stream"});
                     stream->ended().addCallback([this](bool finished) { ended = finished; });
                     return *stream;
                   }));
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(pieces_go_out_as_chunks_and_the_connection_goes_on) {
  Tree tree;
  Served served(tree.root);
  BOOST_TEST(served.ask(get("/events") + get("/hello")) == streamHead);
  BOOST_TEST(tree.stream->write("data: 1\n\n"));
  BOOST_TEST(served.answers() == "9\r\ndata: 1\n\n\r\n");
  BOOST_TEST(tree.stream->write(""));
  BOOST_TEST(served.answers() == "");
  const std::string large(10000, 'x');
  BOOST_TEST(tree.stream->write(large));
  BOOST_TEST((served.answers() == "2710\r\n" + large + "\r\n"));
  served.clock.advance(1000h);  // a stream has no deadline
  BOOST_TEST(tree.stream->open());
  BOOST_TEST(!tree.ended.has_value());
  tree.stream->finish();
  BOOST_TEST(served.answers() == "0\r\n\r\n");
  BOOST_TEST(tree.ended.value());
  BOOST_TEST(!tree.stream->open());
  BOOST_TEST(!tree.stream->write("more"));
  tree.stream->finish();
  served.clock.advance(0s);
  BOOST_TEST(served.answers() == textAnswer("Hello!"));
}

BOOST_AUTO_TEST_CASE(a_stream_may_be_written_and_finished_before_render_returns) {
  Served served(on("GET", [](Request& request) -> Answer {
    ResponseStream stream(request, Response{.status = 201, .body = "first"});
    stream.write(request.path());
    stream.finish();
    BOOST_TEST(request.path() == "/");  // the request stays until render returns
    return stream;
  }));
  const std::string one = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n1\r\n/\r\n0\r\n\r\n";
  BOOST_TEST(served.ask(get("/") + get("/")) == one + one);
}

BOOST_AUTO_TEST_CASE(an_old_client_gets_the_pieces_bare_and_head_gets_none) {
  Tree tree;
  {
    Served served(tree.root);
    BOOST_TEST(served.ask("GET /events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") ==
               "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
    tree.stream->write("abc");
    tree.stream->finish();
    BOOST_TEST(served.answers() == "abc");
    BOOST_TEST(served.transport->disconnecting());
  }
  Served served(tree.root);
  BOOST_TEST(served.ask("HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n") == streamHead);
  BOOST_TEST(tree.stream->write("abc"));
  tree.stream->finish();
  BOOST_TEST(served.answers() == "");
  BOOST_TEST(served.ask(get("/hello")) == textAnswer("Hello!"));
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_ends_its_stream) {
  Tree tree;
  {
    Served served(tree.root);
    served.send(get("/events"));
    served.lose();
    BOOST_TEST(!tree.ended.value());
    BOOST_TEST(!tree.stream->open());
    BOOST_TEST(!tree.stream->write("abc"));
    BOOST_TEST(tree.stream->buffered() == 0U);
  }
  bool late = true;
  tree.stream->ended().addCallback([&](bool finished) { late = finished; });
  BOOST_TEST(!late);
  tree.ended.reset();
  Served served(tree.root);
  served.send(get("/events"));
  served.endOfData();  // half a close is a close
  BOOST_TEST(!tree.ended.value());
  BOOST_TEST(served.transport->disconnecting());
}

BOOST_AUTO_TEST_CASE(a_stream_that_everybody_drops_is_cut_off) {
  Tree tree;
  Served served(tree.root);
  served.send(get("/events"));
  served.answers();
  tree.stream.reset();
  BOOST_TEST(served.answers() == "");  // no last chunk: the client must not take it for the whole
  BOOST_TEST(served.transport->disconnecting());
  BOOST_TEST(!tree.ended.value());
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_read_its_stream_is_aborted) {
  Tree tree;
  Served served(tree.root, {.streamBuffer = 1000});
  served.send(get("/events"));
  served.transport->block();
  BOOST_TEST(tree.stream->write(std::string(500, 'x')));
  BOOST_TEST(tree.stream->buffered() > 500U);
  bool drained = false;
  tree.stream->drained().addCallback([&] { drained = true; });
  BOOST_TEST(!drained);
  served.transport->unblock();
  BOOST_TEST(drained);
  served.transport->block();
  BOOST_TEST(!tree.stream->write(std::string(1500, 'x')));
  BOOST_TEST(served.transport->aborting());
  BOOST_TEST(!tree.ended.has_value());  // told when the connection is lost, never from inside write()
  BOOST_TEST(!tree.stream->write("x"));
  served.lose();
  BOOST_TEST(!tree.ended.value());
}

BOOST_AUTO_TEST_CASE(who_is_cancelled_while_waiting_for_a_stream_to_drain_is_told_so) {
  Tree tree;
  Served served(tree.root);
  served.send(get("/events"));
  served.transport->block();
  tree.stream->write("x");
  bool cancelled = false;
  Deferred<void> drained = tree.stream->drained();
  drained.addErrback([&](const Failure& failure) { cancelled = failure.check<CancelledError>(); });
  drained.cancel();
  BOOST_TEST(cancelled);
}

BOOST_AUTO_TEST_CASE(a_coroutine_may_stream_and_then_return_anything) {
  Promise<void> go;
  auto count = [&](Request& request) -> Deferred<Response> {
    ResponseStream stream(request, Response{200, "text/event-stream"});
    stream.write("1");
    Deferred<void> d;
    go = d.promise();
    co_await std::move(d);
    stream.write(request.query());
    stream.finish();
    co_return Response::text("ignored");
  };
  Served served(on("GET", [&](Request& request) -> Answer { return count(request); }));
  served.send(get("/?end") + get("/?again"));
  go.callback();
  BOOST_TEST(served.answers() == streamHead + "1\r\n1\r\n3\r\nend\r\n0\r\n\r\n");
  served.clock.advance(0s);
  BOOST_TEST(served.answers() == streamHead + "1\r\n1\r\n");
  served.lose();  // the coroutine is cancelled, and its stream goes with it
}

BOOST_AUTO_TEST_CASE(a_failure_behind_an_open_stream_cuts_it_off_and_is_logged) {
  CapturedLog log;
  std::optional<ResponseStream> kept;
  Served served(on("GET", [&](Request& request) -> Answer {
    kept.emplace(request, Response{200, "text/plain"});
    throw std::runtime_error("boom");
  }));
  served.send(get("/"));
  BOOST_TEST(log.text.find("boom") != std::string::npos);
  BOOST_TEST(served.transport->disconnecting());
  BOOST_TEST(!kept->open());
  BOOST_TEST(served.answers().find("500") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(misuse_is_told_at_once) {
  const auto request = Request::make("GET", "/");
  BOOST_CHECK_THROW(ResponseStream(*request, Response{}), std::logic_error);
  Served served(on("GET", [](Request& r) -> Answer {
    BOOST_CHECK_THROW(ResponseStream(r, Response{.status = 204}), std::logic_error);
    BOOST_CHECK_THROW(ResponseStream(r, Response{.headers = {{"Content-Length", "3"}}}), std::logic_error);
    ResponseStream stream(r, Response{});
    BOOST_CHECK_THROW(ResponseStream(r, Response{}), std::logic_error);
    stream.finish();
    BOOST_CHECK_THROW(ResponseStream(r, Response{}), std::logic_error);
    return stream;
  }));
  BOOST_TEST(served.ask(get("/")) == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
