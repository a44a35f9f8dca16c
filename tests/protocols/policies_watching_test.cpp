// The policies that look on: timeouts, and logs of the traffic.
#include <bight/policies.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <bight/line_receiver.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "policies_fixture.hpp"

namespace policies_watching_test {

using namespace policies_test;

namespace {

// region: patient
class Patient : public LineOnlyReceiver, public TimeoutMixin {
 public:
  explicit Patient(ReactorTime& clock) : TimeoutMixin(clock) {}
  void connectionMade() override { setTimeout(60s); }
  void lineReceived(std::string_view) override { resetTimeout(); }
};
// endregion: patient

}  // namespace

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

}  // namespace policies_watching_test
