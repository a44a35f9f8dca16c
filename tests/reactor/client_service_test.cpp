#include <bight/client_service.hpp>

#include <bight/endpoints.hpp>
#include <bight/reconnecting_client_factory.hpp>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(client_service)

using namespace tcp_test;

namespace client_service_test {

using Connected = std::shared_ptr<Protocol>;

template <class T>
struct Outcome {
  explicit Outcome(Deferred<T> d) : deferred(std::move(d)) {
    deferred.addBoth([this](Result<T> r) { result = std::move(r); });
  }
  ~Outcome() { deferred.cancel(); }  // what is under way must not find us gone
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;
  bool done() const { return result.has_value(); }
  bool worked() const { return result && *result; }
  template <class E>
  bool failedWith() const {
    return result && !*result && result->failure().template check<E>();
  }
  Deferred<T> deferred;
  std::optional<Result<T>> result;
};

/// A service over a MemoryReactor, whose delays are 1 s times the failures plus one.
struct Lab {
  explicit Lab(ClientServiceOptions options = {}) {
    options.retryPolicy = [](std::size_t failures) { return 1s * static_cast<int>(failures + 1); };
    service = std::make_shared<ClientService>(std::make_shared<HostnameEndpoint>(reactor, "192.0.2.1", 80),
                                              Factory::forProtocol<Probe>(), reactor, std::move(options));
  }
  Outcome<Connected> when(std::optional<std::size_t> failures = std::nullopt) {
    return Outcome<Connected>(service->whenConnected(failures));
  }
  std::size_t attempts() const { return reactor.tcpClients().size(); }
  testing::MemoryConnector& last() { return *reactor.tcpClients().back(); }
  void refuse() { last().fail(Failure(ConnectionRefusedError(111))); }
  void connect() {
    server = std::make_shared<Probe>();
    pump = std::make_unique<testing::IOPump>(last().succeed(), server);
  }
  void drop() {
    server->transport().loseConnection();
    pump->flush();
  }

  LogCatcher log;
  testing::MemoryReactor reactor;
  std::shared_ptr<ClientService> service;
  std::shared_ptr<Probe> server;
  std::unique_ptr<testing::IOPump> pump;
};

/// A MemoryReactor's connector, and a factory that reconnects.
struct Again {
  explicit Again(ReconnectOptions options = {.jitter = 0})
      : factory(ReconnectingClientFactory::forProtocol<Probe>(reactor, std::move(options))) {}
  testing::MemoryConnector& connector() { return *reactor.tcpClients().at(0); }
  bool connecting() { return connector().state() == Connector::State::connecting; }
  void fail() { connector().fail(Failure(ConnectionRefusedError(111))); }

  testing::MemoryReactor reactor;
  std::shared_ptr<ReconnectingClientFactory> factory;
};

}  // namespace client_service_test

using namespace client_service_test;

// C50: connects, tells who waits, reconnects when the connection is lost.
BOOST_AUTO_TEST_CASE(it_stays_connected) {
  Lab lab;
  auto early = lab.when();  // before the start: waits for it
  BOOST_TEST(lab.attempts() == 0U);
  lab.service->startService();
  lab.service->startService();
  BOOST_TEST(lab.attempts() == 1U);
  auto second = lab.when();
  BOOST_TEST((!early.done() && !second.done()));
  lab.connect();
  BOOST_TEST((early.worked() && second.worked()));
  BOOST_TEST(lab.when().result->value() == early.result->value());
  lab.drop();
  auto next = lab.when();
  BOOST_TEST(lab.attempts() == 1U);
  lab.reactor.advance(1s);  // retryPolicy(0)
  BOOST_TEST(lab.attempts() == 2U);
  BOOST_TEST(!next.done());
  lab.connect();
  BOOST_TEST(next.worked());
  BOOST_TEST(next.result->value() != early.result->value());
}

// C50: the delay grows with the failures, which are forgotten with a success.
BOOST_AUTO_TEST_CASE(failures_are_counted) {
  Lab lab;
  lab.service->startService();
  for (std::size_t n = 1; n <= 3; ++n) {
    lab.refuse();
    BOOST_TEST(lab.service->failures() == n);
    lab.reactor.advance(1s * static_cast<int>(n + 1) - 1ns);
    BOOST_TEST(lab.attempts() == n);
    lab.reactor.advance(1ns);
    BOOST_TEST(lab.attempts() == n + 1);
  }
  lab.connect();
  BOOST_TEST(lab.service->failures() == 0U);
}

