#include "server.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bight/reactor.hpp>

#include "client.hpp"
#include "page.hpp"

namespace server_test {

using namespace std::chrono_literals;
using chat::testing::call;
using chat::testing::get;
using chat::testing::Line;
using chat::testing::post;

namespace server_test {

/// A server and the reactor that it runs on, with everything that talks to it.
struct Chat {
  explicit Chat(const std::string& backend, chat::Settings settings = {.port = 0})
      : reactor(bight::makeReactor(backend)), server(*reactor, settings) {}

  std::uint16_t port() const { return server.ports().front()->getHost().port(); }
  std::shared_ptr<Line> ask(const std::string& request) { return call(*reactor, port(), request); }

  /// Lets the reactor turn until the condition is true; fails the test if it never is.
  void until(const std::function<bool()>& condition) {
    const bight::Duration end = reactor->seconds() + 20s;
    while (!condition()) {
      if (reactor->seconds() > end) BOOST_FAIL("what was waited for did not happen within 20 s");
      reactor->iterate(50ms);
    }
  }
  /// Asks one question and returns the whole answer.
  std::string answer(const std::string& request) {
    const auto line = ask(request);
    until([&] { return line->lost; });
    return line->received;
  }
  std::string say(const std::string& text) { return answer(post(R"({"user":"Ada","text":")" + text + "\"}")); }

  std::unique_ptr<bight::Reactor> reactor;
  chat::Server server;
};

}  // namespace server_test

using server_test::Chat;

namespace {

bool contains(std::string_view all, std::string_view piece) {
  return all.find(piece) != std::string_view::npos;
}

const std::vector<std::string> backends = bight::availableReactors();
const auto everyBackend = boost::unit_test::data::make(backends);

}  // namespace

BOOST_AUTO_TEST_SUITE(ServerSuite)

BOOST_DATA_TEST_CASE(the_page_and_all_that_belongs_to_it_is_served, everyBackend, backend) {
  Chat chat(backend);
  const std::string page = chat.answer(get("/"));
  BOOST_TEST(page.starts_with("HTTP/1.1 200 OK\r\n"));
  BOOST_TEST(contains(page, "Content-Type: text/html; charset=utf-8\r\n"));
  BOOST_TEST(contains(page, "Content-Security-Policy: default-src 'none'; script-src 'self'"));
  for (const chat::PageFile& file : chat::pageFiles()) {
    if (file.name == "index.html") {
      BOOST_TEST(page.ends_with(file.content));
    } else {
      BOOST_TEST(chat.answer(get("/" + std::string(file.name))).ends_with(file.content));
    }
  }
  BOOST_TEST(chat.answer(get("/nothing")).starts_with("HTTP/1.1 404 "));
}

