#include <bight/policies.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <bight/connection_errors.hpp>
#include <bight/line_receiver.hpp>
#include <bight/testing.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

using namespace bight;
using namespace std::chrono_literals;
using testing::AccumulatingProtocol;

namespace policies_test {

using State = testing::StringTransport::ProducerState;

/// Gives out what `make` makes.
class MadeBy : public Factory {
 public:
  explicit MadeBy(std::function<std::shared_ptr<Protocol>(const Address&)> make) : make_(std::move(make)) {}
  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override { return make_(peer); }
  void startFactory() override { ++started; }
  void stopFactory() override { ++stopped; }
  int started = 0;
  int stopped = 0;

 private:
  std::function<std::shared_ptr<Protocol>(const Address&)> make_;
};

std::shared_ptr<MadeBy> gives(std::shared_ptr<Protocol> protocol) {
  return std::make_shared<MadeBy>([protocol = std::move(protocol)](const Address&) { return protocol; });
}

std::shared_ptr<MadeBy> accumulating() {
  return std::make_shared<MadeBy>([](const Address&) { return std::make_shared<AccumulatingProtocol>(); });
}

const Address ann = IPv4Address({192, 0, 2, 1}, 1000);
const Address annAgain = IPv4Address({192, 0, 2, 1}, 2000);
const Address bob = IPv4Address({192, 0, 2, 2}, 1000);

class HalfRecorder : public AccumulatingProtocol, public HalfCloseable {
 public:
  void readConnectionLost() override { events += "read lost;"; }
  void writeConnectionLost() override { events += "write lost;"; }
  std::string events;
};

/// Notes what it is told.
class Push : public PushProducer {
 public:
  void pauseProducing() override { events += "pause;"; }
  void resumeProducing() override { events += "resume;"; }
  void stopProducing() override { events += "stop;"; }
  std::string events;
};

class Pull : public PullProducer {
 public:
  void resumeProducing() override {
    events += "ask;";
    if (onAsk) onAsk();
  }
  void stopProducing() override { events += "stop;"; }
  std::string events;
  std::function<void()> onAsk;
};

/// One end of a connection whose protocol came out of a factory.
template <class P = AccumulatingProtocol>
struct Served {
  explicit Served(Factory& factory, std::shared_ptr<P> within = nullptr, const Address& peer = ann)
      : protocol(std::move(within)),
        outer(factory.buildProtocol(peer)),
        transport(makeRef<testing::StringTransport>(peer)) {
    if (outer) outer->makeConnection(*transport);
  }
  ~Served() {
    if (outer) transport->lose(*outer, Failure(ConnectionDone()));
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  void lose() { transport->lose(*outer, Failure(ConnectionDone())); }

  std::shared_ptr<P> protocol;
  std::shared_ptr<Protocol> outer;
  Ref<testing::StringTransport> transport;
};

class Loud : public ProtocolWrapper {
 public:
  using ProtocolWrapper::ProtocolWrapper;
  void dataReceived(std::string_view data) override { ProtocolWrapper::dataReceived(std::string(data) + '!'); }
  void write(std::string_view data) override { ProtocolWrapper::write(std::string(data) + '?'); }
};

}  // namespace policies_test

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
    BOOST_TEST(factory->buildProtocol(ann) == nullptr);
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

namespace policies_test {

// region: patient
class Patient : public LineOnlyReceiver, public TimeoutMixin {
 public:
  explicit Patient(ReactorTime& clock) : TimeoutMixin(clock) {}
  void connectionMade() override { setTimeout(60s); }
  void lineReceived(std::string_view) override { resetTimeout(); }
};
// endregion: patient

}  // namespace policies_test

BOOST_AUTO_TEST_SUITE(timeouts)

// C58
BOOST_AUTO_TEST_CASE(the_time_counts_from_the_last_reset) {
  testing::Clock clock;
  auto patient = std::make_shared<Patient>(clock);
  auto transport = makeRef<testing::StringTransport>();
  patient->makeConnection(*transport);
  clock.advance(59s);
  patient->dataReceived("hello\r\n");
  clock.advance(59s);
  BOOST_TEST(!transport->disconnecting());
  clock.advance(1s);
  BOOST_TEST(transport->disconnecting());
  BOOST_TEST(!patient->timeout().has_value());
  BOOST_TEST(clock.getDelayedCalls().empty());
}

// C58: setTimeout returns the previous one.
BOOST_AUTO_TEST_CASE(a_timeout_may_be_changed_and_ended) {
  testing::Clock clock;
  auto patient = std::make_shared<Patient>(clock);
  auto transport = makeRef<testing::StringTransport>();
  patient->makeConnection(*transport);
  BOOST_TEST((patient->setTimeout(5s) == 60s));
  clock.advance(4s);
  BOOST_TEST((patient->setTimeout(std::nullopt) == 5s));
  patient->resetTimeout();
  clock.advance(1000s);
  BOOST_TEST(!transport->disconnecting());
  BOOST_TEST((patient->setTimeout(1s) == std::nullopt));
  BOOST_CHECK_THROW(patient->setTimeout(0s), std::invalid_argument);
  patient.reset();  // takes its timer with it
  BOOST_TEST(clock.getDelayedCalls().empty());
}

// C58: timeoutConnection may be overridden, and must be outside of a protocol.
BOOST_AUTO_TEST_CASE(what_a_timeout_does_may_be_overridden) {
  struct Nothing : TimeoutMixin {
    explicit Nothing(ReactorTime& clock) : TimeoutMixin(clock) {}
  };
  struct Counting : TimeoutMixin {
    explicit Counting(ReactorTime& clock) : TimeoutMixin(clock) {}
    void timeoutConnection() override {
      ++times;
      setTimeout(1s);
    }
    int times = 0;
  };
  testing::Clock time;
  Counting counting(time);
  counting.setTimeout(1s);
  time.pump({1s, 1s, 1s});
  BOOST_TEST(counting.times == 3);
  counting.setTimeout(std::nullopt);
  Nothing nothing(time);
  nothing.setTimeout(1s);
  BOOST_CHECK_THROW(time.advance(1s), std::logic_error);
}

// C57: TimeoutFactory
BOOST_AUTO_TEST_CASE(idle_connections_are_closed) {
  testing::Clock clock;
  auto within = std::make_shared<AccumulatingProtocol>();
  auto factory = std::make_shared<TimeoutFactory>(clock, gives(within), 10s);
  Served<> served(*factory, within);
  clock.advance(9s);
  served.outer->dataReceived("x");
  clock.advance(9s);
  within->transport().write("x");
  clock.advance(9s);
  within->transport().writeSequence({"x"});
  clock.advance(9s);
  BOOST_TEST(!served.transport->disconnecting());
  clock.advance(1s);
  BOOST_TEST(served.transport->disconnecting());
  served.lose();
  BOOST_TEST(clock.getDelayedCalls().empty());
  BOOST_CHECK_THROW(TimeoutFactory(clock, accumulating(), 0s), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(traffic_logging)

BOOST_AUTO_TEST_CASE(a_hex_dump_has_sixteen_bytes_a_line) {
  BOOST_TEST(hexDump("") == "");
  BOOST_TEST(hexDump("GET / HTTP/1.1\r\nx") ==
             "00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|\n"
             "00000010  78                                                |x|");
}

// C57
BOOST_AUTO_TEST_CASE(everything_is_shown_in_order) {
  std::vector<std::string> said;
  auto within = std::make_shared<AccumulatingProtocol>();
  auto factory = std::make_shared<TrafficLoggingFactory>(
      gives(within),
      [&](const Address& peer, std::uint64_t number) -> TrafficSink {
        said.push_back(std::to_string(number) + ' ' + peer.toString());
        return [&](std::string_view text) { said.emplace_back(text.substr(0, text.find('\n'))); };
      },
      TrafficLogOptions{.maxShown = 3});
  Served<> served(*factory, within);
  served.outer->dataReceived("hello");
  within->transport().writeSequence({"a", "b"});
  within->transport().write("");
  within->transport().loseConnection();
  served.lose();
  const std::vector<std::string> expected{"1 192.0.2.1:1000",
                                          "connection of 192.0.2.1:1000 to 10.0.0.1:1234",
                                          "received 5 bytes, the first 3:",
                                          "written 2 bytes:",
                                          "loseConnection()",
                                          "connection lost: Connection was closed cleanly."};
  BOOST_TEST(said == expected);
  BOOST_TEST(within->data() == "hello");
}

BOOST_AUTO_TEST_CASE(traffic_goes_to_the_log) {
  testing::LogCapture log;
  auto factory = std::make_shared<TrafficLoggingFactory>(accumulating(), trafficToLog("test.traffic"));
  Served<> served(*factory);
  served.outer->dataReceived("hi");
  BOOST_TEST(log.contains("#1 192.0.2.1:1000: received 2 bytes:\n00000000  68 69"));
}

BOOST_AUTO_TEST_CASE(a_log_that_fails_does_not_touch_the_connection) {
  testing::LogCapture log;
  auto within = std::make_shared<AccumulatingProtocol>();
  auto factory = std::make_shared<TrafficLoggingFactory>(gives(within), [](const Address&, std::uint64_t) {
    return TrafficSink([](std::string_view) { throw std::runtime_error("disk full"); });
  });
  Served<> served(*factory, within);
  served.outer->dataReceived("hi");
  BOOST_TEST(within->data() == "hi");
  BOOST_TEST(log.count("disk full") == 1U);
  BOOST_CHECK_THROW(TrafficLoggingFactory(accumulating(), {}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(traffic_goes_to_files_of_limited_length) {
  testing::LogCapture log;
  char directory[] = "/tmp/bight-traffic-XXXXXX";
  BOOST_REQUIRE(::mkdtemp(directory) != nullptr);
  const std::string prefix = std::string(directory) + "/seen";
  auto factory = std::make_shared<TrafficLoggingFactory>(accumulating(), trafficToFiles(prefix, 200));
  {
    Served<> served(*factory);
    served.outer->dataReceived("hi");
    served.outer->dataReceived("one line too many");
    served.outer->dataReceived("this one");
  }
  std::ifstream file(prefix + "-1");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  BOOST_TEST(text ==
             "connection of 192.0.2.1:1000 to 10.0.0.1:1234\nreceived 2 bytes:\n"
             "00000000  68 69                                             |hi|\n");
  struct stat about{};
  BOOST_REQUIRE(::stat((prefix + "-1").c_str(), &about) == 0);
  BOOST_TEST((about.st_mode & 0777) == 0600U);
  BOOST_TEST(log.count("has become as long as it may be") == 1U);
  // A file that is there already is left alone; the connection is served.
  auto second = std::make_shared<TrafficLoggingFactory>(accumulating(), trafficToFiles(prefix));
  BOOST_TEST((second->buildProtocol(ann) != nullptr));
  BOOST_TEST(log.count("cannot write traffic to " + prefix + "-1") == 1U);
  ::unlink((prefix + "-1").c_str());
  ::rmdir(directory);
}

BOOST_AUTO_TEST_SUITE_END()