// C50: failAfterFailures counts from the question on; the service goes on all the same.
BOOST_AUTO_TEST_CASE(who_waits_may_give_up) {
  Lab lab;
  lab.service->startService();
  auto one = lab.when(1), two = lab.when(2), ever = lab.when();
  lab.refuse();
  BOOST_TEST(one.failedWith<ConnectionRefusedError>());
  auto late = lab.when(2);
  BOOST_TEST(!two.done());
  lab.reactor.advance(2s);
  lab.refuse();
  BOOST_TEST(two.failedWith<ConnectionRefusedError>());
  BOOST_TEST((!late.done() && !ever.done()));
  ever.deferred.cancel();
  BOOST_TEST(ever.failedWith<CancelledError>());
  lab.reactor.advance(3s);
  lab.connect();
  BOOST_TEST(late.worked());
  BOOST_CHECK_THROW(lab.service->whenConnected(0), std::invalid_argument);
}

// C50: stopping in each state, and what whenConnected says then.
BOOST_AUTO_TEST_CASE(it_stops_from_everywhere) {
  {
    Lab lab;
    Outcome<void> end(lab.service->stopService());
    BOOST_TEST(end.done());
  }
  {
    Lab lab;  // connecting: the attempt is cancelled
    lab.service->startService();
    auto waits = lab.when();
    Outcome<void> end(lab.service->stopService());
    BOOST_TEST(end.done());
    BOOST_TEST(waits.failedWith<CancelledError>());
    BOOST_TEST((lab.last().state() == Connector::State::disconnected));
    BOOST_TEST(lab.reactor.getDelayedCalls().empty());
    BOOST_TEST(lab.when().failedWith<CancelledError>());
    lab.service->startService();
    BOOST_TEST(lab.attempts() == 2U);
  }
  {
    Lab lab;  // waiting: the timer is taken back
    lab.service->startService();
    lab.refuse();
    Outcome<void> end(lab.service->stopService());
    BOOST_TEST(end.done());
    BOOST_TEST(lab.reactor.getDelayedCalls().empty());
    lab.reactor.advance(1h);
    BOOST_TEST(lab.attempts() == 1U);
  }
  {
    Lab lab;  // connected: fires when the connection is gone
    lab.service->startService();
    lab.connect();
    Outcome<void> end(lab.service->stopService());
    BOOST_TEST(!end.done());
    BOOST_TEST(lab.when().failedWith<CancelledError>());
    Outcome<void> again(lab.service->stopService());
    lab.pump->flush();
    BOOST_TEST((end.done() && again.done()));
    BOOST_TEST(lab.server->closed());
    lab.reactor.advance(1h);
    BOOST_TEST(lab.attempts() == 1U);
  }
  {
    Lab lab;  // destroyed: the same
    lab.service->startService();
    lab.connect();
    lab.service.reset();
    lab.pump->flush();
    BOOST_TEST(lab.server->closed());
    BOOST_TEST(lab.reactor.getDelayedCalls().empty());
  }
}

// C50: started anew while the old connection still closes.
BOOST_AUTO_TEST_CASE(it_restarts) {
  Lab lab;
  lab.service->startService();
  lab.connect();
  Outcome<void> end(lab.service->stopService());
  lab.service->startService();
  auto next = lab.when();
  BOOST_TEST((!end.done() && !next.done()));
  BOOST_TEST(lab.attempts() == 1U);
  lab.pump->flush();
  BOOST_TEST(end.done());
  BOOST_TEST(lab.attempts() == 2U);
  lab.connect();
  BOOST_TEST(next.worked());
  // And stopped again before it is gone.
  Outcome<void> one(lab.service->stopService());
  lab.service->startService();
  auto vain = lab.when();
  Outcome<void> two(lab.service->stopService());
  BOOST_TEST(vain.failedWith<CancelledError>());
  lab.pump->flush();
  BOOST_TEST((one.done() && two.done()));
  BOOST_TEST(lab.attempts() == 2U);
}

