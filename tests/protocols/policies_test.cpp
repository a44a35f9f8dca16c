#include <bight/policies.hpp>

#include <bight/connection_errors.hpp>
#include <boost/test/unit_test.hpp>

#include "policies_fixture.hpp"

namespace policies_test {

using namespace policies_test;

BOOST_AUTO_TEST_SUITE(protocol_wrapper)

// C55
BOOST_AUTO_TEST_CASE(both_directions_pass_and_may_be_changed) {
  auto within = std::make_shared<AccumulatingProtocol>();
  auto factory = wrap<Loud>(gives(within));
  Served<> served(*factory, within);
  served.outer->dataReceived("in");
  BOOST_TEST(within->data() == "in!");
  within->transport().write("out");
  within->transport().writeSequence({"a", "b"});  // not overridden by Loud
  BOOST_TEST(served.transport->value() == "out?ab");
  BOOST_TEST((within->transport().getPeer() == ann));
  BOOST_TEST((within->transport().getHost() == served.transport->getHost()));
  within->transport().setTcpNoDelay(false);
  BOOST_TEST(!served.transport->getTcpNoDelay());
}

// C55: the factory within is started and stopped, and knows who is open.
BOOST_AUTO_TEST_CASE(the_factory_starts_the_one_within_and_knows_the_open_protocols) {
  auto within = accumulating();
  auto factory = std::static_pointer_cast<WrappingFactory>(wrap<ProtocolWrapper>(within));
  factory->doStart();
  factory->doStart();
  BOOST_TEST(within->started == 1);
  {
    Served<> first(*factory);
    Served<> second(*factory);
    BOOST_TEST(factory->openCount() == 2U);
    first.lose();
    BOOST_REQUIRE(factory->openProtocols().size() == 1U);
    BOOST_TEST(factory->openProtocols()[0] == second.outer);
  }
  BOOST_TEST(factory->openCount() == 0U);
  factory->doStop();
  factory->doStop();
  BOOST_TEST(within->stopped == 1);
  BOOST_TEST(wrap<Loud>(gives(nullptr))->buildProtocol(ann) == nullptr);
  BOOST_CHECK_THROW(wrap<Loud>(nullptr), std::invalid_argument);
}

// C55, C24, C25: half closes are passed to whoever wants them, and only there.
BOOST_AUTO_TEST_CASE(half_closes_pass_to_who_hears_of_them) {
  auto within = std::make_shared<HalfRecorder>();
  auto client = std::make_shared<HalfRecorder>();
  testing::IOPump pump(client, wrap<Loud>(gives(within))->buildProtocol(ann));
  client->transport().loseWriteConnection();
  pump.flush();
  BOOST_TEST(within->events == "read lost;");
  BOOST_TEST(!within->closed());
  within->transport().write("still here");
  within->transport().loseWriteConnection();
  pump.flush();
  BOOST_TEST(client->data() == "still here?");
  BOOST_TEST(within->events == "read lost;write lost;");
  BOOST_TEST(within->closedReason()->check<ConnectionDone>());

  auto plain = std::make_shared<AccumulatingProtocol>();
  auto other = std::make_shared<HalfRecorder>();
  testing::IOPump second(other, wrap<Loud>(gives(plain))->buildProtocol(ann));
  other->transport().loseWriteConnection();
  second.flush();
  BOOST_TEST(plain->closedReason()->check<ConnectionDone>());
}

// B57: a wrapper is asked for descriptors exactly if its protocol is, and lends the functions that pass them.
BOOST_AUTO_TEST_CASE(descriptors_pass_over_a_unix_socket) {
  struct Passer : AccumulatingProtocol, FileDescriptorReceiver {
    void fileDescriptorReceived(FileDescriptor descriptor) override { got.push_back(std::move(descriptor)); }
    std::vector<FileDescriptor> got;
  };
  const auto server = std::make_shared<Passer>();
  const auto client = std::make_shared<Passer>();
  auto reactor = makeReactor();
  const std::string path = std::string(1, '\0') + "bight-policies-" + std::to_string(::getpid());
  reactor->listenUNIX(path, wrap<Loud>(gives(server)));
  auto connecting = UNIXClientEndpoint(*reactor, path).connect(wrap<Loud>(gives(client)));
  const auto limit = std::chrono::steady_clock::now() + 10s;
  const auto spin = [&](auto done) {
    while (!done() && std::chrono::steady_clock::now() < limit) reactor->iterate(20ms);
  };
  spin([&] { return server->made() && client->made(); });
  BOOST_REQUIRE(server->transport().getPeerCredentials());
  BOOST_TEST(server->transport().getPeerCredentials()->uid == ::getuid());
  client->transport().sendFileDescriptor(0);
  client->transport().write("one");
  spin([&] { return !server->data().empty(); });
  BOOST_TEST(server->data() == "one?!");
  BOOST_TEST(server->got.size() == 1U);
}

BOOST_AUTO_TEST_CASE(closing_and_producers_pass) {
  auto within = std::make_shared<AccumulatingProtocol>();
  auto factory = wrap<ProtocolWrapper>(gives(within));
  Served<> served(*factory, within);
  auto& face = within->transport();
  auto producer = std::make_shared<Push>();
  face.registerProducer(producer);
  BOOST_TEST(served.transport->producer() == producer.get());
  BOOST_CHECK_THROW(face.registerProducer(producer), std::logic_error);
  face.unregisterProducer();
  face.pauseProducing();
  BOOST_TEST((served.transport->producerState() == State::paused));
  face.resumeProducing();
  served.transport->block();
  face.write("abc");
  BOOST_TEST(face.writeBufferSize() == 3U);
  bool drained = false;
  auto waits = face.drained().addCallback([&] { drained = true; });
  BOOST_TEST(!drained);
  served.transport->unblock();
  BOOST_TEST(drained);
  BOOST_TEST(!face.disconnecting());
  face.loseConnection();
  BOOST_TEST(face.disconnecting());
  face.abortConnection();
  BOOST_TEST(served.transport->aborting());
}

// C12, C22: exceptions close, and a transport outlives its connection.
BOOST_AUTO_TEST_CASE(exceptions_pass_and_a_lost_transport_can_still_be_asked) {
  struct Thrower : AccumulatingProtocol {
    void dataReceived(std::string_view) override { throw std::runtime_error("ouch"); }
  };
  auto within = std::make_shared<Thrower>();
  auto client = std::make_shared<AccumulatingProtocol>();
  {
    auto outer = wrap<ProtocolWrapper>(gives(within))->buildProtocol(ann);
    testing::IOPump pump(client, std::move(outer));
    client->transport().write("x");
    BOOST_CHECK_THROW(pump.flush(), std::runtime_error);
  }
  BOOST_TEST(within->closedReason()->getErrorMessage() == "ouch");
  BOOST_TEST(within->losses() == 1);
  auto& face = within->transport();
  BOOST_TEST(!face.connected());
  face.write("too late");
  face.loseConnection();
  BOOST_TEST(face.getPeer().host() == "127.0.0.1");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(connection_limits)

// C57
BOOST_AUTO_TEST_CASE(connections_beyond_the_total_are_refused) {
  const testing::LogCapture log;
  auto factory = std::make_shared<LimitTotalConnectionsFactory>(accumulating(), 2);
  Served<> first(*factory);
  auto notYet = factory->buildProtocol(bob);
  BOOST_TEST(factory->connectionCount() == 2U);
  BOOST_TEST(factory->buildProtocol(bob) == nullptr);
  notYet.reset();  // never connected
  BOOST_TEST(factory->connectionCount() == 1U);
  {
    Served<> second(*factory);
    BOOST_TEST(factory->buildProtocol(bob) == nullptr);
  }
  // Refusals are told, less and less often.
  BOOST_TEST(factory->refusedCount() == 2U);
  auto full = factory->buildProtocol(bob);
  for (int i = 3; i <= 1000; ++i) factory->buildProtocol(ann);
  BOOST_TEST(log.count("is refused, the limit of 2 in all is reached") == 10U);
  BOOST_TEST(log.count(ann.toString() + " is refused, the limit of 2 in all is reached; 512 refused so far") == 1U);
  full.reset();
  first.lose();
  BOOST_TEST(factory->connectionCount() == 0U);
  BOOST_CHECK_THROW(LimitTotalConnectionsFactory(accumulating(), 0), std::invalid_argument);
}

// C57: overflowProtocol
BOOST_AUTO_TEST_CASE(excess_connections_may_be_told_so) {
  struct Busy : AccumulatingProtocol {
    void connectionMade() override {
      transport().write("busy");
      transport().loseConnection();
    }
  };
  auto overflow = std::make_shared<MadeBy>([](const Address&) { return std::make_shared<Busy>(); });
  auto factory = std::make_shared<LimitTotalConnectionsFactory>(accumulating(), 1);
  factory->setOverflow(overflow, 1);
  factory->doStart();
  BOOST_TEST(overflow->started == 1);
  Served<> first(*factory);
  {
    Served<> second(*factory);
    BOOST_TEST(second.transport->value() == "busy");
    BOOST_TEST(factory->buildProtocol(bob) == nullptr);  // there is one overflowing already
  }
  Served<> third(*factory);
  BOOST_TEST(third.transport->value() == "busy");
  BOOST_TEST(factory->connectionCount() == 1U);
  factory->doStop();
  BOOST_TEST(overflow->stopped == 1);
}

// C57: by host, not by port; the table is empty when everybody has gone.
BOOST_AUTO_TEST_CASE(connections_of_one_peer_are_limited) {
  auto factory = std::make_shared<LimitConnectionsByPeer>(accumulating(), 2);
  {
    Served<> first(*factory, nullptr, ann);
    Served<> second(*factory, nullptr, annAgain);
    const testing::LogCapture log;
    BOOST_TEST(factory->buildProtocol(ann) == nullptr);
    BOOST_TEST(log.count("is refused, the limit of 2 for each host is reached") == 1U);
    Served<> other(*factory, nullptr, bob);
    BOOST_TEST((other.outer != nullptr));
    BOOST_TEST(factory->connectionCount(ann) == 2U);
    BOOST_TEST(factory->peerCount() == 2U);
    second.lose();
    BOOST_TEST((factory->buildProtocol(ann) != nullptr));
  }
  BOOST_TEST(factory->peerCount() == 0U);
}

BOOST_AUTO_TEST_CASE(an_ipv6_peer_is_its_network) {
  const auto peer = [](const char* host) { return LimitConnectionsByPeer::peerOf(*Address::parse(host, 1)); };
  BOOST_TEST((peer("2001:db8::1") == peer("2001:db8::ffff:1")));
  BOOST_TEST((peer("2001:db8::1") != peer("2001:db8:0:1::1")));
  BOOST_TEST((peer("fe80::1") != peer("fe80::2")));
  BOOST_TEST((peer("::ffff:192.0.2.1") == peer("192.0.2.1")));
  BOOST_TEST((LimitConnectionsByPeer::peerOf(UNIXAddress{"/x"}) == LimitConnectionsByPeer::peerOf(UNIXAddress{})));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(throttling)

// C59
BOOST_AUTO_TEST_CASE(a_bucket_allows_a_burst_and_then_its_rate) {
  testing::Clock clock;
  TokenBucket bucket(clock, 1000, 500);
  bucket.take(500);
  BOOST_TEST((bucket.wait() == 0s));
  bucket.take(250);
  BOOST_TEST((bucket.wait() == 250ms));
  clock.advance(100ms);
  BOOST_TEST((bucket.wait() == 150ms));
  clock.advance(10s);  // rest fills it, but not beyond its burst
  BOOST_TEST((bucket.untilFull() == 0s));
  bucket.take(1500);
  BOOST_TEST((bucket.wait() == 1s));
  BOOST_CHECK_THROW(TokenBucket(clock, 0), std::invalid_argument);
}

// C59: hierarchical
BOOST_AUTO_TEST_CASE(a_bucket_waits_for_its_parents) {
  testing::Clock clock;
  auto all = std::make_shared<TokenBucket>(clock, 100, 100);
  TokenBucket one(clock, 1000, 1000, all);
  TokenBucket two(clock, 1000, 1000, all);
  one.take(150);
  BOOST_TEST((two.wait() == 500ms));
}

// C56: reading is paused until what was received is paid for.
BOOST_AUTO_TEST_CASE(reading_keeps_to_its_rate) {
  testing::Clock clock;
  auto within = std::make_shared<AccumulatingProtocol>();
  auto factory =
      std::make_shared<ThrottlingFactory>(clock, gives(within), ThrottleOptions{.perConnection = {.read = 100}});
  Served<> served(*factory, within);
  served.outer->dataReceived(std::string(100, 'x'));  // the burst
  BOOST_TEST((served.transport->producerState() == State::producing));
  served.outer->dataReceived(std::string(200, 'x'));
  BOOST_TEST((served.transport->producerState() == State::paused));
  BOOST_TEST(within->data().size() == 300U);
  within->transport().pauseProducing();
  within->transport().resumeProducing();  // the user's wish does not shorten the wait
  BOOST_TEST((served.transport->producerState() == State::paused));
  clock.advance(1999ms);
  BOOST_TEST((served.transport->producerState() == State::paused));
  clock.advance(1ms);
  BOOST_TEST((served.transport->producerState() == State::producing));
  // And the end of the wait does not override the user.
  served.outer->dataReceived(std::string(10, 'x'));
  within->transport().pauseProducing();
  clock.advance(1s);
  BOOST_TEST((served.transport->producerState() == State::paused));
  within->transport().resumeProducing();
  BOOST_TEST((served.transport->producerState() == State::producing));
}

// C56: in the long run the rate is exact, whatever the sizes.
BOOST_AUTO_TEST_CASE(the_rate_holds_over_all_connections_together) {
  testing::Clock clock;
  auto factory = std::make_shared<ThrottlingFactory>(clock, accumulating(), ThrottleOptions{.total = {.read = 1000}});
  std::vector<std::unique_ptr<Served<>>> all;
  for (int i = 0; i < 5; ++i) all.push_back(std::make_unique<Served<>>(*factory));
  std::size_t received = 0;
  for (int tenth = 0; tenth < 1000; ++tenth) {
    for (auto& served : all) {
      if (served->transport->producerState() != State::producing) continue;
      served->outer->dataReceived(std::string(300, 'x'));
      received += 300;
    }
    clock.advance(100ms);
  }
  BOOST_TEST(received >= 100 * 1000U);
  BOOST_TEST(received <= 101 * 1000U + 5 * 300U);
}

// C56: the write limit pauses producers, and puts drained() off.
BOOST_AUTO_TEST_CASE(writing_pauses_producers_until_it_is_paid_for) {
  testing::Clock clock;
  auto within = std::make_shared<AccumulatingProtocol>();
  auto factory =
      std::make_shared<ThrottlingFactory>(clock, gives(within), ThrottleOptions{.perConnection = {.write = 100}});
  Served<> served(*factory, within);
  auto& face = within->transport();
  auto push = std::make_shared<Push>();
  face.registerProducer(push);
  face.writeSequence({std::string(50, 'x'), std::string(100, 'x')});
  BOOST_TEST(served.transport->value().size() == 150U);
  BOOST_TEST(push->events == "pause;");
  bool drained = false;
  auto waits = face.drained().addCallback([&] { drained = true; });
  clock.advance(499ms);
  BOOST_TEST(!drained);
  clock.advance(1ms);
  BOOST_TEST(drained);
  BOOST_TEST(push->events == "pause;resume;");
  // Two reasons to pause are told once, and both must end.
  served.transport->block();
  face.setWriteBufferLimits(10, 0);
  face.write(std::string(100, 'x'));
  BOOST_TEST(push->events == "pause;resume;pause;");
  served.transport->unblock();
  BOOST_TEST(push->events == "pause;resume;pause;");
  clock.advance(1s);
  BOOST_TEST(push->events == "pause;resume;pause;resume;");
  face.unregisterProducer();
  BOOST_TEST(served.transport->producer() == nullptr);

  clock.advance(10s);
  auto pull = std::make_shared<Pull>();
  pull->onAsk = [&] { face.write(std::string(200, 'y')); };
  face.registerProducer(pull);
  BOOST_TEST(pull->events == "ask;");
  served.transport->pull();
  BOOST_TEST(pull->events == "ask;");
  clock.advance(1s);
  BOOST_TEST(pull->events == "ask;ask;");
  served.lose();
  BOOST_TEST(pull->events == "ask;ask;stop;");
  BOOST_TEST(clock.getDelayedCalls().empty());
}

// C56: a buffer that is full already pauses who begins to produce.
BOOST_AUTO_TEST_CASE(a_producer_that_comes_too_late_is_paused_at_once) {
  testing::Clock clock;
  auto within = std::make_shared<AccumulatingProtocol>();
  auto factory =
      std::make_shared<ThrottlingFactory>(clock, gives(within), ThrottleOptions{.total = {.write = 1'000'000}});
  Served<> served(*factory, within);
  auto& face = within->transport();
  face.setWriteBufferLimits(10, 0);
  served.transport->block();
  face.write(std::string(100, 'x'));
  auto push = std::make_shared<Push>();
  face.registerProducer(push);
  BOOST_TEST(push->events == "pause;");
  BOOST_CHECK_THROW(face.registerProducer(std::make_shared<Push>()), std::logic_error);
  served.transport->unblock();
  BOOST_TEST(push->events == "pause;resume;");
  served.lose();
}

BOOST_AUTO_TEST_CASE(those_who_wait_learn_of_the_loss) {
  testing::Clock clock;
  auto within = std::make_shared<AccumulatingProtocol>();
  auto factory = std::make_shared<ThrottlingFactory>(clock, gives(within), ThrottleOptions{.total = {.write = 1}});
  Served<> served(*factory, within);
  within->transport().write("xxxx");
  bool failed = false;
  auto waits = within->transport().drained().addErrback([&](const Failure&) { failed = true; });
  served.lose();
  BOOST_TEST(failed);
  BOOST_TEST(clock.getDelayedCalls().empty());
}

// C56, C59: a peer does not get rid of its debt by coming again; the table is bounded by time.
BOOST_AUTO_TEST_CASE(a_peer_that_comes_again_still_pays) {
  testing::Clock clock;
  auto factory = std::make_shared<ThrottlingFactory>(
      clock, accumulating(), ThrottleOptions{.perPeer = {.read = 100}, .maxConnectionCount = 2});
  {
    Served<> first(*factory, nullptr, ann);
    first.outer->dataReceived(std::string(600, 'x'));
  }
  BOOST_TEST(factory->peerCount() == 1U);
  {
    Served<> again(*factory, nullptr, annAgain);
    again.outer->dataReceived("x");
    BOOST_TEST((again.transport->producerState() == State::paused));
    Served<> other(*factory, nullptr, bob);
    other.outer->dataReceived("x");
    BOOST_TEST((other.transport->producerState() == State::producing));
    BOOST_TEST(factory->connectionCount() == 2U);
    BOOST_TEST(factory->buildProtocol(bob) == nullptr);
  }
  clock.advance(5s);
  BOOST_TEST(factory->peerCount() == 1U);
  clock.advance(2s);
  BOOST_TEST(factory->peerCount() == 0U);
  BOOST_TEST(factory->connectionCount() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace policies_test
