#include <bight/tcp.hpp>

#include <bight/connection_errors.hpp>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tcp_connector)

using namespace tcp_test;

namespace tcp_connector_test {

std::shared_ptr<ProbeClientFactory> clients() {
  return std::make_shared<ProbeClientFactory>([] { return std::make_shared<Probe>(); });
}

/// A number nobody listens on.
std::uint16_t freePort(Reactor& reactor) {
  const auto port = reactor.listenTCP(0, Factory::forProtocol<Probe>(), {.interface = "127.0.0.1"});
  const auto number = port->getHost().port();
  port->stopListening();
  return number;
}

}  // namespace tcp_connector_test

using namespace tcp_connector_test;

// C2, C5: the order of calls, the states.
BOOST_DATA_TEST_CASE(a_client_lives_in_order, reactors(), backend) {
  Pair<> pair(backend);
  BOOST_TEST((pair.connector->state() == Connector::State::connected));
  BOOST_TEST((pair.connector->getDestination() == pair.port->getHost()));
  std::vector<std::string> order;
  pair.client->onLost = [&](Probe&, const Failure&) { order.push_back("protocol"); };
  pair.clientFactory->onGone = [&](Connector& c) {
    order.push_back("factory");
    BOOST_TEST((c.state() == Connector::State::disconnected));
  };
  BOOST_CHECK_THROW(pair.connector->connect(), std::logic_error);
  BOOST_CHECK_THROW(pair.connector->stopConnecting(), NotConnectingError);
  pair.connector->disconnect();
  pair.spinUntilClosed();
  BOOST_TEST(order == (std::vector<std::string>{"protocol", "factory"}), boost::test_tools::per_element());
  BOOST_TEST(pair.clientFactory->events == (std::vector<std::string>{"start", "started", "lost", "stop"}),
             boost::test_tools::per_element());
  BOOST_TEST(is<ConnectionDone>(pair.clientFactory->reason));
  pair.connector->disconnect();
}

// C3, C4, C14: refusal comes later, with the errno in its text.
BOOST_DATA_TEST_CASE(a_refusal_comes_later, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto factory = clients();
  const auto number = freePort(*reactor);
  const auto connector = reactor->connectTCP("127.0.0.1", number, factory);
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "started"}), boost::test_tools::per_element());
  BOOST_TEST((connector->state() == Connector::State::connecting));
  spin(*reactor, [&] { return factory->reason.has_value(); });
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "started", "failed", "stop"}),
             boost::test_tools::per_element());
  BOOST_TEST(is<ConnectionRefusedError>(factory->reason));
  BOOST_TEST(is<ConnectError>(factory->reason));
  BOOST_TEST(factory->reason->getErrorMessage() ==
             "Connection was refused by other side: 111: Connection refused (127.0.0.1:" + std::to_string(number) +
                 ").");
  BOOST_TEST(factory->built.empty());
}

// C4, C5: stopConnecting tells UserError before it returns.
BOOST_DATA_TEST_CASE(stop_connecting_is_told_at_once, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto port = reactor->listenTCP(0, Factory::forProtocol<Probe>(), {.interface = "127.0.0.1"});
  const auto factory = clients();
  const auto connector = reactor->connectTCP("127.0.0.1", port->getHost().port(), factory);
  connector->stopConnecting();
  BOOST_TEST(is<UserError>(factory->reason));
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "started", "failed", "stop"}),
             boost::test_tools::per_element());
  turns(*reactor);
  BOOST_TEST(factory->built.empty());
  // Also inside startedConnecting.
  const auto shy = clients();
  shy->onStarted = [](Connector& c) { c.stopConnecting(); };
  const auto stopped = reactor->connectTCP("127.0.0.1", port->getHost().port(), shy);
  BOOST_TEST((stopped->state() == Connector::State::disconnected));
  BOOST_TEST(shy->events == (std::vector<std::string>{"start", "started", "failed", "stop"}),
             boost::test_tools::per_element());
}