// C50: nobody is told before the connection is prepared; a failure of it is a failed attempt.
BOOST_AUTO_TEST_CASE(connections_are_prepared) {
  std::vector<Promise<void>> steps;
  Lab lab({.prepareConnection = [&](const Connected& protocol) {
    protocol->transport().write("hello");
    Deferred<void> ready([] {});
    steps.push_back(ready.promise());
    return ready;
  }});
  lab.service->startService();
  auto waits = lab.when(), impatient = lab.when(1);
  lab.connect();
  lab.pump->flush();
  BOOST_TEST(lab.server->data() == "hello");
  BOOST_TEST(!waits.done());
  steps[0].errback(std::runtime_error("wrong password"));
  BOOST_TEST(impatient.failedWith<std::runtime_error>());
  lab.pump->flush();
  BOOST_TEST(lab.server->closed());
  BOOST_TEST(lab.service->failures() == 1U);
  lab.reactor.advance(2s);
  lab.connect();
  lab.drop();  // lost while it is prepared: a failed attempt, and what was begun is cancelled
  BOOST_TEST(steps[1].called());
  BOOST_TEST(lab.service->failures() == 2U);
  lab.reactor.advance(3s);
  lab.connect();
  steps[2].callback();
  BOOST_TEST(waits.worked());
  BOOST_TEST(lab.service->failures() == 0U);
  lab.drop();
  lab.reactor.advance(1s);
  lab.connect();
  Outcome<void> end(lab.service->stopService());  // while it is prepared
  BOOST_TEST(steps[3].called());
  BOOST_TEST(!end.done());
  lab.pump->flush();
  BOOST_TEST(end.done());
  // It may also do its work at once, or throw.
  Lab quick({.prepareConnection = [](const Connected&) {}});
  quick.service->startService();
  quick.connect();
  BOOST_TEST(quick.when().worked());
  Lab throws({.prepareConnection = [](const Connected&) { throw std::runtime_error("no"); }});
  throws.service->startService();
  throws.connect();
  BOOST_TEST(throws.service->failures() == 1U);
}

// C50 with a limit: a server that takes the connection and says nothing does not hold it up for ever.
BOOST_AUTO_TEST_CASE(preparing_has_a_limit) {
  const testing::LogCapture log;
  int cancelled = 0;
  const auto never = [&](const Connected&) { return Deferred<void>([&] { ++cancelled; }); };
  Lab lab({.prepareConnection = never});
  lab.service->startService();
  auto waits = lab.when(1);
  lab.connect();
  lab.reactor.advance(30s - 1ns);
  BOOST_TEST(!waits.done());
  lab.reactor.advance(1ns);
  BOOST_TEST(waits.failedWith<TimeoutError>());
  BOOST_TEST(log.count("preparing the connection to tcp:192.0.2.1:80 timed out after 30 s") == 1U);
  BOOST_TEST(cancelled == 1);
  lab.pump->flush();
  BOOST_TEST(lab.server->closed());
  BOOST_TEST(lab.service->failures() == 1U);
  lab.reactor.advance(2s);
  BOOST_TEST(lab.attempts() == 2U);
  lab.connect();
  Outcome<void> end(lab.service->stopService());
  lab.pump->flush();
  BOOST_TEST(end.done());
  BOOST_TEST(lab.reactor.getDelayedCalls().empty());
  // Whose cancelling stops the service, is stopped.
  std::function<void()> stop = [] {};
  Lab stopped(
      {.prepareConnection = [&](const Connected&) { return Deferred<void>([&] { stop(); }); }, .prepareTimeout = 1s});
  stop = [&] { stopped.service->stopService(); };
  stopped.service->startService();
  stopped.connect();
  stopped.reactor.advance(1s);
  stopped.pump->flush();
  BOOST_TEST(stopped.server->closed());
  stopped.reactor.advance(1h);
  BOOST_TEST(stopped.attempts() == 1U);
  // And without a limit it may take for ever.
  Lab patient({.prepareConnection = never, .prepareTimeout = 0s});
  patient.service->startService();
  patient.connect();
  patient.reactor.advance(24h);
  BOOST_TEST(patient.service->failures() == 0U);
}

