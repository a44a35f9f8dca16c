#include <bight/testing/simulated_network.hpp>

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <thread>

#include <bight/client_service.hpp>
#include <bight/endpoints.hpp>
#include <bight/files.hpp>
#include <bight/looping_call.hpp>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(simulated_network)

using namespace tcp_test;
using testing::Cutting;
using testing::SimulatedNetwork;

namespace simulated_network_test {

constexpr const char* serverIp = "10.0.0.1";
constexpr const char* clientIp = "10.0.0.2";

/// A server and a client on machines of their own, and what they have been told.
struct Lab {
  explicit Lab(const testing::SimulationOptions& options = {.seed = 1}) : network(options) {}

  std::shared_ptr<Probe> lastServer() const { return std::dynamic_pointer_cast<Probe>(serverFactory->built.back()); }
  std::shared_ptr<Probe> lastClient() const { return std::dynamic_pointer_cast<Probe>(clientFactory->built.back()); }
  void listen() { port = server->listenTCP(7000, serverFactory); }
  void connect(const ConnectOptions& options = {}) {
    connector = client->connectTCP(serverIp, 7000, clientFactory, options);
  }
  bool until(Function<bool()> done, Duration limit = 1h) { return network.runUntil(std::move(done), limit); }
  void connected() {
    listen();
    connect();
    BOOST_REQUIRE(until([&] { return !serverFactory->built.empty() && !clientFactory->built.empty(); }));
    network.advance(1s);
  }

  SimulatedNetwork network;
  std::unique_ptr<Reactor> server = network.makeReactor(serverIp);
  std::unique_ptr<Reactor> client = network.makeReactor(clientIp);
  std::shared_ptr<ProbeFactory> serverFactory =
      std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
  std::shared_ptr<ProbeClientFactory> clientFactory =
      std::make_shared<ProbeClientFactory>([] { return std::make_shared<Probe>(); });
  std::shared_ptr<Port> port;
  std::shared_ptr<Connector> connector;
};

/// Answers lines in upper case, and keeps count of what happens to all of its kind.
class Shout : public Protocol {
 public:
  struct Counts {
    int made = 0;
    int lost = 0;
  };
  explicit Shout(Counts& counts) : counts_(counts) {}
  void connectionMade() override { ++counts_.made; }
  void dataReceived(std::string_view data) override {
    std::string up(data);
    for (char& c : up) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    transport().write(up);
  }
  void connectionLost(const Failure&) override { ++counts_.lost; }

