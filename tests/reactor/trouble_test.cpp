// Seeing trouble: slow callbacks are named, work is counted, calls from the wrong thread are caught.
#include <bight/counters.hpp>

#include <bight/looping_call.hpp>
#include <bight/reactor_errors.hpp>
#include <bight/testing/log_capture.hpp>
#include <thread>

#include "reactor_base.hpp"
#include "tcp_fixture.hpp"

namespace trouble_test {

using namespace tcp_test;
using testing::LogCapture;

namespace trouble {

constexpr Duration limit = 20ms;

/// Holds up whoever calls it for longer than the limit.
void dawdle() {
  const auto end = std::chrono::steady_clock::now() + 2 * limit;
  while (std::chrono::steady_clock::now() < end) {
  }
}

struct DawdlingReader : Selectable {
  DawdlingReader() { BOOST_REQUIRE_EQUAL(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0); }
  ~DawdlingReader() override {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  int fileno() const override { return ends[0]; }
  void doRead() override {
    char byte;
    read = ::read(ends[0], &byte, 1) == 1;
    dawdle();
  }
  std::string logPrefix() const override { return "the slow pipe"; }
  int ends[2] = {-1, -1};
  bool read = false;
};

}  // namespace trouble

using namespace trouble;

BOOST_AUTO_TEST_SUITE(SlowCallbackTest)

// E4: a slow protocol is named, with its peer; in whatever function it was slow.
BOOST_DATA_TEST_CASE(a_slow_protocol_is_named_with_its_peer, systemReactors(), backend) {
  LogCapture log;
  Pair<> pair(backend);
  pair.reactor->setSlowCallbackLimit(limit);
  pair.server->onData = [](Probe&, std::string_view) { dawdle(); };
  pair.client->onLost = [](Probe&, const Failure&) { dawdle(); };
  const std::string seenByServer = pair.server->transport().getPeer().toString();
  const std::string seenByClient = pair.client->transport().getPeer().toString();
  pair.client->transport().write("x");
  pair.spinUntil([&] { return pair.server->data() == "x"; });
  BOOST_TEST(log.count("tcp_test::Probe, connected to " + seenByServer) == 1);
  BOOST_TEST(pair.reactor->counters().slowCallbacks >= 1U);
  pair.server->transport().loseConnection();
  pair.spinUntilClosed();
  turns(*pair.reactor);
  BOOST_TEST(log.count("tcp_test::Probe, connected to " + seenByClient) == 1);
}

BOOST_DATA_TEST_CASE(a_slow_connection_made_is_named_too, systemReactors(), backend) {
  LogCapture log;
  auto reactor = makeReactor(backend);
  reactor->setSlowCallbackLimit(limit);
  const auto server = std::make_shared<Probe>();
  const auto client = std::make_shared<HalfProbe>();
  client->onMade = [](Probe&) { dawdle(); };
  const auto port =
      reactor->listenTCP(0, std::make_shared<ProbeFactory>([&] { return server; }), {.interface = "127.0.0.1"});
  reactor->connectTCP("127.0.0.1", port->getHost().port(),
                      std::make_shared<ProbeClientFactory>([&] { return client; }));
  spin(*reactor, [&] { return client->made() && server->made(); });
  BOOST_TEST(log.count("tcp_test::HalfProbe, connected to " + port->getHost().toString()) == 1);
}

// The name of a lambda's type begins with the function that it was written in.
BOOST_DATA_TEST_CASE(a_slow_call_is_named_after_the_function_it_was_written_in, systemReactors(), backend) {
  LogCapture log;
  auto reactor = makeReactor(backend);
  reactor->setSlowCallbackLimit(limit);
  bool timed = false;
  bool fromThread = false;
  int looped = 0;
  reactor->callLater(0s, [&] {
    dawdle();
    timed = true;
  });
  reactor->callFromThread([&] {
    dawdle();
    fromThread = true;
  });
  LoopingCall loop(*reactor, [&] {
    if (++looped == 2) dawdle();
  });
  static_cast<void>(loop.start(1ms));
  spin(*reactor, [&] { return timed && fromThread && looped > 2; });
  loop.stop();
  turns(*reactor);
  const std::string here = "trouble_test::SlowCallbackTest::a_slow_call_is_named_after_the_function_it_was_written_in";
  BOOST_TEST(log.count("by a timed call of " + here) >= 1);
  BOOST_TEST(log.count("by a call from a thread of " + here) == 1);
  BOOST_TEST(log.count("LoopingCall") >= 1);
  BOOST_TEST(log.count("Tick") == 0);
}

BOOST_DATA_TEST_CASE(a_slow_reader_is_named_by_its_prefix, systemReactors(), backend) {
  LogCapture log;
  auto reactor = makeReactor(backend);
  reactor->setSlowCallbackLimit(limit);
  const auto reader = std::make_shared<DawdlingReader>();
  reactor->addReader(reader);
  BOOST_REQUIRE_EQUAL(::write(reader->ends[1], "x", 1), 1);
  spin(*reactor, [&] { return reader->read; });
  reactor->removeReader(reader);
  BOOST_TEST(log.count("by the slow pipe (trouble_test::trouble::DawdlingReader)") == 1);
}

BOOST_AUTO_TEST_CASE(zero_switches_it_off) {
  LogCapture log;
  auto reactor = makeReactor();
  reactor->setSlowCallbackLimit(0s);
  bool done = false;
  reactor->callLater(0s, [&] {
    dawdle();
    done = true;
  });
  spin(*reactor, [&] { return done; });
  BOOST_TEST(log.count("held up") == 0);
  BOOST_TEST(reactor->counters().slowCallbacks == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(CountersTest)

BOOST_DATA_TEST_CASE(connections_and_their_bytes_are_counted, systemReactors(), backend) {
  Pair<> pair(backend);
  auto& reactor = *pair.reactor;
  BOOST_TEST(reactor.counters().connections() == 2U);  // both ends
  const std::string large(300000, 'x');
  pair.server->onData = [&](Probe& p, std::string_view) {
    if (p.data() == "hello") p.transport().write(large);
  };
  pair.client->transport().write("hello");
  pair.spinUntil([&] { return pair.client->data().size() == large.size(); });
  BOOST_TEST(reactor.counters().bytesIn == 5 + large.size());
  BOOST_TEST(reactor.counters().bytesOut == 5 + large.size());
  pair.client->transport().loseConnection();
  pair.spinUntilClosed();
  turns(reactor);
  BOOST_TEST(reactor.counters().connectionsOpened == 2U);
  BOOST_TEST(reactor.counters().connections() == 0U);
}

BOOST_DATA_TEST_CASE(turns_and_calls_are_counted_and_readable_from_any_thread, systemReactors(), backend) {
  auto reactor = makeReactor(backend);
  int made = 0;
  for (int i = 0; i < 3; ++i) reactor->callLater(0s, [&] { ++made; });
  reactor->callFromThread([&] { ++made; });
  spin(*reactor, [&] { return made == 4; });
  ReactorCounters seen;
  std::thread([&] { seen = reactor->counters(); }).join();
  BOOST_TEST(seen.timers == 3U);
  BOOST_TEST(seen.calls == 1U);
  BOOST_TEST(seen.turns >= 1U);
  const auto before = reactor->counters().turns;
  turns(*reactor, 7);
  BOOST_TEST(reactor->counters().turns == before + 7);
}

BOOST_DATA_TEST_CASE(the_longest_turn_is_known_until_it_is_forgotten, systemReactors(), backend) {
  LogCapture log;
  auto reactor = makeReactor(backend);
  bool done = false;
  reactor->callLater(0s, [&] {
    dawdle();
    done = true;
  });
  spin(*reactor, [&] { return done; });
  BOOST_TEST((reactor->counters().longestTurn >= 2 * limit - 1ms));
  BOOST_TEST((reactor->counters().longestTurn < 20s));
  reactor->forgetLongestTurn();
  BOOST_TEST((reactor->counters().longestTurn == 0ns));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(WrongThreadTest)

// B37, E5: whatever a transport can be asked to do is caught in another thread.
BOOST_DATA_TEST_CASE(every_function_of_a_transport_is_caught, systemReactors(), backend) {
  Pair<> pair(backend);
  struct Pushing : PushProducer {
    void pauseProducing() override {}
    void resumeProducing() override {}
    void stopProducing() override {}
  };
  struct Pulling : PullProducer {
    void resumeProducing() override {}
    void stopProducing() override {}
  };
  dynamic_cast<detail::ReactorBase&>(*pair.reactor).setThrowsInWrongThread(true);
  auto& transport = pair.server->transport();
  const std::vector<std::pair<const char*, std::function<void()>>> calls{
      {"write", [&] { transport.write("x"); }},
      {"writeSequence", [&] { transport.writeSequence({"x", "y"}); }},
      {"drained", [&] { transport.drained(); }},
      {"setWriteBufferLimits", [&] { transport.setWriteBufferLimits(2, 1); }},
      {"setMaxWriteBuffer", [&] { transport.setMaxWriteBuffer(2); }},
      {"registerProducer (push)", [&] { transport.registerProducer(std::make_shared<Pushing>()); }},
      {"registerProducer (pull)", [&] { transport.registerProducer(std::make_shared<Pulling>()); }},
      {"unregisterProducer", [&] { transport.unregisterProducer(); }},
      {"loseConnection", [&] { transport.loseConnection(); }},
      {"setGracefulLimit", [&] { transport.setGracefulLimit(1s); }},
      {"loseWriteConnection", [&] { transport.loseWriteConnection(); }},
      {"abortConnection", [&] { transport.abortConnection(); }},
      {"pauseProducing", [&] { transport.pauseProducing(); }},
      {"resumeProducing", [&] { transport.resumeProducing(); }},
      {"takeOver", [&] { transport.takeOver(pair.server); }},
      {"whenDispatchEnds", [&] { transport.whenDispatchEnds([] {}); }},
      {"Port::stopListening", [&] { pair.port->stopListening(); }},
      {"Connector::disconnect", [&] { pair.connector->disconnect(); }},
  };
  std::vector<std::string> missed;
  std::thread([&] {
    for (const auto& [name, call] : calls) {
      try {
        call();
        missed.push_back(name);
      } catch (const WrongThread& error) {
        if (std::string_view(error.what()).find("callFromThread") == std::string_view::npos) missed.push_back(name);
      }
    }
  }).join();
  BOOST_TEST(missed == std::vector<std::string>{}, boost::test_tools::per_element());
  // And nothing has happened to the connection.
  pair.client->transport().write("hello");
  pair.spinUntil([&] { return pair.server->data() == "hello"; });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace trouble_test