// C50: a server that takes connections and closes them at once is asked less and less often, and the log says so.
BOOST_AUTO_TEST_CASE(short_connections_do_not_reset_the_delay) {
  const testing::LogCapture log;
  Lab lab;
  lab.service->startService();
  for (std::size_t n = 1; n <= 4; ++n) {
    BOOST_TEST(lab.attempts() == n);
    lab.connect();
    lab.reactor.advance(2264ms + 1ns);  // not long enough
    lab.drop();
    lab.reactor.advance(1s * static_cast<int>(n) - 1ns);
    BOOST_TEST(lab.attempts() == n);
    lab.reactor.advance(1ns);
  }
  BOOST_TEST(log.count("the connection to tcp:192.0.2.1:80 was lost after 2.26 s; the next attempt is in 4 s") == 1U);
  lab.refuse();  // counts in addition: 1 failure behind 4 short ones
  lab.reactor.advance(6s - 1ns);
  BOOST_TEST(lab.attempts() == 5U);
  lab.reactor.advance(1ns);
  lab.connect();
  lab.reactor.advance(5s);  // long enough
  lab.drop();
  lab.reactor.advance(1s);
  BOOST_TEST(lab.attempts() == 7U);
  // A connection whose preparing had to wait for the server has worked.
  Promise<void> step;
  Lab prepared({.prepareConnection = [&](const Connected&) {
    Deferred<void> ready;
    step = ready.promise();
    return ready;
  }});
  prepared.service->startService();
  for (std::size_t n = 1; n <= 3; ++n) {
    prepared.connect();
    step.callback();
    prepared.drop();
    prepared.reactor.advance(1s);
    BOOST_TEST(prepared.attempts() == n + 1);
  }
}

// Nobody is hurt by callbacks that stop the service, or lose the connection.
BOOST_AUTO_TEST_CASE(callbacks_may_do_anything) {
  Lab lab;
  lab.service->startService();
  lab.service->whenConnected().addCallback([&](const Connected& protocol) {
    protocol->transport().abortConnection();
    lab.service->stopService();
  });
  auto next = lab.when();
  lab.connect();
  BOOST_TEST(next.done());
  lab.pump->flush();
  Lab failing;
  failing.service->startService();
  failing.service->whenConnected(1).addErrback([&](const Failure&) -> Connected {
    failing.service.reset();
    return nullptr;
  });
  failing.refuse();
  BOOST_TEST(failing.reactor.getDelayedCalls().empty());
}

