#include <bight/http/server.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <bight/testing/feeding.hpp>

#include "site_fixture.hpp"

BOOST_AUTO_TEST_SUITE(SiteTest)

using namespace bight;
using namespace bight::http;
using namespace std::chrono_literals;
using bight::http::testcases::CapturedLog;
using bight::http::testcases::get;
using bight::http::testcases::Served;
using bight::http::testcases::textAnswer;

namespace {

// "/hello" at once, "/echo" what was posted, "/later" when the test says so.
struct Tree {
  std::shared_ptr<Directory> root = std::make_shared<Directory>();
  std::vector<Promise<Response>> waiting;
  int cancelled = 0;

  Tree() {
    root->putChild("hello", on("GET", [](Request&) { return Response::text("Hello!"); }));
    root->putChild("echo", on("POST", [](Request& request) { return Response::text(std::string(request.body())); }));
    root->putChild("later", on("GET", [this](Request&) {
                     Deferred<Response> d([this] { ++cancelled; });
                     waiting.push_back(d.promise());
                     return d;
                   }));
  }
  void answer(std::string text) {
    Promise<Response> first = waiting.front();
    waiting.erase(waiting.begin());
    first.callback(Response::text(std::move(text)));
  }
};

std::shared_ptr<Resource> answering(std::function<Answer(Request&)> f) {
  return on("GET", std::move(f));
}

}  // namespace

BOOST_AUTO_TEST_CASE(requests_are_answered_one_after_the_other_however_they_are_cut) {
  const std::string bytes = get("/hello") + "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\r\n" +
                            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                            "chunked\r\n\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\nX-T: 1\r\n\r\n" +
                            get("/hello");
  bight::testing::eachFeeding(bytes, [](const auto& pieces) {
    Tree tree;
    Served served(tree.root);
    for (auto piece : pieces) served.send(piece);
    BOOST_TEST(served.answers() == textAnswer("Hello!") + textAnswer("abc") + textAnswer("def") + textAnswer("Hello!"));
    BOOST_TEST(!served.transport->disconnecting());
  });
}