// C2, C3: connect() inside either notification keeps the factory started.
BOOST_DATA_TEST_CASE(a_factory_may_connect_again, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto number = freePort(*reactor);
  const auto factory = clients();
  int tries = 0;
  std::shared_ptr<Port> port;
  factory->onFailed = [&](Connector& c) {
    if (++tries == 2) port = reactor->listenTCP(number, Factory::forProtocol<Probe>(), {.interface = "127.0.0.1"});
    c.connect();
  };
  factory->onGone = [&](Connector& c) {
    if (++tries < 4) c.connect();
  };
  reactor->connectTCP("127.0.0.1", number, factory);
  for (std::size_t made = 1; made <= 2; ++made) {
    spin(*reactor, [&] { return factory->built.size() == made && static_cast<Probe&>(*factory->built.back()).made(); });
    factory->built.back()->transport().loseConnection();
  }
  spin(*reactor, [&] { return factory->events.back() == "stop"; });
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "started", "failed", "started", "failed", "started",
                                                          "lost", "started", "lost", "stop"}),
             boost::test_tools::per_element());
}

// C5: what was built for the attempt that was stopped gets no connection.
BOOST_DATA_TEST_CASE(a_factory_may_stop_the_attempt_that_it_builds_for_and_begin_anew, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto port = reactor->listenTCP(0, Factory::forProtocol<Probe>(), {.interface = "127.0.0.1"});
  Connector* connector = nullptr;
  std::vector<bool> connected(2);
  std::size_t built = 0;
  const auto factory = std::make_shared<ProbeClientFactory>([&] {
    if (built == 0) connector->disconnect();
    auto probe = std::make_shared<Probe>();
    probe->onMade = [&connected, number = built++](Probe&) { connected.at(number) = true; };
    return probe;
  });
  factory->onStarted = [&](Connector& c) { connector = &c; };
  factory->onFailed = [](Connector& c) { c.connect(); };
  reactor->connectTCP("127.0.0.1", port->getHost().port(), factory, {.timeout = Duration(0)});
  spin(*reactor, [&] { return connected[0] || connected[1]; });
  BOOST_TEST(connected == (std::vector<bool>{false, true}), boost::test_tools::per_element());
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "started", "failed", "started"}),
             boost::test_tools::per_element());
}

// C6: a client's factory that refuses hears of a loss that is done.
BOOST_DATA_TEST_CASE(a_client_factory_may_refuse, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto port = reactor->listenTCP(0, Factory::forProtocol<Probe>(), {.interface = "127.0.0.1"});
  const auto factory = std::make_shared<ProbeClientFactory>([] { return nullptr; });
  reactor->connectTCP("127.0.0.1", port->getHost().port(), factory);
  spin(*reactor, [&] { return factory->reason.has_value(); });
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "started", "lost", "stop"}),
             boost::test_tools::per_element());
  BOOST_TEST(is<ConnectionDone>(factory->reason));
}

// C5: the timeout is for the whole attempt. 203.0.113.0/24 is for documentation: nobody answers, or there is no way.
BOOST_DATA_TEST_CASE(an_attempt_times_out, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  // A full backlog drops what comes: the attempt hangs without leaving this machine.
  const auto port = reactor->listenTCP(0, Factory::forProtocol<Probe>(), {.interface = "127.0.0.1", .backlog = 0});
  const auto number = port->getHost().port();
  const auto factory = clients();
  const auto connector = reactor->connectTCP("127.0.0.1", number, factory, {.timeout = 1ns});
  spin(*reactor, [&] { return factory->reason.has_value() || !factory->built.empty(); });
  BOOST_TEST(is<ConnectTimeoutError>(factory->reason));
  BOOST_TEST(is<UserError>(factory->reason));
  BOOST_TEST((connector->state() == Connector::State::disconnected));
  BOOST_TEST(reactor->getDelayedCalls().empty());
}