 private:
  Counts& counts_;
};

std::string letters(std::size_t size) {
  std::string made(size, 'a');
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return made;
}

/// What is left of one run.
struct Ending {
  std::uint64_t trace = 0;
  Duration took{0};
  int whole = 0;
  int cut = 0;
  bool operator==(const Ending&) const = default;
};

/// Some clients come and go, in a network that does them harm. Throws if anything is not as it must be.
Ending scenario(std::uint64_t seed) {
  const auto must = [](bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
  };
  SimulatedNetwork network(
      {.seed = seed, .cutting = seed % 5 == 0 ? Cutting::bytes : Cutting::random, .refused = 0.1, .reset = 0.01});
  const Duration began = network.now();
  auto server = network.makeReactor(serverIp);
  auto client = network.makeReactor(clientIp);
  Shout::Counts counts;
  Ending ending;
  int clientsMade = 0;
  int clientsLost = 0;
  int failed = 0;
  const auto factory = std::make_shared<ProbeFactory>([&] { return std::make_shared<Shout>(counts); });
  const auto port = server->listenTCP(7000, factory);
  constexpr int clients = 6;
  for (int i = 0; i < clients; ++i) {
    const std::string said = letters(seed % 5 == 0 ? 200 : 20'000 + 1000 * static_cast<std::size_t>(i));
    std::string wanted = said;
    for (char& c : wanted) c = static_cast<char>(c - 32);
    client->callLater(std::chrono::milliseconds(i * 3), [&, said, wanted] {
      auto clientFactory = std::make_shared<ProbeClientFactory>([&, said, wanted] {
        auto probe = std::make_shared<Probe>();
        probe->onMade = [&, said](Probe& p) {
          ++clientsMade;
          p.transport().write(said);
        };
        probe->onData = [wanted](Probe& p, std::string_view) {
          if (p.data().size() == wanted.size()) p.transport().loseConnection();
        };
        probe->onLost = [&, wanted](Probe& p, const Failure& reason) {
          ++clientsLost;
          // No byte is lost or out of order before a loss.
          must(wanted.compare(0, p.data().size(), p.data()) == 0, "other bytes came than were sent");
          const bool all = p.data() == wanted;
          must(all || reason.check<ConnectionLost>(), "bytes are missing at the end of a good connection");
          ++(all ? ending.whole : ending.cut);
        };
        return probe;
      });
      clientFactory->onFailed = [&](Connector&) { ++failed; };
      client->connectTCP(serverIp, 7000, clientFactory, {.timeout = 10s});
    });
  }
  // Timers of one reactor: those of one moment in the order they were made, whatever else goes on (B14).
  std::vector<int> timers;
  for (int i = 0; i < 20; ++i) client->callLater(std::chrono::milliseconds(i / 4), [&, i] { timers.push_back(i); });
  client->callLater(20ms, [&] { network.partition(serverIp, clientIp); });
  client->callLater(8s, [&] { network.heal(serverIp, clientIp); });
  must(network.runUntil([&] { return clientsLost + failed == clients && counts.lost == counts.made; }, 2h),
       "somebody waits for ever");
  must(clientsMade == clientsLost, "a connection was not lost exactly once");
  must(std::is_sorted(timers.begin(), timers.end()) && timers.size() == 20, "timers are out of order");
  // With the port closed nothing is left.
  port->stopListening();
  network.advance(10min);
  must(network.openSockets() == 0, "a socket was left open");
  must(client->getDelayedCalls().empty() && server->getDelayedCalls().empty(), "a timer was left");
  ending.trace = network.trace();
  ending.took = network.now() - began;
  return ending;
}

}  // namespace simulated_network_test

using namespace simulated_network_test;

BOOST_AUTO_TEST_CASE(whatever_the_seed_every_rule_holds) {
  int cut = 0;
  int whole = 0;
  testing::forEachSeed(200, [&](std::uint64_t seed) {
    const Ending ending = scenario(seed);
    cut += ending.cut;
    whole += ending.whole;
  });
  BOOST_TEST(whole > 0);
  if (!std::getenv("BIGHT_SEED")) BOOST_TEST(cut > 0);  // the harm was done
}

BOOST_AUTO_TEST_CASE(the_same_seed_goes_the_same_way_and_another_one_another) {
  std::map<std::uint64_t, std::uint64_t> traces;
  for (const std::uint64_t seed : {3U, 4U, 5U, 6U}) {
    const Ending first = scenario(seed);
    BOOST_TEST((scenario(seed) == first));
    ++traces[first.trace];
  }
  BOOST_TEST(traces.size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_failure_names_its_seed) {
  ::unsetenv("BIGHT_SEED");
  int runs = 0;
  const auto test = [&](std::uint64_t seed) {
    ++runs;
    if (seed == 3) throw std::domain_error("three");
  };
  try {
    testing::forEachSeed(10, test);
    BOOST_FAIL("it must throw");
  } catch (const testing::SimulationFailed& e) {
    BOOST_TEST(e.seed() == 3U);
    BOOST_TEST(e.what() == "with seed 3: three (to have it again: BIGHT_SEED=3)");
  }
  BOOST_TEST(runs == 3);
  ::setenv("BIGHT_SEED", "7", 1);
  BOOST_TEST(testing::simulationSeed() == 7U);
  std::vector<std::uint64_t> seeds;
  testing::forEachSeed(10, [&](std::uint64_t seed) { seeds.push_back(seed); });
  BOOST_TEST(seeds == std::vector<std::uint64_t>{7}, boost::test_tools::per_element());
  ::setenv("BIGHT_SEED", "seven", 1);
  BOOST_CHECK_THROW(testing::simulationSeed(), std::invalid_argument);
  ::unsetenv("BIGHT_SEED");
  BOOST_TEST(testing::simulationSeed() == 1U);
}

BOOST_AUTO_TEST_CASE(hours_take_no_time_and_timers_keep_theirs) {
  SimulatedNetwork network;
  auto reactor = network.makeReactor();
  const Duration began = reactor->seconds();
  std::vector<std::string> heard;
  LoopingCall hourly(*reactor, [&] { heard.push_back("hour"); });
  auto done = hourly.start(1h, false);
  reactor->callLater(150min, [&] { heard.push_back("150 min"); });
  reactor->callLater(24h + 1s, [&] { reactor->stop(); });
  reactor->run();
  BOOST_TEST(std::count(heard.begin(), heard.end(), "hour") == 24);
  BOOST_TEST(heard[2] == "150 min");
  BOOST_TEST((reactor->seconds() - began == 24h + 1s));
  hourly.stop();
}

BOOST_AUTO_TEST_CASE(a_partition_stops_bytes_and_healing_lets_them_go_on) {
  Lab lab;
  lab.connected();
  lab.network.partition(serverIp, clientIp);
  const std::string said = letters(10'000);
  lab.lastClient()->transport().write(said);
  lab.network.advance(10min);
  BOOST_TEST(lab.lastServer()->data().empty());
  lab.lastClient()->transport().write("!");
  lab.network.heal(serverIp, clientIp);
  lab.network.advance(1s);
  BOOST_TEST(lab.lastServer()->data() == said + "!");
}

BOOST_AUTO_TEST_CASE(who_is_not_heard_for_too_long_is_lost) {
  Lab lab;
  lab.connected();
  lab.network.lose(serverIp);
  lab.lastClient()->transport().write("hello?");
  lab.network.advance(14min);
  BOOST_TEST(!lab.lastClient()->closed());
  lab.network.advance(2min);
  BOOST_TEST(is<ConnectionLost>(lab.lastClient()->closedReason()));
  BOOST_TEST(osErrorOf(lab.lastClient()->closedReason()) == ETIMEDOUT);
}

// A crash and a restart: the peer hears of it when it says something.
BOOST_AUTO_TEST_CASE(a_machine_that_crashed_answers_with_resets) {
  Lab lab;
  lab.connected();
  lab.network.lose(serverIp);
  lab.port.reset();
  lab.server.reset();
  lab.network.find(serverIp);
  lab.server = lab.network.makeReactor(serverIp);
  lab.network.advance(1h);
  BOOST_TEST(!lab.lastClient()->closed());
  lab.lastClient()->transport().write("still there?");
  lab.network.advance(1s);
  BOOST_TEST(osErrorOf(lab.lastClient()->closedReason()) == ECONNRESET);
}

BOOST_AUTO_TEST_CASE(connections_may_be_reset_from_outside) {
  Lab lab;
  lab.connected();
  BOOST_TEST(lab.network.reset(serverIp, clientIp) == 1U);
  lab.network.advance(1s);
  BOOST_TEST(osErrorOf(lab.lastClient()->closedReason()) == ECONNRESET);
  BOOST_TEST(osErrorOf(lab.lastServer()->closedReason()) == ECONNRESET);
  BOOST_TEST(lab.network.reset(serverIp, clientIp) == 0U);
}

BOOST_AUTO_TEST_CASE(an_attempt_ends_as_it_would_outside) {
  Lab lab;
  lab.connect();  // nobody listens
  lab.network.advance(1s);
  BOOST_TEST(is<ConnectionRefusedError>(lab.clientFactory->reason));
  lab.listen();
  lab.network.partition(serverIp, clientIp);
  lab.connect();
  lab.network.advance(29s);
  BOOST_TEST((lab.connector->state() == Connector::State::connecting));
  lab.network.advance(2s);  // 30 s by default
  BOOST_TEST(is<ConnectTimeoutError>(lab.clientFactory->reason));
  lab.connect({.timeout = 0s});
  lab.network.advance(3min);  // without a limit of ours, the system's
  BOOST_TEST(is<TCPTimedOutError>(lab.clientFactory->reason));
  lab.connect({.timeout = 0s});
  lab.network.advance(5s);
  lab.network.heal(serverIp, clientIp);  // the next knock is heard
  lab.network.advance(1min);
  BOOST_TEST(lab.clientFactory->built.size() == 1U);
  lab.network.change({.refused = 1});
  lab.connect();
  lab.network.advance(1s);
  BOOST_TEST(is<ConnectionRefusedError>(lab.clientFactory->reason));
  // A machine without an address of that kind has no way.
  auto reactor = lab.network.makeReactor("fd00::77");
  reactor->connectTCP(serverIp, 7000, lab.clientFactory);
  lab.network.advance(1s);
  BOOST_TEST(is<ConnectError>(lab.clientFactory->reason));
}

// C33: back-pressure is real, and a peer that never reads costs what the limits say.
BOOST_AUTO_TEST_CASE(who_does_not_read_makes_the_writer_wait) {
  Lab lab({.seed = 2, .window = 1000});
  lab.connected();
  lab.lastServer()->transport().pauseProducing();
  auto& transport = lab.lastClient()->transport();
  transport.write(letters(50'000));
  lab.network.advance(1h);
  BOOST_TEST(transport.writeBufferSize() == 49'000U);
  bool drained = false;
  auto gone = transport.drained().addCallback([&] { drained = true; });
  lab.lastServer()->transport().resumeProducing();
  lab.network.advance(1s);
  BOOST_TEST(drained);
  BOOST_TEST(lab.lastServer()->data() == letters(50'000));
}

BOOST_AUTO_TEST_CASE(bytes_are_cut_as_is_wanted) {
  for (const Cutting cutting : {Cutting::whole, Cutting::bytes, Cutting::random}) {
    Lab lab({.seed = 9, .cutting = cutting});
    lab.connected();
    std::vector<std::size_t> pieces;
    lab.lastServer()->onData = [&](Probe&, std::string_view data) { pieces.push_back(data.size()); };
    lab.lastClient()->transport().write(letters(5000));
    lab.network.advance(1s);
    BOOST_TEST(lab.lastServer()->data() == letters(5000));
    if (cutting == Cutting::whole) BOOST_TEST(pieces.size() == 1U);
    if (cutting == Cutting::bytes) BOOST_TEST(pieces.size() == 5000U);
    if (cutting == Cutting::random) BOOST_TEST((pieces.size() > 1 && pieces.size() < 5000));
  }
}

BOOST_AUTO_TEST_CASE(a_run_without_an_end_says_so) {
  SimulatedNetwork network;
  auto reactor = network.makeReactor();
  reactor->callWhenRunning([] {});
  BOOST_CHECK_THROW(reactor->run(), testing::SimulationStalled);
  BOOST_TEST(!reactor->running());
}

BOOST_AUTO_TEST_CASE(others_are_turned_along_by_one_that_runs) {
  Lab lab;
  lab.network.start(*lab.server);
  BOOST_TEST(lab.server->running());
  lab.serverFactory->make = [] {
    auto probe = std::make_shared<Probe>();
    probe->onData = [](Probe& p, std::string_view data) { p.transport().write(data); };
    return probe;
  };
  lab.listen();
  bool timer = false;
  lab.server->callLater(1h, [&] { timer = true; });
  lab.client->callWhenRunning([&] { lab.connect(); });
  lab.clientFactory->make = [&] {
    auto probe = std::make_shared<Probe>();
    probe->onMade = [](Probe& p) { p.transport().write("echo"); };
    probe->onData = [&](Probe& p, std::string_view) {
      if (p.data() == "echo") lab.client->callLater(2h, [&] { lab.client->stop(); });
    };
    return probe;
  };
  // Time is not to be turned inside a turn.
  lab.client->callLater(1s, [&] { BOOST_CHECK_THROW(lab.network.advance(1s), std::logic_error); });
  lab.client->run();
  BOOST_TEST(timer);
  BOOST_TEST(lab.lastClient()->data() == "echo");
  BOOST_TEST(is<ConnectionLost>(lab.lastClient()->closedReason()));  // the client's shutdown
  lab.network.advance(1s);
  BOOST_TEST(lab.lastServer()->closed());
}

// B38: signals, as far as they concern a reactor.
BOOST_AUTO_TEST_CASE(signals_stop_it_or_are_its_users) {
  LogCatcher log;
  SimulatedNetwork network;
  auto reactor = network.makeReactor();
  std::vector<int> heard;
  auto callback = reactor->onSignal(SIGHUP, [&](int number) { heard.push_back(number); });
  Deferred<void> drain;
  const auto drained = drain.promise();
  reactor->addSystemEventTrigger(Phase::before, "shutdown", [&] { return std::move(drain); });
  reactor->callLater(1s, [&] { network.signal(*reactor, SIGHUP); });
  reactor->callLater(2s, [&] { network.signal(*reactor, SIGTERM); });
  const Duration began = network.now();
  reactor->run();  // drains for 30 s, then goes on without it
  BOOST_TEST(heard == std::vector<int>{SIGHUP}, boost::test_tools::per_element());
  BOOST_TEST(reactor->exitSignal().value() == SIGTERM);
  BOOST_TEST((network.now() - began >= 32s && network.now() - began < 33s));
  BOOST_TEST(log.count("drainLimit") == 1U);
  reactor->removeSignalCallback(callback);
  BOOST_CHECK_THROW(network.signal(*makeReactor(), SIGHUP), std::invalid_argument);
}

// B31, B33, B36: threads are played by the loop.
BOOST_AUTO_TEST_CASE(work_for_threads_is_done_by_the_loop) {
  LogCatcher log;
  SimulatedNetwork network;
  auto reactor = network.makeReactor();
  std::vector<std::string> order;
  const auto me = std::this_thread::get_id();
  auto early = deferToThread(*reactor, [&] { return order.emplace_back("early"), std::this_thread::get_id() == me; });
  bool here = false;
  early.addCallback([&](bool same) { here = same; });
  std::string failure;
  reactor->callWhenRunning([&] {
    order.emplace_back("running");
    reactor->callFromThread([&] { order.emplace_back("from thread"); });
    deferToThread(*reactor, []() -> int { throw std::domain_error("no"); }).addErrback([&](const Failure& f) {
      failure = f.getErrorMessage();
      return 0;
    });
    deferToThread(*reactor, [&] { blockingCallFromThread(*reactor, [] {}); }).addErrback([&](const Failure& f) {
      BOOST_TEST(f.check<std::logic_error>());
    });
    reactor->callLater(1s, [&] { reactor->stop(); });
    reactor->callLater(1s, [&] { reactor->callInThread([&] { order.emplace_back("late"); }); });
  });
  reactor->run();
  BOOST_TEST(here);
  BOOST_TEST(failure == "no");
  BOOST_TEST(order.front() == "running");
  BOOST_TEST(order.back() == "late");  // what was given before the end is done before it
  BOOST_TEST(order.size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_real_thread_may_still_call) {
  SimulatedNetwork network;
  auto reactor = network.makeReactor();
  std::thread other(
      [&] { blockingCallFromThread(*reactor, [&] { reactor->callLater(1h, [&] { reactor->stop(); }); }); });
  const Duration began = network.now();
  reactor->callLater(1h, [] {});
  reactor->run();
  other.join();
  BOOST_TEST((network.now() - began >= 1h));
}

BOOST_AUTO_TEST_CASE(what_there_is_no_system_for_is_refused) {
  SimulatedNetwork network;
  auto reactor = network.makeReactor();
  class Child : public ProcessProtocol {
   public:
    Child() = default;
  };
  class Watched : public Selectable {
    int fileno() const override { return 0; }
  };
  BOOST_CHECK_THROW(reactor->spawnProcess(std::make_shared<Child>(), "/bin/true"), std::logic_error);
  BOOST_CHECK_THROW(reactor->addReader(std::make_shared<Watched>()), std::logic_error);
  BOOST_CHECK_THROW(reactor->connectDescriptors(std::make_shared<Probe>(), 0, 1), std::logic_error);
  BOOST_CHECK_THROW(
      reactor->adoptStreamPort(0, AddressFamily::any, std::make_shared<ProbeFactory>([] { return nullptr; })),
      std::logic_error);
  BOOST_CHECK_THROW(network.makeReactor("10.0.0.1"), std::invalid_argument);  // the first machine has it
  BOOST_CHECK_THROW(network.makeReactor("nowhere"), std::invalid_argument);
  BOOST_CHECK_THROW(network.partition("a", "b"), std::invalid_argument);
  BOOST_CHECK_THROW(network.advance(-1s), std::invalid_argument);
  BOOST_CHECK_THROW(SimulatedNetwork({.reset = 2}), std::invalid_argument);
  BOOST_CHECK_THROW(SimulatedNetwork({.window = 0}), std::invalid_argument);
  BOOST_CHECK_THROW(SimulatedNetwork({.minLatency = 2s, .maxLatency = 1s}), std::invalid_argument);
  BOOST_CHECK_THROW(registerPoller("simulated", [] { return nullptr; }), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(names_and_unix_sockets_are_there) {
  Lab lab;
  lab.network.names().add("server.example", {serverIp});
  lab.listen();
  lab.client->connectTCP("server.example", 7000, lab.clientFactory);
  lab.network.advance(1s);
  BOOST_TEST(lab.clientFactory->built.size() == 1U);
  const auto local = lab.client->listenUNIX("/nowhere/at/all.sock", lab.serverFactory);
  BOOST_CHECK_THROW(lab.client->listenUNIX("/nowhere/at/all.sock", lab.serverFactory), CannotListenError);
  BOOST_TEST(local->getHost().toString() == "unix:/nowhere/at/all.sock");
  lab.clientFactory->make = [] {
    auto probe = std::make_shared<Probe>();
    probe->onMade = [](Probe& p) { p.transport().write("over there"); };
    return probe;
  };
  lab.client->connectUNIX("/nowhere/at/all.sock", lab.clientFactory);
  lab.server->connectUNIX("/nowhere/at/all.sock", lab.clientFactory);  // another machine has other files
  lab.network.advance(1s);
  BOOST_TEST(lab.lastServer()->data() == "over there");
  BOOST_TEST(is<ConnectError>(lab.clientFactory->reason));
}

// Datagrams get lost, twice there, and overtake each other.
BOOST_AUTO_TEST_CASE(datagrams_suffer) {
  class Letters : public DatagramProtocol {
   public:
    void datagramReceived(std::string_view data, const Address& from) override {
      got.emplace_back(data);
      sender = from;
    }
    void connectionRefused() override { ++refused; }
    std::vector<std::string> got;
    Address sender;
    int refused = 0;
  };
  SimulatedNetwork network({.seed = 11, .lost = 0.2, .twice = 0.2});
  auto server = network.makeReactor(serverIp);
  auto client = network.makeReactor(clientIp);
  const auto receiver = std::make_shared<Letters>();
  const auto writer = std::make_shared<Letters>();
  auto port = server->listenUDP(53, receiver);
  auto out = client->listenUDP(0, writer);
  out->connect(serverIp, 53);
  for (int i = 1000; i < 1500; ++i) out->write(std::to_string(i));
  network.advance(1s);
  auto sorted = receiver->got;
  std::sort(sorted.begin(), sorted.end());
  BOOST_TEST((sorted != receiver->got));
  BOOST_TEST((std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()));
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  BOOST_TEST((sorted.size() > 300 && sorted.size() < 490));
  BOOST_TEST(receiver->sender.toString() == out->getHost().toString());
  network.change({.lost = 0});
  port->stopListening();
  network.advance(1s);
  out->write("anybody there?");
  network.advance(1s);
  BOOST_TEST(writer->refused == 1);
  // Groups, as the system has them.
  const auto inGroup = std::make_shared<Letters>();
  auto member = server->listenUDP(5000, inGroup);
  member->joinGroup("239.1.2.3").addErrback([](const Failure& f) { BOOST_ERROR(f.getErrorMessage()); });
  auto speaker = client->listenUDP(0, std::make_shared<Letters>());
  speaker->write("to all", "239.1.2.3", 5000);
  network.advance(1s);
  BOOST_TEST(inGroup->got.size() == 1U);
}

// C50: a client that stays connected finds its server again, hours later.
BOOST_AUTO_TEST_CASE(a_client_service_survives_a_day_of_trouble) {
  const auto day = [](std::uint64_t seed) {
    Lab lab({.seed = seed});
    lab.listen();
    auto service = std::make_shared<ClientService>(std::make_shared<HostnameEndpoint>(*lab.client, serverIp, 7000),
                                                   Factory::forProtocol<Probe>(), *lab.client);
    service->startService();
    lab.network.advance(1min);
    lab.network.reset(serverIp, clientIp);
    lab.network.advance(1h);
    lab.network.lose(serverIp);
    lab.port.reset();
    lab.server.reset();
    lab.network.advance(6h);
    lab.network.find(serverIp);
    lab.server = lab.network.makeReactor(serverIp);
    lab.network.advance(6h);
    lab.listen();
    lab.network.reset(serverIp, clientIp);
    lab.network.advance(12h);
    const std::size_t accepted = lab.serverFactory->built.size();
    bool stopped = false;
    service->stopService().addCallback([&] { stopped = true; });
    lab.network.advance(1min);
    BOOST_TEST(stopped);
    return std::pair(accepted, lab.network.trace());
  };
  const auto first = day(1);
  BOOST_TEST(first.first >= 2U);
  BOOST_TEST((day(1) == first));  // its jitter is the seed's, too
}

BOOST_AUTO_TEST_CASE(what_happens_can_be_read) {
  std::vector<std::string> lines;  // outlives the network, which tells of its own end
  Lab lab({.seed = 1, .cutting = Cutting::whole});
  lab.network.onTrace([&](std::string_view line) { lines.emplace_back(line); });
  lab.connected();
  lab.lastClient()->transport().write("seventeen letters");
  lab.network.advance(1s);
  const auto said = [&](const std::string& text) {
    return std::count_if(lines.begin(), lines.end(), [&](const auto& each) { return each.ends_with(text); });
  };
  BOOST_TEST(lines.front() == "3600.000000 s  1 is bound to port 7000");
  BOOST_TEST(said("receives 17") == 1);
  BOOST_TEST(lab.network.openSockets() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