BOOST_DATA_TEST_CASE(a_message_reaches_everybody_who_waits, everyBackend, backend) {
  Chat chat(backend);
  std::vector<std::shared_ptr<Line>> waiters;
  for (int n = 0; n < 20; ++n) waiters.push_back(chat.ask(get("/wait?since=0")));
  chat.until([&] { return chat.server.room().waiting() == waiters.size(); });
  BOOST_TEST(contains(chat.say("Hello"), R"({"id":1,"room":")"));
  for (const auto& waiter : waiters) {
    chat.until([&] { return waiter->lost; });
    BOOST_TEST(waiter->has(R"("last":1)", R"("text":"Hello")", R"("missed":false)", "Cache-Control: no-store\r\n"));
  }
  BOOST_TEST(chat.server.room().waiting() == 0U);
}

BOOST_DATA_TEST_CASE(forms_are_taken_as_well_as_json, everyBackend, backend) {
  Chat chat(backend);
  BOOST_TEST(contains(chat.answer(post("user=Ada+L.&text=100%25+%C3%A9&key=k1", "application/x-www-form-urlencoded")),
                      R"("id":1)"));
  BOOST_TEST(contains(chat.answer(get("/wait")), R"("text":"100% é")"));
  BOOST_TEST(contains(chat.answer(get("/wait")), R"("user":"Ada L.")"));
}

BOOST_DATA_TEST_CASE(a_waiter_that_goes_away_leaves_nothing_behind, everyBackend, backend) {
  Chat chat(backend);
  const std::size_t before = chat.reactor->getDelayedCalls().size();
  std::vector<std::shared_ptr<Line>> waiters;
  for (int n = 0; n < 100; ++n) {
    waiters.push_back(chat.ask(get(n % 2 ? "/wait?since=0" : "/events", {})));
  }
  chat.until([&] { return chat.server.room().waiting() == waiters.size(); });
  BOOST_TEST(chat.reactor->getDelayedCalls().size() > before + waiters.size() / 2);
  for (std::size_t n = 0; n < waiters.size(); ++n) {
    n % 4 < 2 ? waiters[n]->transport().abortConnection() : waiters[n]->transport().loseConnection();
  }
  chat.until([&] { return chat.server.room().waiting() == 0; });
  chat.until([&] { return chat.reactor->getDelayedCalls().size() <= before + 1; });  // the site's own clock may tick
  BOOST_TEST(contains(chat.say("Hello"), R"("id":1)"));
}

BOOST_DATA_TEST_CASE(one_connection_carries_one_question_after_the_other, everyBackend, backend) {
  Chat chat(backend);
  const auto line = chat.ask(get("/wait?since=0", {}));
  chat.until([&] { return chat.server.room().waiting() == 1; });
  chat.say("one");
  chat.until([&] { return line->has("\"text\":\"one\""); });
  line->transport().write(get("/wait?since=1", {}) + get("/wait?since=0", {}));  // the second is sent ahead
  chat.until([&] { return chat.server.room().waiting() == 1; });
  chat.say("two");
  chat.until([&] { return line->has("\"text\":\"two\"", R"("last":2)"); });
  chat.until([&] { return line->received.rfind("\"text\":\"one\"") > line->received.find("\"text\":\"two\""); });
  BOOST_TEST(!line->lost);
}

BOOST_DATA_TEST_CASE(server_sent_events_flow_and_go_on_from_the_last_id, everyBackend, backend) {
  Chat chat(backend);
  const std::string room = chat.server.room().name();
  chat.say("one");
  const auto first = chat.ask(get("/events?user=Grace", {}));
  chat.until([&] {
    return first->has("Content-Type: text/event-stream\r\n", "retry: 1000\n\n", "id: " + room + "-1\ndata: {");
  });
  chat.say("two");
  chat.until([&] { return first->has("id: " + room + "-2\ndata: {\"id\":2,"); });
  chat.until([&] { return first->has("event: who\ndata: {\"count\":1,\"names\":[\"Grace\"]"); });
  BOOST_TEST(!first->has("event: missed"));
  const auto again = chat.ask(get("/events", "Last-Event-ID: " + room + "-1\r\n"));
  chat.until([&] { return again->has("-2\ndata: "); });
  BOOST_TEST(!again->has("\"text\":\"one\""));
  const auto stranger = chat.ask(get("/events", "Last-Event-ID: 0badcafe-2\r\n"));
  chat.until([&] { return stranger->has("event: missed\ndata: {}\n\n", "\"text\":\"one\"", "\"text\":\"two\""); });
}

BOOST_DATA_TEST_CASE(who_is_here_is_told, everyBackend, backend) {
  Chat chat(backend);
  BOOST_TEST(contains(chat.answer(get("/who")), R"({"count":0,"names":[],"version":0})"));
  const auto ada = chat.ask(get("/wait?since=0&user=Ada", {}));
  BOOST_TEST(contains(chat.answer(get("/wait?since=0&who=0")), R"("who":{"count":1,"names":["Ada"],"version":1})"));
}

BOOST_DATA_TEST_CASE(stopping_answers_all_who_wait_and_frees_the_port, everyBackend, backend) {
  Chat chat(backend);
  const auto waiter = chat.ask(get("/wait?since=0", {}));
  const auto reader = chat.ask(get("/events", {}));
  chat.until([&] { return chat.server.room().waiting() == 2; });
  bool stopped = false;
  chat.server.stop().addCallback([&] { stopped = true; });
  chat.until([&] {
    return stopped && waiter->has(R"("messages":[])", "Connection: close\r\n") && reader->has("\r\n0\r\n\r\n");
  });
  chat::Server second(*chat.reactor, {.port = chat.port()});
}

BOOST_DATA_TEST_CASE(an_address_in_use_is_refused, everyBackend, backend) {
  Chat chat(backend);
  BOOST_CHECK_THROW(chat::Server(*chat.reactor, {.port = chat.port()}), bight::CannotListenError);
}

BOOST_AUTO_TEST_SUITE_END()

// What is wrong with a request does not depend on the backend.
BOOST_AUTO_TEST_SUITE(BadInputSuite)

struct Case {
  std::string request;
  int status;
  std::string sentence;
};

std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.request;
}

