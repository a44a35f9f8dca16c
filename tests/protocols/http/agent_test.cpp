#include <bight/http/agent.hpp>

#include <chrono>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <bight/http/decoding.hpp>

#include "client_fixture.hpp"

BOOST_AUTO_TEST_SUITE(NetworkAgentTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::testcases::now;
using bight::testcases::whole;
using bight::testcases::Wires;

namespace {

bight::testcases::Asked ask(http::Agent& agent, const char* url, http::Timeouts timeouts = {}) {
  return whole(agent.request({.method = "GET", .url = url, .timeouts = timeouts}));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_request_goes_out_and_its_answer_comes_in) {
  Wires wires;
  auto agent = wires.agent();
  auto answer = ask(*agent, "http://a.example:8080/b?c#d");
  BOOST_REQUIRE_EQUAL(wires.lines.size(), 1u);
  BOOST_TEST(wires.lines[0].sent() ==
             "GET /b?c HTTP/1.1\r\nHost: a.example:8080\r\nUser-Agent: bight\r\nAccept: */*\r\nAccept-Encoding: " +
                 std::string(http::ContentDecoder::accepted()) + "\r\n\r\n");
  wires.lines[0].send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  BOOST_TEST(now(answer) == "waits");
  wires.lines[0].send("llo");
  BOOST_TEST(now(answer) == "200 hello");
  BOOST_TEST(agent->idleConnections() == 1u);
}

BOOST_AUTO_TEST_CASE(connections_are_kept_and_used_again_the_last_one_first) {
  Wires wires;
  auto agent = wires.agent();
  auto first = ask(*agent, "http://a/1"), second = ask(*agent, "http://a/2");
  BOOST_REQUIRE_EQUAL(wires.lines.size(), 2u);
  wires.lines[0].send("HTTP/1.1 204 No\r\n\r\n");
  wires.lines[1].send("HTTP/1.1 204 No\r\n\r\n");
  wires.lines[0].sent();
  wires.lines[1].sent();
  auto third = ask(*agent, "http://a/3");
  BOOST_TEST(wires.lines[1].sent().starts_with("GET /3 "));
  auto other = ask(*agent, "http://b/1");
  BOOST_REQUIRE_EQUAL(wires.lines.size(), 3u);
  wires.lines[2].send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  BOOST_TEST(now(other) == "200 ");
  BOOST_TEST(wires.lines[2].transport->disconnecting());
  wires.lines[0].close();  // while it is free
  BOOST_TEST(agent->connections() == 1u);
  wires.lines[1].send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  BOOST_TEST(agent->idleConnections() == 1u);
  wires.reactor.advance(29s);
  BOOST_TEST(agent->idleConnections() == 1u);
  wires.reactor.advance(2s);
  BOOST_TEST(agent->idleConnections() == 0u);
  BOOST_TEST(wires.lines[1].transport->disconnecting());
}

BOOST_AUTO_TEST_CASE(who_asks_again_at_an_answer_without_content_finds_its_connection_free) {
  for (const char* empty : {"HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 302 There\r\nContent-Length: 0\r\n\r\n"}) {
    Wires wires;
    auto agent = wires.agent();
    auto second =
        whole(agent->request({.method = "GET", .url = "http://a/1"}).addCallback([&agent](const http::ClientResponse&) {
          return agent->request({.method = "GET", .url = "http://a/2"});
        }));
    wires.lines[0].sent();
    wires.lines[0].send(empty);
    BOOST_REQUIRE_EQUAL(wires.lines.size(), 1u);
    BOOST_TEST(wires.lines[0].sent().starts_with("GET /2 "));
    wires.lines[0].send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    BOOST_TEST(now(second) == "200 ok");
  }
}

BOOST_AUTO_TEST_CASE(more_requests_than_connections_wait_their_turn_for_so_long) {
  Wires wires;
  http::AgentOptions options;
  options.connectionsPerHost = 1;
  options.queuedPerHost = 2;
  auto agent = wires.agent(std::move(options));
  auto one = ask(*agent, "http://a/1"), two = ask(*agent, "http://a/2"),
       three = ask(*agent, "http://a/3", {.read = 60s, .total = 0s}), four = ask(*agent, "http://a/4");
  BOOST_TEST(now(four) == "GET http://a/4: 2 requests wait for http://a already.");
  wires.lines[0].sent();
  wires.lines[0].send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
  BOOST_TEST(now(one) == "200 1");
  BOOST_TEST(wires.lines[0].sent().starts_with("GET /2 "));
  two.cancel();  // the connection goes, and the next request gets a new one
  BOOST_TEST(now(two).starts_with("GET http://a/2: the request was cancelled (connected after 0 s)"));
  BOOST_REQUIRE_EQUAL(wires.lines.size(), 2u);
  BOOST_TEST(wires.lines[1].sent().starts_with("GET /3 "));
  auto five = ask(*agent, "http://a/5");
  wires.reactor.advance(30s);
  BOOST_TEST(now(five) ==
             "GET http://a/5: no connection to a:80 became free within 30 s (1 are busy, 1 requests wait).");
  BOOST_TEST(now(three) == "waits");
}

BOOST_AUTO_TEST_CASE(a_dead_kept_connection_costs_nothing_if_the_request_may_be_repeated) {
  Wires wires;
  auto agent = wires.agent();
  const auto use = [&](std::size_t line) { wires.lines[line].send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"); };
  auto first = ask(*agent, "http://a/");
  use(0);
  auto again = ask(*agent, "http://a/");
  wires.lines[0].sent();
  wires.lines[0].close();
  BOOST_REQUIRE_EQUAL(wires.lines.size(), 2u);
  BOOST_TEST(wires.lines[1].sent().starts_with("GET / "));
  use(1);
  BOOST_TEST(now(again) == "200 x");

  auto post = whole(agent->request({.method = "POST", .url = "http://a/", .body = "x"}));
  wires.lines[1].close();
  BOOST_TEST(now(post).find("closed the connection before the head of its answer") != std::string::npos);
  BOOST_TEST(wires.lines.size() == 2u);

  auto fresh = ask(*agent, "http://a/");  // on a new connection: that one is not old, the server means it
  wires.lines[2].close();
  BOOST_TEST(now(fresh).find("closed the connection before") != std::string::npos);
  auto some = ask(*agent, "http://a/");
  use(3);
  auto begun = ask(*agent, "http://a/");
  wires.lines[3].send("HTTP/1.1 2");
  wires.lines[3].reset();
  BOOST_TEST(now(begun).find(": the connection was lost in the middle of the head") != std::string::npos);
  BOOST_TEST(wires.lines.size() == 4u);
}

BOOST_AUTO_TEST_CASE(every_stage_has_its_limit_and_says_what_where_and_how_long) {
  Wires wires;
  auto agent = wires.agent();
  wires.slow = true;
  auto dialing = ask(*agent, "http://a/");
  wires.reactor.advance(10s);
  BOOST_TEST(now(dialing) == "GET http://a/: no connection to a:80 within 10 s.");
  BOOST_TEST(wires.cancelled == 1);
  BOOST_TEST(agent->connections() == 0u);
  auto refused = ask(*agent, "http://a/");
  wires.dials.back().errback(ConnectionRefusedError(111));
  BOOST_TEST(now(refused).starts_with("GET http://a/: no connection to a:80 (after 0 s): "));
  wires.slow = false;

  auto waiting = ask(*agent, "http://a/", {.read = 5s});
  wires.reactor.advance(5s);
  BOOST_TEST(now(waiting).starts_with("GET http://a/: no answer from "));
  BOOST_TEST(wires.lines[0].transport->disconnecting());
  auto trickle = ask(*agent, "http://a/", {.read = 5s});
  wires.reactor.advance(4s);
  wires.lines[1].send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  wires.reactor.advance(4s);
  BOOST_TEST(now(trickle) == "waits");
  wires.lines[1].send("d");
  wires.reactor.advance(5s);
  BOOST_TEST(now(trickle).find("sent nothing more for 5 s (4 of 10 bytes of the content were received).") !=
             std::string::npos);
  auto total = ask(*agent, "http://a/", {.read = 5s, .total = 7s});
  for (int i = 0; i < 3; ++i) {
    wires.lines[2].send(i ? "x" : "HTTP/1.1 200 OK\r\n\r\n");
    wires.reactor.advance(2s);
  }
  wires.lines[2].send("x");
  wires.reactor.advance(1s);
  BOOST_TEST(now(total) ==
             "GET http://a/: not all of the answer came within 7 s (3 bytes of the content were received).");
  auto none = ask(*agent, "http://a/", {.connect = 0s, .read = 0s, .write = 0s, .total = 0s});
  wires.reactor.advance(24h);
  BOOST_TEST(now(none) == "waits");
}

BOOST_AUTO_TEST_CASE(contents_end_where_their_framing_says_and_a_cut_is_seen) {
  Wires wires;
  auto agent = wires.agent();
  auto untilClose = ask(*agent, "http://a/");
  wires.lines[0].send("HTTP/1.1 200 OK\r\n\r\nall of");
  wires.lines[0].send(" it");
  wires.lines[0].close();
  BOOST_TEST(now(untilClose) == "200 all of it");
  auto cut = ask(*agent, "http://a/");
  wires.lines[1].send("HTTP/1.1 200 OK\r\n\r\nall of");
  wires.lines[1].reset();
  BOOST_TEST(now(cut).starts_with("The content is incomplete: GET http://a/: the connection to "));
  auto shorter = ask(*agent, "http://a/");
  wires.lines[2].send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall of");
  wires.lines[2].close();
  BOOST_TEST(now(shorter).ends_with(" closed the connection after 6 of 9 bytes."));
  auto chunks = ask(*agent, "http://a/");
  wires.lines[3].send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n");
  wires.lines[3].close();
  BOOST_TEST(now(chunks).ends_with("after 3 bytes."));
  auto head = whole(agent->request({.method = "HEAD", .url = "http://a/"}));
  wires.lines[4].send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  BOOST_TEST(now(head) == "200 ");
  auto early = ask(*agent, "http://a/");
  wires.lines[4].send(
      "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK");
  BOOST_TEST(now(early) == "200 ok");
  BOOST_TEST(wires.lines[4].transport->disconnecting());  // who sends more than was asked is not trusted again
  auto nonsense = ask(*agent, "http://a/");
  wires.lines[5].send("SSH-2.0-OpenSSH\r\n");
  BOOST_TEST(now(nonsense).find(" sent what is not HTTP: The status line does not begin") != std::string::npos);
  auto unasked = ask(*agent, "http://a/");
  wires.lines[6].send("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
  BOOST_TEST(now(unasked).find("which nobody had asked for") != std::string::npos);
  auto flood = ask(*agent, "http://a/");
  for (int i = 0; i < 101 && now(flood) == "waits"; ++i) wires.lines[7].send("HTTP/1.1 103 Early\r\n\r\n");
  BOOST_TEST(now(flood).find("too many answers that are not final") != std::string::npos);
  auto last = ask(*agent, "http://a/");
  wires.lines[8].send("HTTP/1.1 204 No\r\n\r\n");
  wires.lines[8].send("HTTP/1.1 200 Poisoned\r\n\r\n");
  BOOST_TEST(agent->connections() == 0u);
}

BOOST_AUTO_TEST_CASE(a_slow_reader_makes_the_server_wait_and_a_dropped_one_ends_the_connection) {
  Wires wires;
  auto agent = wires.agent();
  std::optional<http::ClientResponse> response;
  const auto keep = [&](http::ClientResponse r) { response.emplace(std::move(r)); };
  agent->request({.method = "GET", .url = "http://a/"}).addCallback(keep);
  wires.lines[0].send("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
  BOOST_TEST(response->length().value() == 200000u);
  wires.lines[0].send(std::string(60000, 'x'));
  BOOST_TEST((wires.lines[0].transport->producerState() == testing::StringTransport::ProducerState::producing));
  wires.lines[0].send(std::string(60000, 'x'));
  BOOST_TEST((wires.lines[0].transport->producerState() == testing::StringTransport::ProducerState::paused));
  wires.reactor.advance(60s);  // that is no fault of the server's
  std::size_t got = 0;
  auto done = response->collect([&](std::string_view piece) { got += piece.size(); });
  BOOST_TEST(got == 120000u);
  BOOST_TEST((wires.lines[0].transport->producerState() == testing::StringTransport::ProducerState::producing));
  wires.lines[0].send(std::string(80000, 'x'));
  BOOST_TEST(got == 200000u);
  BOOST_TEST(agent->idleConnections() == 1u);
  agent->request({.method = "GET", .url = "http://a/"}).addCallback(keep);
  wires.lines[0].send("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
  response.reset();
  BOOST_TEST(wires.lines[0].transport->disconnecting());
  BOOST_TEST(agent->connections() == 0u);
}

BOOST_AUTO_TEST_CASE(uploads_are_streamed_in_step_with_the_server) {
  Wires wires;
  auto agent = wires.agent();
  int asked = 0;
  const auto stream = [&](int pieces) {
    return [&asked, left = pieces]() mutable {
      ++asked;
      return succeed(left-- > 0 ? std::string("abc") : std::string());
    };
  };
  auto chunks =
      whole(agent->request({.method = "POST", .url = "http://a/", .body = http::RequestBody::stream(stream(2))}));
  BOOST_TEST(wires.lines[0].sent().ends_with("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"));
  BOOST_TEST(asked == 0);
  wires.lines[0].send("HTTP/1.1 100 Continue\r\n\r\n");
  BOOST_TEST(wires.lines[0].sent() == "3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n");
  wires.lines[0].send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  BOOST_TEST(now(chunks) == "201 ");
  auto known =
      whole(agent->request({.method = "PUT", .url = "http://a/", .body = http::RequestBody::stream(stream(2), 6)}));
  BOOST_TEST(wires.lines[0].sent().ends_with("Content-Length: 6\r\n\r\nabcabc"));
  wires.lines[0].send("HTTP/1.1 204 No\r\n\r\n");
  auto shorter =
      whole(agent->request({.method = "PUT", .url = "http://a/", .body = http::RequestBody::stream(stream(1), 6)}));
  BOOST_TEST(now(shorter) == "PUT http://a/: the content ended after 3 of the 6 bytes that were announced.");
  BOOST_TEST(wires.lines[0].transport->disconnecting());
  auto refused =
      whole(agent->request({.method = "POST", .url = "http://a/", .body = http::RequestBody::stream(stream(9))}));
  asked = 0;
  wires.lines[1].send("HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\n\r\nno");
  BOOST_TEST(now(refused) == "413 no");
  BOOST_TEST(asked == 0);
  BOOST_TEST(wires.lines[1].transport->disconnecting());
  auto patient =
      whole(agent->request({.method = "POST", .url = "http://a/", .body = http::RequestBody::stream(stream(1))}));
  wires.reactor.advance(1s);  // it does not know 100-continue
  BOOST_TEST(wires.lines[2].sent().ends_with("3\r\nabc\r\n0\r\n\r\n"));
  const std::string large(300000, 'x');
  auto big = whole(agent->request({.method = "POST", .url = "http://a/", .body = large}));
  BOOST_TEST(wires.lines[3].sent().size() > large.size());
}

BOOST_AUTO_TEST_CASE(misuse_throws_and_every_step_can_be_traced) {
  Wires wires;
  std::string steps;
  http::AgentOptions options;
  options.trace = [&](const http::TraceEvent& event) { steps += "qcCrsafxR"[static_cast<int>(event.what)]; };
  auto agent = wires.agent(std::move(options));
  auto one = ask(*agent, "http://a/");
  wires.lines[0].send("HTTP/1.1 204 No\r\n\r\n");
  auto two = ask(*agent, "http://a/");
  two.cancel();
  BOOST_TEST(steps == "cCsafrsx");
  BOOST_TEST(now(two).find("cancelled") != std::string::npos);
  BOOST_CHECK_THROW(static_cast<void>(ask(*agent, "ftp://a/")), std::invalid_argument);
  BOOST_CHECK_THROW(static_cast<void>(agent->request({.method = "G ET", .url = "http://a/"})), std::invalid_argument);
  BOOST_CHECK_THROW(
      static_cast<void>(agent->request({.method = "GET", .url = "http://a/", .headers = {{"Content-Length", "1"}}})),
      std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(proxies_are_asked_in_the_form_that_they_want) {
  const auto through = [](testing::MemoryReactor& reactor, const char* proxy) {
    http::AgentOptions options;
    options.proxy = http::Proxy{proxy, {"10.0.0.9", ".local.example"}};
    return std::make_shared<http::NetworkAgent>(reactor, std::move(options));
  };
  std::vector<bight::testcases::Line> made;
  const auto connect = [&made](testing::MemoryReactor& reactor) {
    bight::testcases::Line line;
    line.client = reactor.tcpClients().back()->succeed();
    line.client->makeConnection(*line.transport);
    made.push_back(line);
    return line;
  };
  testing::MemoryReactor reactor;
  auto agent = through(reactor, "http://u:p@10.0.0.1:3128");
  auto plain = ask(*agent, "http://a.example/b");
  BOOST_TEST(reactor.tcpClients().back()->host() == "10.0.0.1");
  auto line = connect(reactor);
  const std::string sent = line.sent();
  BOOST_TEST(sent.starts_with("GET http://a.example/b HTTP/1.1\r\nHost: a.example\r\n"));
  BOOST_TEST(sent.find("\r\nProxy-Authorization: Basic dTpw\r\n") != std::string::npos);
  auto direct = ask(*agent, "http://10.0.0.9/b");
  BOOST_TEST(reactor.tcpClients().back()->host() == "10.0.0.9");

  auto tunnel = ask(*agent, "https://a.example/b");
  line = connect(reactor);
  BOOST_TEST(line.sent() ==
             "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n");
  line.send("HTTP/1.1 200 Connection established\r\n\r\n");
  BOOST_TEST(line.sent().starts_with("\x16\x03"));  // TLS begins
  auto refused = ask(*agent, "https://b.example/");
  line = connect(reactor);
  line.send("HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n");
  BOOST_TEST(now(refused).find("the proxy answers CONNECT with 407 Who are you") != std::string::npos);

  auto socks = through(reactor, "socks5://10.0.0.2");
  auto sock = ask(*socks, "http://a.example:81/b");
  BOOST_TEST(reactor.tcpClients().back()->port() == 1080);
  line = connect(reactor);
  BOOST_TEST(line.sent() == std::string("\x05\x01\x00", 3));
  line.send(std::string("\x05\x00", 2));
  BOOST_TEST(line.sent() == std::string("\x05\x01\x00\x03\x09"
                                        "a.example\x00\x51",
                                        16));
  line.send(std::string("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10));
  BOOST_TEST(line.sent().starts_with("GET /b HTTP/1.1\r\nHost: a.example:81\r\n"));
  line.send("HTTP/1.1 204 No\r\n\r\n");
  BOOST_TEST(now(sock) == "204 ");
  for (bight::testcases::Asked* each : {&plain, &direct, &tunnel}) each->cancel();
  for (bight::testcases::Line& each : made) each.reset();
  BOOST_CHECK_THROW(static_cast<void>(http::NetworkAgent(reactor, {.connectionsPerHost = 0})), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