BOOST_AUTO_TEST_CASE(every_answer_has_a_date) {
  Tree tree;
  Served served(tree.root);
  served.send(get("/hello"));
  const std::string answer = served.transport->value();
  BOOST_TEST(answer.find("\r\nDate: ") != std::string::npos);
  BOOST_TEST(answer.find(" GMT\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(head_is_answered_as_get_without_the_content) {
  Tree tree;
  Served served(tree.root);
  BOOST_TEST(served.ask("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n") ==
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\n");
  // Also if it is refused before it is whole (RFC 9110, 9.3.2).
  BOOST_TEST(served.ask("HEAD /hello HTTP/1.1\r\nNo Field\r\n").ends_with("Connection: close\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(an_answer_may_come_later_and_what_was_pipelined_waits_for_it) {
  Tree tree;
  Served served(tree.root);
  BOOST_TEST(served.ask(get("/hello") + get("/later") + get("/hello") + get("/later")) == textAnswer("Hello!"));
  BOOST_TEST(tree.waiting.size() == 1U);
  served.clock.advance(1h);  // a request that waits has no deadline
  BOOST_TEST(served.answers() == "");
  tree.answer("one");
  BOOST_TEST(served.answers() == textAnswer("one"));
  served.clock.advance(0s);  // the next one is read in the next turn
  BOOST_TEST(served.answers() == textAnswer("Hello!"));
  BOOST_TEST(tree.waiting.size() == 1U);
  tree.answer("two");
  BOOST_TEST(served.answers() == textAnswer("two"));
  BOOST_TEST(served.ask(get("/hello")) == textAnswer("Hello!"));
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_there_already_needs_no_turn) {
  Served served(answering([](Request&) -> Answer { return succeed(Response::text("ready")); }));
  BOOST_TEST(served.ask(get("/") + get("/")) == textAnswer("ready") + textAnswer("ready"));
}

BOOST_AUTO_TEST_CASE(a_coroutine_may_use_its_request_to_the_end) {
  Promise<int> promise;
  auto wait = [&](Request& request) -> Deferred<Response> {
    const std::string_view before = *request.header("X-Name");
    Deferred<int> d;
    promise = d.promise();
    const int n = co_await std::move(d);
    co_return Response::text(std::string(before) + std::string(request.path()) + std::to_string(n));
  };
  Served served(answering([&](Request& request) -> Answer { return wait(request); }));
  served.send(get("/", "X-Name: Ann\r\n"));
  promise.callback(7);
  BOOST_TEST(served.answers() == textAnswer("Ann/7"));
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_cancels_its_request_once) {
  Tree tree;
  Served served(tree.root);
  served.send(get("/later"));
  served.lose();
  BOOST_TEST(tree.cancelled == 1);
  BOOST_CHECK_THROW(tree.answer("too late"), AlreadyCalledError);  // A37: the canceller was told
  BOOST_TEST(served.answers() == "");
}

BOOST_AUTO_TEST_CASE(an_answer_without_a_canceller_may_come_after_the_client_has_gone) {
  Promise<Response> promise;
  auto served = std::make_unique<Served>(answering([&](Request&) -> Answer {
    Deferred<Response> d;
    promise = d.promise();
    return d;
  }));
  served->send(get("/"));
  served.reset();                                // Site, connection and transport, all of it
  promise.callback(Response::text("too late"));  // A35: swallowed
}

BOOST_AUTO_TEST_CASE(a_coroutine_that_ignores_being_cancelled_may_still_look_at_its_request) {
  std::vector<Promise<void>> waits;
  std::string seen;
  auto stubborn = [&](Request& request) -> Deferred<Response> {
    for (int i = 0; i < 2; ++i) {
      Deferred<void> d;
      waits.push_back(d.promise());
      try {
        co_await std::move(d);
      } catch (const CancelledError&) {
      }
    }
    seen = request.path();
    co_return Response::text("nobody there");
  };
  auto served = std::make_unique<Served>(answering([&](Request& request) -> Answer { return stubborn(request); }));
  served->send(get("/"));
  served.reset();
  BOOST_REQUIRE(waits.size() == 2U);
  waits[1].callback();
  BOOST_TEST(seen == "/");
}

BOOST_AUTO_TEST_CASE(a_request_that_was_forgotten_is_answered_all_the_same) {
  std::vector<Promise<Response>> waiting;
  const auto later = [&](Request& request) -> Deferred<Response> {
    Deferred<Response> d;
    waiting.push_back(d.promise());
    request.forget();
    BOOST_TEST(request.path() == "/");  // it stays until render returns
    return d;
  };
  Served served(answering([&](Request& request) -> Answer { return later(request); }));
  served.send(get("/"));
  waiting[0].callback(Response::text("one"));
  BOOST_TEST(served.answers() == textAnswer("one"));
  served.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  waiting[1].callback(Response::text("two"));
  BOOST_TEST(served.answers() ==
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n\r\n");
  CapturedLog log;
  served.send(get("/"));
  waiting[2].errback(std::runtime_error("boom"));
  BOOST_TEST(served.answers().starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
  BOOST_TEST(log.text.find("boom") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_coroutine_may_forget_its_request_on_the_way) {
  Promise<void> go;
  auto wait = [&](Request& request) -> Deferred<Response> {
    for (int i = 0; i < 2; ++i) {
      Deferred<void> d;
      go = d.promise();
      co_await std::move(d);
      if (i == 0) request.forget();
    }
    co_return Response::text("done");
  };
  Served served(answering([&](Request& request) -> Answer { return wait(request); }));
  served.send(get("/"));
  go.callback();
  Promise<void> second = go;
  second.callback();
  BOOST_TEST(served.answers() == textAnswer("done"));
}

BOOST_AUTO_TEST_CASE(a_client_that_ends_its_half_while_it_waits_counts_as_gone) {
  Tree tree;
  Served served(tree.root);
  served.send(get("/later"));
  served.endOfData();
  BOOST_TEST(tree.cancelled == 1);
  BOOST_TEST(served.transport->disconnecting());
}

BOOST_AUTO_TEST_CASE(what_throws_or_fails_is_500_in_the_answer_and_all_of_it_in_the_log) {
  CapturedLog log;
  int which = 0;
  Served served(answering([&](Request&) -> Answer {
    switch (which++) {
      case 0:
        throw std::runtime_error("the secret of the house");
      case 1:
        throw 42;
      case 2:
        return fail<Response>(std::runtime_error("the secret of the house"));
      case 3:
        return Deferred<Response>();  // dropped unfired: no Promise is left
      case 4: {
        Deferred<Response> d;
        d.promise();
        return d;
      }
      case 5:
        return Response{.status = 200, .headers = {{"Content-Length", "1"}}};
      case 6:
        return Response{.status = 100};
      default:
        return Response{.status = 1000};
    }
  }));
  for (int i = 0; i < 8; ++i) {
    if (i == 3) {
      ++which;
      continue;
    }
    const std::string answer = served.ask(get("/"));
    BOOST_TEST(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), i << answer);
    BOOST_TEST(answer.find("secret") == std::string::npos);
    BOOST_TEST(!served.transport->disconnecting());
  }
  BOOST_TEST(log.text.find("the secret of the house") != std::string::npos);
  BOOST_TEST(log.text.find("GET /") != std::string::npos);
  BOOST_TEST(served.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 500"));
}

BOOST_AUTO_TEST_CASE(a_status_error_is_an_answer_and_no_trouble) {
  CapturedLog log;
  bool later = false;
  Served served(answering([&](Request&) -> Answer {
    if (later) return fail<Response>(StatusError(409, "It is there already."));
    throw StatusError(403, "Not for you.");
  }));
  BOOST_TEST(served.ask(get("/")).ends_with("\r\n\r\n403 Forbidden\n\nNot for you.\n"));
  later = true;
  BOOST_TEST(served.ask(get("/")).ends_with("\r\n\r\n409 Conflict\n\nIt is there already.\n"));
  BOOST_TEST(log.text == "");
}

BOOST_AUTO_TEST_CASE(malformed_input_is_answered_once_and_the_rest_is_dropped) {
  Tree tree;
  Served served(tree.root);
  const std::string answer = served.ask(get("/hello") + "GET / HTTP/1.1\r\nHost : a\r\n\r\n" + get("/hello"));
  BOOST_TEST(answer.starts_with(textAnswer("Hello!") + "HTTP/1.1 400 Bad Request\r\n"));
  BOOST_TEST(answer.find("Connection: close\r\n") != std::string::npos);
  BOOST_TEST(answer.ends_with("There is white space in or after the name of a header field.\n"));
  // Our half is closed; what still comes is read, so that the system does not reset the connection, and dropped.
  BOOST_TEST(served.transport->writeClosed());
  BOOST_TEST(!served.transport->disconnecting());
  BOOST_TEST(served.ask(get("/hello")) == "");
  served.endOfData();
  BOOST_TEST(served.transport->disconnecting());
}

BOOST_AUTO_TEST_CASE(a_client_that_talks_on_after_a_refusal_is_cut_off) {
  Tree tree;
  Served patient(tree.root);
  patient.send("bad\r\n");
  patient.clock.advance(4s);
  BOOST_TEST(!patient.transport->aborting());
  patient.clock.advance(3s);
  BOOST_TEST(patient.transport->aborting());
  Served flooded(tree.root);
  flooded.send("bad\r\n");
  for (int i = 0; i < 17 && !flooded.transport->aborting(); ++i) flooded.send(std::string(65536, 'x'));
  BOOST_TEST(flooded.transport->aborting());
}

BOOST_AUTO_TEST_CASE(a_connection_is_closed_when_either_side_says_so) {
  Tree tree;
  {
    Served served(tree.root);
    BOOST_TEST(served.ask(get("/hello", "Connection: close\r\n") + get("/hello")) ==
               textAnswer("Hello!", "Connection: close\r\n"));
    BOOST_TEST(served.transport->disconnecting());
  }
  {
    Served served(answering([](Request&) { return Response::text("bye").with("Connection", "Close"); }));
    BOOST_TEST(served.ask(get("/")) == textAnswer("bye", "Connection: Close\r\n"));
    BOOST_TEST(served.transport->disconnecting());
  }
  {
    Served served(tree.root);
    BOOST_TEST(served.ask("GET /hello HTTP/1.0\r\n\r\n") == textAnswer("Hello!", "Connection: close\r\n"));
    BOOST_TEST(served.transport->disconnecting());
  }
  {
    Served served(tree.root);
    const std::string old = "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    BOOST_TEST(served.ask(old + old) ==
               textAnswer("Hello!", "Connection: keep-alive\r\n") + textAnswer("Hello!", "Connection: keep-alive\r\n"));
    BOOST_TEST(!served.transport->disconnecting());
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_waits_for_100_continue_gets_it_if_its_content_is_not_there_already) {
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  Tree tree;
  Served served(tree.root);
  BOOST_TEST(served.ask(head) == "HTTP/1.1 100 Continue\r\n\r\n");
  BOOST_TEST(served.ask("abc") == textAnswer("abc"));
  BOOST_TEST(served.ask(head + "abc") == textAnswer("abc"));
  const std::string tooLarge =
      "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 30000000\r\n\r\n";
  BOOST_TEST(served.ask(tooLarge).starts_with("HTTP/1.1 413 Content Too Large\r\n"));
}

BOOST_AUTO_TEST_CASE(an_answer_without_content_has_no_length) {
  Served served(answering([](Request& request) {
    Response response = Response::empty(request.query().empty() ? 204 : std::stoi(std::string(request.query())));
    response.body = "never sent";
    return response;
  }));
  BOOST_TEST(served.ask(get("/")) == "HTTP/1.1 204 No Content\r\n\r\n");
  BOOST_TEST(served.ask(get("/?304")) == "HTTP/1.1 304 Not Modified\r\n\r\n");
  BOOST_TEST(served.ask(get("/?205")) == "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(connect_and_asterisk_are_answered_sensibly) {
  Tree tree;
  {
    Served served(tree.root);
    BOOST_TEST(served.ask("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\nnot http")
                   .starts_with("HTTP/1.1 501 Not Implemented\r\n"));
    BOOST_TEST(served.transport->writeClosed());
  }
  Served served(tree.root);
  BOOST_TEST(served.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") == "HTTP/1.1 204 No Content\r\n\r\n");
  BOOST_TEST(served.ask("GET * HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 404 Not Found\r\n"));
  // A server that does not upgrade answers as if it had not been asked to.
  BOOST_TEST(served.ask(get("/hello", "Connection: upgrade\r\nUpgrade: h2c\r\n")) == textAnswer("Hello!"));
}

BOOST_AUTO_TEST_CASE(large_answers_are_sent_whole) {
  const std::string large(300000, 'x');
  Served served(answering([&](Request&) { return Response::text(large); }));
  BOOST_TEST((served.ask(get("/")) == textAnswer(large)));
}

// --- bounded memory ---------------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(reading_pauses_when_much_is_pipelined_behind_an_answer_that_is_awaited) {
  Tree tree;
  Served served(tree.root);
  served.send(get("/later"));
  std::string expected = textAnswer("now");
  const std::string request = get("/hello");
  for (std::size_t sent = 0; sent <= 16 * 1024; sent += request.size()) {
    BOOST_TEST(!served.paused());
    served.send(request);
    expected += textAnswer("Hello!");
  }
  BOOST_TEST(served.paused());
  tree.answer("now");
  served.clock.advance(0s);
  BOOST_TEST((served.answers() == expected));
  BOOST_TEST(!served.paused());
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_read_gets_no_more_answers_until_it_does) {
  int rendered = 0;
  Served served(answering([&](Request&) {
    ++rendered;
    return Response::text(std::string(100000, 'x'));
  }));
  served.transport->block();
  served.send(get("/") + get("/") + get("/") + get("/"));
  BOOST_TEST(rendered == 2);
  served.clock.advance(0s);
  BOOST_TEST(rendered == 2);
  served.transport->unblock();
  served.transport->block();
  served.clock.advance(0s);
  BOOST_TEST(rendered == 4);
  served.transport->unblock();
  served.clock.advance(0s);
  BOOST_TEST(served.answers().size() == 4 * textAnswer(std::string(100000, 'x')).size());
  BOOST_TEST(served.ask(get("/")).size() > 100000U);
}

BOOST_AUTO_TEST_CASE(a_client_that_never_reads_its_answer_is_aborted) {
  Served served(answering([&](Request&) { return Response::text(std::string(200000, 'x')); }));
  served.transport->block();
  served.send(get("/"));
  served.clock.advance(59s);
  BOOST_TEST(!served.transport->aborting());
  served.clock.advance(3s);
  BOOST_TEST(served.transport->aborting());
}

// --- deadlines --------------------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(an_idle_connection_is_closed_in_silence) {
  Tree tree;
  Served served(tree.root);
  served.clock.advance(74s);
  BOOST_TEST(served.ask(get("/hello")) == textAnswer("Hello!"));
  served.clock.advance(74s);
  BOOST_TEST(!served.transport->disconnecting());
  served.clock.advance(3s);
  BOOST_TEST(served.transport->disconnecting());
  BOOST_TEST(served.answers() == "");
}

BOOST_AUTO_TEST_CASE(a_head_that_does_not_come_to_its_end_is_408) {
  Tree tree;
  Served served(tree.root);
  served.send("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 19; ++i) {
    served.clock.advance(1s);
    served.send("X: 1\r\n");  // dripping does not help
  }
  BOOST_TEST(served.answers() == "");
  served.clock.advance(3s);
  BOOST_TEST(served.answers().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  BOOST_TEST(served.transport->writeClosed());
}

BOOST_AUTO_TEST_CASE(a_content_may_be_slow_but_not_stand_still_nor_take_for_ever) {
  Tree tree;
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
  {
    Served served(tree.root);
    served.send(head);
    served.clock.advance(19s);
    served.send("x");
    served.clock.advance(19s);
    BOOST_TEST(served.answers() == "");
    served.clock.advance(3s);
    BOOST_TEST(served.answers().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  }
  Served served(tree.root);
  served.send(head);
  int seconds = 0;
  while (served.transport->value().empty() && seconds < 1000) {
    served.clock.advance(10s);
    seconds += 10;
    served.send("x");
  }
  BOOST_TEST(seconds >= 300);
  BOOST_TEST(seconds <= 310);
}

BOOST_AUTO_TEST_CASE(deadlines_of_zero_are_none) {
  Tree tree;
  Served served(tree.root,
                {.headTimeout = 0s, .bodyTimeout = 0s, .requestTimeout = 0s, .idleTimeout = 0s, .sendTimeout = 0s});
  served.clock.advance(1000h);
  served.send("GET /hello HTTP/1.1\r\n");
  served.clock.advance(1000h);
  BOOST_TEST(served.ask("Host: a\r\n\r\n") == textAnswer("Hello!"));
}

BOOST_AUTO_TEST_CASE(deadlines_may_be_as_distant_as_a_duration_can_be) {
  Tree tree;
  constexpr Duration never = Duration::max();
  Served served(tree.root, {.headTimeout = never,
                            .bodyTimeout = never,
                            .requestTimeout = never,
                            .idleTimeout = never,
                            .sendTimeout = never});
  served.clock.advance(1000h);
  served.send("GET /hello HTTP/1.1\r\n");
  served.clock.advance(1000h);
  BOOST_TEST(served.ask("Host: a\r\n\r\n") == textAnswer("Hello!"));
}

BOOST_AUTO_TEST_CASE(no_timer_is_left_when_the_connections_have_gone) {
  Tree tree;
  Served served(tree.root);
  served.send(get("/hello"));
  BOOST_TEST(served.clock.getDelayedCalls().size() == 2U);  // the deadlines of all, and the end of this second
  served.send(get("/hello") + get("/hello"));
  BOOST_TEST(served.clock.getDelayedCalls().size() == 2U);
  served.lose();
  served.clock.advance(200s);
  BOOST_TEST(served.clock.getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(options_that_make_no_sense_are_refused_when_the_site_is_made) {
  bight::testing::Clock clock;
  Tree tree;
  BOOST_CHECK_THROW(Site(clock, nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(Site(clock, tree.root, {.limits = {.head = 100000}}), std::invalid_argument);
  BOOST_CHECK_THROW(Site(clock, tree.root, {.idleTimeout = -1s}), std::invalid_argument);
  BOOST_CHECK_THROW(Site(clock, tree.root, {.streamBuffer = 0}), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