const std::vector<Case> cases{
    {post("{}"), 400, "There is nothing to say: the text is missing or empty."},
    {post(R"({"text":"Hello"})"), 400, "Who are you? The name (user) is missing or empty."},
    {post(R"({"user":"Ada","text":7})"), 400, "\"text\" is to be a string."},
    {post("Hello"), 400, "The content is to be JSON such as"},
    {post("{\"user\":\"Ada\",\"text\":\"a\\u0007\"}"), 400, "The text contains a control character."},
    {post("user=Ada&text=%FF", "application/x-www-form-urlencoded"), 400, "The text is not valid UTF-8."},
    {post("user=Ada&text=%4", "application/x-www-form-urlencoded"), 400, ""},
    {post("<a/>", "text/xml"), 415, ""},
    {post(R"({"user":"Ada","text":"Hello"})", "application/json", "Origin: http://elsewhere.example\r\n"), 403,
     "This chat takes messages from its own page only."},
    {post(R"({"user":"Ada","text":"Hello"})", "application/json", "Origin: null\r\n"), 403, "from its own page only."},
    {get("/put"), 405, ""},
    {get("/wait?since=x"), 400, "\"since\" is to be the id of a message"},
    {get("/wait?since=-1"), 400, "\"since\" is to be the id of a message"},
    {get("/wait?since=0&timeout=-1"), 400, "\"timeout\" is to be a number of whole seconds"},
    {get("/wait?since=0&timeout=1.5"), 400, "\"timeout\" is to be a number of whole seconds"},
    {get("/wait?since=0&timeout=soon"), 400, "\"timeout\" is to be a number of whole seconds"},
    {get("/wait?since=0&who=me"), 400, "\"who\" is to be the version"},
    {get("/wait?since=0&user=%00"), 400, "The name contains a control character."},
    {get("/events?since=x"), 400, "\"since\" is to be the id of a message"},
    {get("/events", "Connection: close\r\nLast-Event-ID: x\r\n"), 400, "\"since\" is to be the id of a message"},
};

BOOST_DATA_TEST_CASE(is_answered_with_a_status_and_a_sentence, boost::unit_test::data::make(cases), one) {
  Chat chat(std::string{});
  chat.server.room().say({"Ada", "something", ""});
  const std::string answer = chat.answer(one.request);
  BOOST_TEST_CONTEXT(answer) {
    BOOST_TEST(answer.starts_with("HTTP/1.1 " + std::to_string(one.status) + " "));
    BOOST_TEST(contains(answer, one.sentence));
  }
  BOOST_TEST(chat.server.room().last() == 1U);
}

BOOST_AUTO_TEST_CASE(from_the_own_page_is_none) {
  Chat chat(std::string{});
  BOOST_TEST(contains(
      chat.answer(post(R"({"user":"Ada","text":"Hello"})", "application/json", "Origin: http://127.0.0.1\r\n")),
      R"("id":1)"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace server_test
