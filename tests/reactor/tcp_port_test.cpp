#include <bight/tcp.hpp>

#include <sys/resource.h>

#include <bight/connection_errors.hpp>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tcp_port)

using namespace tcp_test;

namespace tcp_port_test {

std::shared_ptr<ProbeFactory> probes() {
  return std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
}

/// Lowers the limit of descriptors as long as it lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t soft) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit now = before_;
    now.rlim_cur = soft;
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

/// The lowest number that a new descriptor would get.
int nextDescriptor() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(fd);
  return fd;
}

}  // namespace tcp_port_test

using namespace tcp_port_test;

// C36: port 0 is told by getHost; the interface is every IPv4 address by default.
BOOST_DATA_TEST_CASE(the_address_is_known_and_defaults_to_every_ipv4_one, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto any = reactor->listenTCP(0, probes());
  BOOST_TEST(any->getHost().host() == "0.0.0.0");
  BOOST_TEST(any->getHost().port() != 0);
  const auto one = reactor->listenTCP(0, probes(), {.interface = "127.0.0.1"});
  BOOST_TEST(one->getHost().toString() == "127.0.0.1:" + std::to_string(one->getHost().port()));
}

// C36: the error at the call says where and why, and nothing has begun.
BOOST_DATA_TEST_CASE(a_port_in_use_is_refused_at_the_call, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto first = reactor->listenTCP(0, probes(), {.interface = "127.0.0.1"});
  const int number = first->getHost().port();
  const auto factory = probes();
  BOOST_CHECK_EXCEPTION(reactor->listenTCP(number, factory, {.interface = "127.0.0.1"}), CannotListenError,
                        [&](const CannotListenError& e) {
                          return e.interface() == "127.0.0.1" && e.port() == number && e.osError() == EADDRINUSE &&
                                 std::string(e.what()).find("Address already in use") != std::string::npos;
                        });
  BOOST_TEST(factory->events.empty());
}

BOOST_DATA_TEST_CASE(bad_arguments_are_refused_at_the_call, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  BOOST_CHECK_THROW(reactor->listenTCP(70000, probes()), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->listenTCP(-1, probes()), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->listenTCP(0, nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->listenTCP(0, probes(), {.interface = "localhost"}), CannotListenError);
  BOOST_CHECK_THROW(reactor->listenTCP(0, probes(), {.interface = "192.0.2.1"}), CannotListenError);
  const auto clients = std::make_shared<ProbeClientFactory>([] { return std::make_shared<Probe>(); });
  BOOST_CHECK_THROW(reactor->connectTCP("127.0.0.1", 0, clients), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->connectTCP("", 80, clients), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->connectTCP("127.0.0.1", 80, nullptr), std::invalid_argument);
}

// C1: doStart and doStop are counted; open connections stay open; the same port can listen again.
BOOST_DATA_TEST_CASE(stopping_leaves_connections_open_and_may_be_undone, systemReactors(), backend) {
  Pair<> pair(backend);
  const auto second = pair.reactor->listenTCP(0, pair.serverFactory, {.interface = "127.0.0.1"});
  BOOST_TEST(pair.serverFactory->numPorts() == 2U);
  bool stopped = false;
  pair.port->stopListening().addCallback([&] { stopped = true; });
  spin(*pair.reactor, [&] { return stopped; });
  BOOST_TEST(pair.serverFactory->events == std::vector<std::string>{"start"}, boost::test_tools::per_element());
  second->stopListening();
  second->stopListening();
  BOOST_TEST(pair.serverFactory->events == (std::vector<std::string>{"start", "stop"}),
             boost::test_tools::per_element());
  pair.client->transport().write("still here");
  pair.spinUntil([&] { return pair.server->data() == "still here"; });
  const auto number = pair.port->getHost().port();
  pair.port->startListening();
  BOOST_TEST(pair.port->getHost().port() == number);
  BOOST_CHECK_THROW(pair.port->startListening(), std::logic_error);
  RawPeer peer(number);
  spin(*pair.reactor, [&] { return pair.serverFactory->built.size() == 2; });
  BOOST_TEST(pair.serverFactory->events == (std::vector<std::string>{"start", "stop", "start"}),
             boost::test_tools::per_element());
}

// Whoever keeps a handle for longer than the reactor may still ask, and stop.
BOOST_DATA_TEST_CASE(a_port_outlives_its_reactor, reactors(), backend) {
  std::shared_ptr<Port> open, closed;
  {
    const auto reactor = makeReactor(backend);
    open = reactor->listenTCP(0, probes(), {.interface = "127.0.0.1"});
    closed = reactor->listenTCP(0, probes(), {.interface = "127.0.0.1"});
    closed->stopListening();
  }
  for (const auto& port : {open, closed}) {
    BOOST_CHECK_EXCEPTION(port->startListening(), std::logic_error, [](const auto& e) {
      return std::string(e.what()) == "startListening: the reactor has ended";
    });
    BOOST_TEST(port->getHost().port() != 0);
    port->stopListening();
  }
}

// The reactor keeps a port whose handle was dropped.
BOOST_DATA_TEST_CASE(a_port_lives_without_its_handle, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto factory = probes();
  const auto number = reactor->listenTCP(0, factory, {.interface = "127.0.0.1"})->getHost().port();
  RawPeer peer(number);
  spin(*reactor, [&] { return factory->built.size() == 1; });
  BOOST_TEST(factory->peers[0].host() == "127.0.0.1");
}

// C6: null refuses; the peer sees the close.
BOOST_DATA_TEST_CASE(a_factory_may_refuse, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto factory = std::make_shared<ProbeFactory>([] { return nullptr; });
  const auto port = reactor->listenTCP(0, factory, {.interface = "127.0.0.1"});
  RawPeer peer(port->getHost().port());
  spin(*reactor, [&] { return !peer.receive(); });
  BOOST_TEST(factory->built.size() == 1U);
}

// B60: what buildProtocol throws is logged, closes that connection, and no other.
BOOST_DATA_TEST_CASE(a_throwing_build_protocol_is_logged, systemReactors(), backend) {
  LogCatcher log;
  const auto reactor = makeReactor(backend);
  int built = 0;
  const auto factory = std::make_shared<ProbeFactory>([&]() -> std::shared_ptr<Protocol> {
    if (++built == 1) throw std::runtime_error("no protocol today");
    return std::make_shared<Probe>();
  });
  const auto port = reactor->listenTCP(0, factory, {.interface = "127.0.0.1"});
  RawPeer first(port->getHost().port());
  RawPeer second(port->getHost().port());
  spin(*reactor, [&] { return built == 2 && !first.receive(); });
  turns(*reactor);
  BOOST_TEST(second.receive());
  BOOST_TEST(log.count("no protocol today") == 1U);
}

// B60: a port may be stopped, and its handle dropped, in the middle of its own batch.
BOOST_DATA_TEST_CASE(a_port_may_stop_inside_its_own_accept_batch, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  std::shared_ptr<Port> port;
  int built = 0;
  const auto factory = std::make_shared<ProbeFactory>([&] {
    ++built;
    if (port) port->stopListening();
    port.reset();
    return std::make_shared<Probe>();
  });
  port = reactor->listenTCP(0, factory, {.interface = "127.0.0.1"});
  const auto number = port->getHost().port();
  RawPeer first(number);
  RawPeer second(number);
  spin(*reactor, [&] { return built == 1; });
  turns(*reactor);
  BOOST_TEST(built == 1);
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "stop"}), boost::test_tools::per_element());
}