// C37: the address to connect from.
BOOST_DATA_TEST_CASE(the_local_address_may_be_chosen, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto servers = std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
  const auto port = reactor->listenTCP(0, servers, {.interface = "127.0.0.1"});
  const auto factory = clients();
  reactor->connectTCP("127.0.0.1", port->getHost().port(), factory, {.bindAddress = {{"127.0.0.9", 0}}});
  spin(*reactor, [&] { return servers->built.size() == 1 && factory->built.size() == 1; });
  BOOST_TEST(servers->peers[0].host() == "127.0.0.9");
  const auto unlucky = clients();
  reactor->connectTCP("127.0.0.1", port->getHost().port(), unlucky, {.bindAddress = {{"192.0.2.1", 0}}});
  spin(*reactor, [&] { return unlucky->reason.has_value(); });
  BOOST_TEST(is<ConnectBindError>(unlucky->reason));
}

// Names are looked up in the thread pool; all their addresses are tried.
BOOST_DATA_TEST_CASE(a_name_is_looked_up, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto port = reactor->listenTCP(0, Factory::forProtocol<Probe>(), {.interface = "127.0.0.1"});
  const auto factory = clients();
  std::shared_ptr<Connector> connector;
  const auto check = [&] {
    if (!factory->built.empty() || factory->reason) reactor->stop();
  };
  std::function<void()> poll = [&] {
    check();
    if (factory->built.empty() && !factory->reason) reactor->callLater(5ms, [&] { poll(); });
  };
  reactor->callWhenRunning([&] {
    connector = reactor->connectTCP("localhost", port->getHost().port(), factory);
    poll();
  });
  reactor->run({.installSignalHandlers = false});
  BOOST_TEST(factory->built.size() == 1U);
  BOOST_TEST(connector->getDestination().toString() == "localhost:" + std::to_string(port->getHost().port()));
}

// C14: a name that is none.
BOOST_DATA_TEST_CASE(a_name_without_an_address_fails, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto factory = clients();
  factory->onFailed = [&](Connector&) { reactor->stop(); };
  reactor->callWhenRunning([&] { reactor->connectTCP("no-such-host.invalid", 80, factory); });
  reactor->run({.installSignalHandlers = false});
  BOOST_TEST(is<DNSLookupError>(factory->reason));
  BOOST_TEST(factory->reason->getErrorMessage().find("no-such-host.invalid") != std::string::npos);
}

// The reactor's end is the end of an attempt.
BOOST_DATA_TEST_CASE(the_end_of_the_reactor_fails_the_attempt, reactors(), backend) {
  auto reactor = makeReactor(backend);
  const auto factory = clients();
  const auto connector = reactor->connectTCP("127.0.0.1", 9, factory);
  int again = 0;
  factory->onFailed = [&](Connector& c) {
    ++again;
    BOOST_CHECK_THROW(c.connect(), std::logic_error);
  };
  reactor.reset();
  BOOST_TEST(again == 1);
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "started", "failed", "stop"}),
             boost::test_tools::per_element());
}

// C7: Factory::forProtocol: arguments are kept; std::ref passes references.
BOOST_DATA_TEST_CASE(for_protocol_makes_one_for_each_connection, reactors(), backend) {
  class Counting : public Protocol {
   public:
    Counting(std::vector<std::string>& seen, std::string greeting) : seen_(seen), greeting_(std::move(greeting)) {}
    void connectionMade() override { transport().write(greeting_); }
    void dataReceived(std::string_view data) override { seen_.emplace_back(data); }

   private:
    std::vector<std::string>& seen_;
    std::string greeting_;
  };
  const auto reactor = makeReactor(backend);
  std::vector<std::string> seen;
  const auto port =
      reactor->listenTCP(0, Factory::forProtocol<Counting>(std::ref(seen), "s"), {.interface = "127.0.0.1"});
  reactor->connectTCP("127.0.0.1", port->getHost().port(), ClientFactory::forProtocol<Counting>(std::ref(seen), "c"));
  spin(*reactor, [&] { return seen.size() == 2; });
  BOOST_TEST((std::count(seen.begin(), seen.end(), "s") == 1 && std::count(seen.begin(), seen.end(), "c") == 1));
}

BOOST_AUTO_TEST_SUITE_END()
