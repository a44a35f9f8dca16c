#include <bight/websocket/connection.hpp>

#include <boost/test/unit_test.hpp>

#include <bight/defer_later.hpp>
#include <bight/http/server.hpp>
#include <bight/reactor.hpp>
#include <bight/testing/log_capture.hpp>
#include <bight/testing/memory_reactor.hpp>
#include <bight/tls.hpp>

#include "socket_fixture.hpp"

BOOST_AUTO_TEST_SUITE(WebSocketConnection)

using namespace bight;
using namespace std::chrono_literals;
using websocket::Connection;
using websocket::ConnectionClosed;
using websocket::Message;

namespace {

/// A server that runs `session`, and one client with a handle, in memory.
struct Talk {
  explicit Talk(Function<Deferred<void>(Connection)> session, websocket::Options options = {}) {
    auto resource = websocket::serve(reactor, std::move(session), options);
    reactor.listenTCP(80, std::make_shared<http::Site>(reactor, resource));
    bool connected = false;
    websocket::connect(reactor, "ws://127.0.0.1/", options).addCallback([&](Connection one) {
      client = std::move(one);
      connected = true;
    });
    pump = reactor.connectTo(80, reactor.tcpClients().back()->succeed());
    pump->flush();
    BOOST_REQUIRE(connected);
  }
  /// What a Deferred of a message gives by now.
  std::string hear(Deferred<Message> deferred) {
    auto text = std::make_shared<std::string>("(nothing)");
    deferred.addCallbacks([text](const Message& message) { *text = message.payload; },
                          [text](const Failure& failure) {
                            const auto* closed = failure.get<ConnectionClosed>();
                            *text = closed ? "closed " + std::to_string(closed->code()) : failure.typeName();
                          });
    pump->flush();
    return *text;
  }
  testing::MemoryReactor reactor;
  std::unique_ptr<testing::IOPump> pump;
  Connection client;
};

Deferred<void> echo(Connection peer) {
  for (;;) {
    const Message message = co_await peer.receive();
    co_await peer.send(message);
  }
}

Deferred<void> sayTwice(Connection peer) {
  co_await peer.send("one");
  co_await peer.sendBinary("two");
}

Deferred<void> breakDown(Connection peer) {
  const Message message = co_await peer.receive();
  throw std::runtime_error("cannot stand " + message.payload);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_session_is_a_coroutine) {
  Talk talk(echo);
  talk.client.send("hello");
  talk.client.sendBinary("\xff");
  BOOST_TEST(talk.hear(talk.client.receive()) == "hello");
  BOOST_TEST(talk.hear(talk.client.receive()) == "\xff");
  websocket::Closed closed;
  talk.client.close(4000, "bye").addCallback([&](const websocket::Closed& how) { closed = how; });
  talk.pump->flush();
  BOOST_TEST(closed.wasClean);
  BOOST_TEST(closed.code == 4000);
  BOOST_TEST(talk.hear(talk.client.receive()) == "closed 4000");
  bool failed = false;
  talk.client.send("x").addErrback([&](const Failure& failure) { failed = failure.check<ConnectionClosed>(); });
  BOOST_TEST(failed);
}

BOOST_AUTO_TEST_CASE(a_session_that_is_done_closes_in_order_and_its_messages_can_still_be_taken) {
  Talk talk(sayTwice);
  BOOST_TEST(talk.hear(talk.client.receive()) == "one");
  const Message second = {"two", true};
  talk.client.receive().addCallback([&](const Message& message) { BOOST_TEST((message == second)); });
  BOOST_TEST(talk.hear(talk.client.receive()) == "closed 1000");
}

BOOST_AUTO_TEST_CASE(a_session_that_fails_closes_with_1011_and_is_logged) {
  testing::LogCapture log;
  Talk talk(breakDown);
  talk.client.send("noise");
  BOOST_TEST(talk.hear(talk.client.receive()) == "closed 1011");
  BOOST_TEST(log.contains("cannot stand noise"));
}

BOOST_AUTO_TEST_CASE(a_session_whose_client_has_gone_is_cancelled) {
  testing::LogCapture log;
  testing::Clock clock;
  std::string story;
  Talk talk([&](Connection peer) -> Deferred<void> {
    story += "waits ";
    try {
      co_await deferLater(clock, 1h);
    } catch (const CancelledError&) {
      story += peer.isOpen() ? "open" : "cancelled";
    }
  });
  talk.pump->clientTransport().abortConnection();
  talk.pump->flush();
  BOOST_TEST(story == "waits cancelled");
  BOOST_TEST(log.count("while a connection") == 0);
}

BOOST_AUTO_TEST_CASE(those_who_wait_are_served_in_order_and_may_leave) {
  Talk talk(echo);
  auto first = talk.client.receive();
  auto second = talk.client.receive();
  auto third = talk.client.receive();
  second.addErrback([](const Failure& failure) -> Message {
    failure.trap<CancelledError>();
    return {"left", false};
  });
  second.cancel();
  talk.client.send("a");
  talk.client.send("b");
  BOOST_TEST(talk.hear(std::move(first)) == "a");
  BOOST_TEST(talk.hear(std::move(second)) == "left");
  BOOST_TEST(talk.hear(std::move(third)) == "b");
}

BOOST_AUTO_TEST_CASE(messages_that_nobody_takes_slow_the_peer_down) {
  int sent = 0;
  Talk talk([&](Connection peer) -> Deferred<void> {
    for (; sent < 100; ++sent) co_await peer.send(std::to_string(sent));
    const Message message = co_await peer.receive();
    co_await peer.send(message);
  });
  talk.pump->flush();
  BOOST_TEST(sent == 100);  // small, so they lie in buffers
  BOOST_TEST((talk.pump->clientTransport().producerState() == testing::StringTransport::ProducerState::paused));
  for (int i = 0; i < 100; ++i) {
    const std::string heard = talk.hear(talk.client.receive());
    if (heard != std::to_string(i)) BOOST_TEST(heard == std::to_string(i));
  }
  talk.client.send("end");
  BOOST_TEST(talk.hear(talk.client.receive()) == "end");
}

BOOST_AUTO_TEST_CASE(who_waits_for_its_sending_keeps_step_with_the_peer) {
  int sent = 0;
  Talk talk([&](Connection peer) -> Deferred<void> {
    for (; sent < 100; ++sent) co_await peer.sendBinary(std::string(10000, 'x'));
    co_await peer.receive();
  });
  // As much as the client keeps, and as much again as waits on the way.
  BOOST_TEST(sent >= 6);
  BOOST_TEST(sent < 20);
  for (int i = 0; i < 100; ++i) BOOST_REQUIRE(talk.hear(talk.client.receive()).size() == 10000U);
  BOOST_TEST(sent == 100);
}

BOOST_AUTO_TEST_CASE(the_last_handle_closes_the_connection) {
  std::string heard;
  Talk talk([&](Connection peer) -> Deferred<void> {
    try {
      co_await peer.receive();
    } catch (const ConnectionClosed& closed) {
      heard = closed.what();
    }
  });
  Connection copy = talk.client;
  talk.client = Connection();
  talk.pump->flush();
  BOOST_TEST(heard == "");
  copy = Connection();
  talk.pump->flush();
  BOOST_TEST(heard == "The WebSocket connection is closed: 1000 (normal)");
  BOOST_CHECK_THROW(copy.receive(), std::logic_error);
}

// Over real sockets, in clear and by TLS, on every reactor.
BOOST_AUTO_TEST_CASE(it_works_over_tcp_and_tls) {
  const tls::ThrowawayAuthority authority;
  for (const auto& name : availableReactors()) {
    for (const bool secure : {false, true}) {
      auto reactor = makeReactor(name);
      const websocket::Options options{.maxMessage = 32 << 20, .deflate = websocket::DeflateOptions{}};
      std::shared_ptr<Factory> site = std::make_shared<http::Site>(*reactor, websocket::serve(*reactor, echo, options));
      if (secure)
        site = tls::wrapServer(*reactor, site, tls::ServerContext({.identities = {authority.issue({"127.0.0.1"})}}));
      const auto port = reactor->listenTCP(0, site, {.interface = "127.0.0.1"});
      const std::string url =
          std::string(secure ? "wss" : "ws") + "://127.0.0.1:" + std::to_string(port->getHost().port());
      websocket::ConnectOptions how;
      if (secure) how.tls = tls::ClientContext({.trust = authority.trust()});
      std::string story;
      const auto talk = [&]() -> Deferred<void> {
        Connection peer = co_await websocket::connect(*reactor, url, options, how);
        std::string big(200000, '\0');
        for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * i >> 7);
        co_await peer.sendBinary(big);
        co_await peer.send("small");
        const Message first = co_await peer.receive();
        const Message second = co_await peer.receive();
        story += first.payload == big && first.isBinary ? "same " : "different ";
        story += second.payload;
        const websocket::Closed closed = co_await peer.close();
        story += closed.wasClean ? " clean" : " unclean";
      };
      talk().addBoth([&](const Result<void>& result) {
        if (!result) story += toString(result.failure());
        reactor->stop();
      });
      reactor->callLater(20s, [&] { reactor->stop(); });
      reactor->run();
      BOOST_TEST(story == "same small clean", name << (secure ? " wss: " : " ws: ") << story);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