// B60: many at once.
BOOST_DATA_TEST_CASE(a_burst_of_connections_is_accepted, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto factory = probes();
  const auto port = reactor->listenTCP(0, factory, {.interface = "127.0.0.1", .backlog = 500});
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 250; ++i) peers.push_back(std::make_unique<RawPeer>(port->getHost().port()));
  spin(*reactor, [&] { return factory->built.size() == 250; });
  BOOST_TEST(factory->built.size() == 250U);
}

// B61: without descriptors peers see a close, not a hang; one line in the log; afterwards all is well.
BOOST_DATA_TEST_CASE(without_descriptors_peers_are_closed_and_the_port_survives, systemReactors(), backend) {
  LogCatcher log;
  const auto reactor = makeReactor(backend);
  const auto factory = probes();
  const auto port = reactor->listenTCP(0, factory, {.interface = "127.0.0.1"});
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(std::make_unique<RawPeer>(port->getHost().port()));
  {
    const DescriptorLimit limit(static_cast<rlim_t>(nextDescriptor() + 2));
    spin(*reactor, [&] { return !peers[4]->receive() && !peers[3]->receive() && !peers[2]->receive(); });
  }
  BOOST_TEST(factory->built.size() == 2U);
  BOOST_TEST(peers[0]->receive());
  BOOST_TEST(peers[1]->receive());
  BOOST_TEST(log.count("no more file descriptors") == 1U);
  RawPeer late(port->getHost().port());
  spin(*reactor, [&] { return factory->built.size() == 3; });
}

// C35, C38: IPv6, with the peer's address known also after the close.
BOOST_DATA_TEST_CASE(ipv6_is_served_too, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto server = std::make_shared<Probe>();
  const auto client = std::make_shared<Probe>();
  std::shared_ptr<Port> port;
  try {
    port = reactor->listenTCP(0, std::make_shared<ProbeFactory>([&] { return server; }), {.interface = "::1"});
  } catch (const CannotListenError&) {
    BOOST_TEST_MESSAGE("this machine has no IPv6");
    return;
  }
  reactor->connectTCP("::1", port->getHost().port(), std::make_shared<ProbeClientFactory>([&] { return client; }));
  spin(*reactor, [&] { return server->made() && client->made(); });
  client->transport().write("six");
  spin(*reactor, [&] { return server->data() == "six"; });
  const auto peer = server->transport().getPeer();
  BOOST_TEST(peer.host() == "::1");
  BOOST_TEST((peer == client->transport().getHost()));
  client->transport().loseConnection();
  spin(*reactor, [&] { return server->closed() && client->closed(); });
  BOOST_TEST((server->transport().getPeer() == peer));
}

// Several ports may share a number where that is asked for.
BOOST_DATA_TEST_CASE(ports_may_share_a_number, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto first = reactor->listenTCP(0, probes(), {.interface = "127.0.0.1", .reusePort = true});
  const auto second =
      reactor->listenTCP(first->getHost().port(), probes(), {.interface = "127.0.0.1", .reusePort = true});
  BOOST_TEST((first->getHost() == second->getHost()));
}

// Nagle stays on where that is asked for.
BOOST_DATA_TEST_CASE(no_delay_may_be_left_off, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto server = std::make_shared<Probe>();
  const auto port = reactor->listenTCP(0, std::make_shared<ProbeFactory>([&] { return server; }),
                                       {.interface = "127.0.0.1", .noDelay = false});
  RawPeer peer(port->getHost().port());
  spin(*reactor, [&] { return server->made(); });
  BOOST_TEST(!server->transport().getTcpNoDelay());
}

BOOST_AUTO_TEST_SUITE_END()
