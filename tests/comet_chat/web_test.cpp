#include "web.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <bight/address.hpp>
#include <bight/connection_errors.hpp>
#include <bight/failure.hpp>
#include <bight/http/server.hpp>
#include <bight/testing.hpp>

#include "client.hpp"

namespace web_test {

using namespace std::chrono_literals;
using chat::testing::get;

namespace {

/// A browser whose connection is a StringTransport, and a server whose time stands still.
struct Browser {
  explicit Browser(bight::http::Site& site) : protocol(site.buildProtocol(transport->getPeer())) {
    protocol->makeConnection(*transport);
  }
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;
  ~Browser() { leave(); }

  void send(const std::string& request) { protocol->dataReceived(request); }
  bool has(std::string_view piece) const { return transport->value().find(piece) != std::string::npos; }
  void leave() {
    if (transport->connected()) transport->lose(*protocol, bight::Failure(bight::ConnectionDone()));
  }

  bight::Ref<bight::testing::StringTransport> transport = bight::makeRef<bight::testing::StringTransport>();
  std::shared_ptr<bight::Protocol> protocol;
};

struct Fixture {
  void say(const std::string& text) { room.say({"Ada", text, ""}); }

  bight::testing::Clock clock;
  chat::Room room{clock, 3};
  std::shared_ptr<bight::http::Site> site = std::make_shared<bight::http::Site>(clock, chat::makeWeb(room));
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(WebSuite, Fixture)

BOOST_AUTO_TEST_CASE(who_waits_for_25_seconds_gets_an_answer_without_messages) {
  Browser browser(*site);
  browser.send(get("/wait?since=0", {}));
  clock.advance(24s);
  BOOST_TEST(browser.transport->value().empty());
  clock.advance(1s);
  BOOST_TEST(browser.has(R"("last":0,"messages":[],"missed":false)"));
}

BOOST_AUTO_TEST_CASE(a_timeout_may_be_shorter_but_not_longer) {
  Browser brief(*site);
  brief.send(get("/wait?since=0&timeout=1", {}));
  Browser none(*site);
  none.send(get("/wait?since=0&timeout=0", {}));
  BOOST_TEST(none.has("\"messages\":[]"));
  Browser endless(*site);
  endless.send(get("/wait?since=0&timeout=4000000000", {}));
  clock.advance(1s);
  BOOST_TEST(brief.has("\"messages\":[]"));
  BOOST_TEST(endless.transport->value().empty());
  clock.advance(24s);
  BOOST_TEST(endless.has("\"messages\":[]"));
}

BOOST_AUTO_TEST_CASE(a_stream_shows_a_sign_of_life) {
  Browser browser(*site);
  browser.send(get("/events", {}));
  clock.advance(25s);
  BOOST_TEST(browser.has(": still here\n\n"));
  BOOST_TEST(room.waiting() == 1U);
}

BOOST_AUTO_TEST_CASE(a_reader_that_does_not_read_costs_nothing_and_is_told_what_it_missed) {
  Browser browser(*site);
  browser.send(get("/events", {}));
  browser.transport->block();
  for (int n = 0; n < 1000; ++n) say("message " + std::to_string(n));
  BOOST_TEST(browser.transport->writeBufferSize() < 1000U);  // the first message, and no more
  BOOST_TEST(room.waiting() == 0U);
  browser.transport->unblock();
  BOOST_TEST(browser.has("\"text\":\"message 0\""));
  BOOST_TEST(!browser.has("\"text\":\"message 500\""));
  BOOST_TEST(browser.has("event: missed\n"));
  BOOST_TEST(browser.has("\"text\":\"message 999\""));
  BOOST_TEST(room.waiting() == 1U);
}

BOOST_AUTO_TEST_CASE(a_slow_reader_gets_a_long_history_whole) {
  chat::Room full(clock, 200);
  std::string longest;
  for (std::size_t n = 0; n < chat::textLimit; ++n) longest += "\U0001f600";
  for (int n = 0; n < 200; ++n) full.say({"Ada", longest, ""});
  bight::http::Site itsSite(clock, chat::makeWeb(full));
  Browser browser(itsSite);
  browser.transport->block();
  browser.send(get("/events?since=0", {}));
  BOOST_TEST(browser.transport->writeBufferSize() < 100'000U);
  browser.transport->unblock();
  BOOST_TEST(browser.transport->connected());
  BOOST_TEST(browser.has("id: " + full.name() + "-200\n"));
  BOOST_TEST(full.waiting() == 1U);
}

BOOST_AUTO_TEST_CASE(a_reader_that_goes_away_leaves_nothing_behind) {
  {
    Browser waiter(*site);
    waiter.send(get("/wait?since=0&user=Ada", {}));
    Browser reader(*site);
    reader.send(get("/events?user=Grace", {}));
    Browser blocked(*site);
    blocked.send(get("/events", {}));
    BOOST_TEST(room.waiting() == 3U);
    blocked.transport->block();
    say("Hello");
    BOOST_TEST(room.waiting() == 1U);
    waiter.leave();
    reader.leave();
    BOOST_TEST(room.waiting() == 0U);
    blocked.leave();
    BOOST_TEST(room.waiting() == 0U);
  }
  BOOST_TEST(room.waiting() == 0U);
  clock.pump({5s, 1s, 100s});
  BOOST_TEST(clock.getDelayedCalls().empty());
  BOOST_TEST(room.people().count == 0U);
}

// What a page asks for WebSocket with.
static std::string socketRequest(std::string_view query, std::string_view more = {}) {
  return get("/socket" + std::string(query),
             "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                 std::string(more));
}
// A short text of a client, masked with zeros.
static std::string saying(const std::string& text) {
  return "\x81" + std::string(1, static_cast<char>(0x80 | text.size())) + std::string(4, '\0') + text;
}

/// A page whose connection changes from HTTP to WebSocket.
struct SocketPage {
  SocketPage(bight::http::Site& site, const std::string& request)
      : pump(page, site.buildProtocol(bight::IPv4Address({127, 0, 0, 1}, 50000))) {
    send(request);
  }
  void send(const std::string& bytes) {
    page->transport().write(bytes);
    pump.flush();
  }
  bool has(std::string_view piece) {
    pump.flush();
    return page->data().find(piece) != std::string::npos;
  }
  std::shared_ptr<bight::testing::AccumulatingProtocol> page = std::make_shared<bight::testing::AccumulatingProtocol>();
  bight::testing::IOPump pump;
};

BOOST_AUTO_TEST_CASE(a_socket_brings_news_and_takes_words) {
  say("before");
  {
    SocketPage page(*site, socketRequest("?since=0&user=Ada", "Origin: http://127.0.0.1\r\n"));
    BOOST_TEST(page.has("101 Switching Protocols"));
    BOOST_TEST(page.has("\"text\":\"before\""));
    say("news");
    BOOST_TEST(page.has("\"text\":\"news\""));
    page.send(saying(R"({"user":"Ada","text":"by socket"})"));
    BOOST_TEST(page.has("\"text\":\"by socket\""));
    BOOST_TEST(room.last() == 3U);
    page.send(saying(R"({"user":"Ada"})"));
    BOOST_TEST(page.has(R"({"refused":")"));
    page.page->clear();
    clock.advance(25s);
    BOOST_TEST(page.has("\"messages\":[]"));
    BOOST_TEST(room.people().count == 1U);
    BOOST_TEST(room.waiting() == 1U);
    room.close();
    BOOST_TEST(page.has("The chat ends."));
  }
  BOOST_TEST(room.waiting() == 0U);
}

BOOST_AUTO_TEST_CASE(a_socket_is_for_our_own_page_and_says_what_is_wrong) {
  SocketPage stranger(*site, socketRequest("", "Origin: http://other.example\r\n"));
  BOOST_TEST(stranger.has("HTTP/1.1 403 "));
  SocketPage confused(*site, socketRequest("?since=yesterday"));
  BOOST_TEST(confused.has("HTTP/1.1 400 "));
  SocketPage plain(*site, get("/socket", {}));
  BOOST_TEST(plain.has("HTTP/1.1 426 "));
}

BOOST_AUTO_TEST_CASE(a_closed_room_ends_streams_and_does_not_spin) {
  Browser browser(*site);
  browser.send(get("/events", {}));
  room.close();
  BOOST_TEST(browser.transport->value().ends_with("\r\n0\r\n\r\n"));
  browser.send(get("/events", {}));
  BOOST_TEST(room.waiting() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace web_test