// C50: the back-off.
BOOST_AUTO_TEST_CASE(delays_grow_up_to_a_limit) {
  const auto policy = backoffPolicy({.jitter = [] { return Duration(0); }});
  BOOST_TEST((policy(0) == 1s && policy(1) == 1500ms && policy(2) == 2250ms));
  BOOST_TEST((policy(20) == 60s && policy(100'000) == 60s));
  const auto jittery = backoffPolicy();
  for (int i = 0; i < 100; ++i) BOOST_TEST((jittery(0) >= 1s && jittery(0) < 2s));
  BOOST_CHECK_THROW(backoffPolicy({.factor = 0.5}), std::invalid_argument);
  BOOST_CHECK_THROW(backoffPolicy({.maxDelay = -1s}), std::invalid_argument);
}

// C50 with sockets: a server that comes, goes, and comes back at the same place.
BOOST_DATA_TEST_CASE(it_survives_its_server, reactors(), backend) {
  const LogCatcher log;
  const auto reactor = makeReactor(backend);
  const auto servers = std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
  auto port = reactor->listenTCP(0, servers, {.interface = "127.0.0.1"});
  const auto number = port->getHost().port();
  const auto service = std::make_shared<ClientService>(
      clientFromString(*reactor, "tcp:127.0.0.1:" + std::to_string(number)), Factory::forProtocol<Probe>(), *reactor,
      ClientServiceOptions{.retryPolicy = [](std::size_t) { return 1ms; }});
  service->startService();
  for (std::size_t life = 1; life <= 3; ++life) {
    Outcome<Connected> here(service->whenConnected());
    spin(*reactor, [&] { return here.worked() && servers->built.size() == life; });
    port->stopListening();
    servers->built.back()->transport().abortConnection();
    spin(*reactor, [&] { return service->failures() >= 2; });
    port = reactor->listenTCP(number, servers, {.interface = "127.0.0.1"});
  }
  Outcome<Connected> here(service->whenConnected());
  spin(*reactor, [&] { return here.worked(); });
  Outcome<void> end(service->stopService());
  spin(*reactor, [&] { return end.done(); });
  BOOST_TEST((**here.result)->transport().connected() == false);
  BOOST_TEST(reactor->getDelayedCalls().empty());
}

// C49: the delay, its growth, its limit; failed and lost alike; a success resets it.
BOOST_AUTO_TEST_CASE(a_factory_reconnects) {
  const testing::LogCapture log;
  Again again({.initialDelay = 1s, .maxDelay = 5s, .factor = 2, .jitter = 0});
  again.reactor.connectTCP("192.0.2.1", 80, again.factory);
  for (const auto delay : {1s, 2s, 4s, 5s, 5s}) {
    again.fail();
    BOOST_TEST((again.factory->delay() == delay));
    again.reactor.advance(Duration(delay) - 1ns);
    BOOST_TEST(!again.connecting());
    again.reactor.advance(1ns);
    BOOST_TEST(again.connecting());
  }
  BOOST_TEST(again.factory->retries() == 5U);
  BOOST_TEST(log.count("no connection to 192.0.2.1:80; attempt 3 to get one again is in 4 s") == 1U);
  again.connector().succeed();
  BOOST_TEST(again.factory->retries() == 0U);
  again.fail();  // lost
  BOOST_TEST((again.factory->delay() == 1s));
  again.reactor.advance(1s);
  BOOST_TEST(again.connecting());
}

// C49: stopTrying takes back the retry, or the attempt; maxRetries is the end, too.
BOOST_AUTO_TEST_CASE(a_factory_can_be_stopped) {
  Again waiting;
  waiting.reactor.connectTCP("192.0.2.1", 80, waiting.factory);
  waiting.fail();
  waiting.factory->stopTrying();
  BOOST_TEST(waiting.reactor.getDelayedCalls().empty());
  waiting.connector().connect();
  waiting.fail();
  BOOST_TEST(waiting.reactor.getDelayedCalls().empty());
  Again trying;
  trying.reactor.connectTCP("192.0.2.1", 80, trying.factory);
  trying.factory->stopTrying();
  BOOST_TEST(!trying.connecting());
  BOOST_TEST(trying.reactor.getDelayedCalls().empty());
  Again limited({.jitter = 0, .maxRetries = 2});
  limited.reactor.connectTCP("192.0.2.1", 80, limited.factory);
  for (int i = 0; i < 3; ++i) {
    limited.fail();
    limited.reactor.advance(1min);
  }
  BOOST_TEST(!limited.connecting());
  BOOST_TEST(limited.reactor.getDelayedCalls().empty());
}

// C49: jitter is a part of the delay, never more than maxDelay, never less than nothing.
BOOST_AUTO_TEST_CASE(a_factory_jitters) {
  double sigma = 1;
  Again again({.initialDelay = 10s, .maxDelay = 40s, .factor = 2, .jitter = 0.1, .normal = [&] { return sigma; }});
  again.reactor.connectTCP("192.0.2.1", 80, again.factory);
  for (const auto& [number, delay] :
       std::vector<std::pair<double, Duration>>{{1, 11s}, {-1, 18s}, {5, 40s}, {-99, 0s}}) {
    sigma = number;
    again.fail();
    BOOST_TEST((again.factory->delay() == delay));
    again.reactor.advance(1min);
  }
  Again own({.initialDelay = 10s});
  own.reactor.connectTCP("192.0.2.1", 80, own.factory);
  own.fail();
  BOOST_TEST((own.factory->delay() > 0s && own.factory->delay() < 30s));
  BOOST_CHECK_THROW(Again({.factor = 0.9}), std::invalid_argument);
  BOOST_CHECK_THROW(Again({.initialDelay = -1s}), std::invalid_argument);
  BOOST_CHECK_THROW(Again({.jitter = -1}), std::invalid_argument);
}

// C49 with sockets; the connector lives on although nobody holds it, and everything goes with the reactor.
BOOST_DATA_TEST_CASE(a_factory_survives_its_server, reactors(), backend) {
  auto reactor = makeReactor(backend);
  const auto servers = std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
  auto port = reactor->listenTCP(0, servers, {.interface = "127.0.0.1"});
  const auto number = port->getHost().port();
  auto factory = ReconnectingClientFactory::forProtocol<Probe>(*reactor, {.initialDelay = 1ms, .maxDelay = 5ms});
  reactor->connectTCP("127.0.0.1", number, factory);
  spin(*reactor, [&] { return servers->built.size() == 1; });
  port->stopListening();
  servers->built.back()->transport().loseConnection();
  spin(*reactor, [&] { return factory->retries() >= 2; });
  port = reactor->listenTCP(number, servers, {.interface = "127.0.0.1"});
  spin(*reactor, [&] { return servers->built.size() == 2; });
  const std::weak_ptr<ReconnectingClientFactory> watched = factory;
  factory.reset();
  reactor.reset();
  BOOST_TEST(watched.expired());
}

BOOST_AUTO_TEST_SUITE_END()
