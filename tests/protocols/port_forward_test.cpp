// Port forwarding, in memory and over real sockets on every backend.
#include <bight/port_forward.hpp>

#include <bight/haproxy.hpp>
#include <bight/policies.hpp>

#include "relay_fixture.hpp"

BOOST_AUTO_TEST_SUITE(port_forward)

using namespace relay_test;

// C67, C32
BOOST_AUTO_TEST_CASE(bytes_pass_both_ways_and_wait_for_the_connection_onward) {
  Chain chain;
  chain.client->transport().write("early");
  chain.flush();
  BOOST_TEST(chain.connector().host() == "192.0.2.9");
  chain.connectBack();
  BOOST_TEST(chain.server->data() == "early");
  chain.server->transport().write("answer");
  chain.client->transport().write(" and late");
  chain.flush();
  BOOST_TEST(chain.client->data() == "answer");
  BOOST_TEST(chain.server->data() == "early and late");
}

// C24, C25: an end of data is passed on; the answer to it still arrives.
BOOST_AUTO_TEST_CASE(half_closes_are_passed_on) {
  Chain chain;
  chain.client->transport().write("question");
  chain.client->transport().loseWriteConnection();
  chain.connectBack();
  BOOST_TEST(chain.server->data() == "question");
  BOOST_TEST(chain.server->readLost == 1);
  BOOST_TEST(!chain.server->closed());
  chain.server->transport().write("answer");
  chain.server->transport().loseConnection();
  chain.flush();
  BOOST_TEST(chain.client->data() == "answer");
  BOOST_TEST(is<ConnectionDone>(chain.client->closedReason()));
  BOOST_TEST(is<ConnectionDone>(chain.server->closedReason()));
}

BOOST_AUTO_TEST_CASE(a_close_is_passed_on_after_the_last_byte) {
  Chain chain;
  chain.connectBack();
  chain.server->transport().write(std::string(300000, 'x'));
  chain.server->transport().loseConnection();
  chain.flush();
  BOOST_TEST(chain.client->data().size() == 300000U);
  BOOST_TEST(chain.client->readLost == 1);
  chain.client->transport().loseConnection();
  chain.flush();
  BOOST_TEST(is<ConnectionDone>(chain.client->closedReason()));
}

// Half a stream is not taken for a whole one.
BOOST_AUTO_TEST_CASE(a_reset_is_passed_on_as_a_reset) {
  Chain chain;
  chain.connectBack();
  chain.server->transport().abortConnection();
  chain.flush();
  BOOST_TEST(is<ConnectionLost>(chain.client->closedReason()));
  Chain other;
  other.connectBack();
  other.client->transport().abortConnection();
  other.flush();
  BOOST_TEST(is<ConnectionLost>(other.server->closedReason()));
}

BOOST_AUTO_TEST_CASE(a_client_whose_target_refuses_is_reset) {
  testing::LogCapture log;
  Chain chain;
  chain.connector().fail(Failure(ConnectionRefusedError()));
  chain.flush();
  BOOST_TEST(is<ConnectionLost>(chain.client->closedReason()));
  BOOST_TEST(log.contains("192.0.2.9:80"));
  BOOST_TEST(log.contains("refused"));
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_takes_the_attempt_with_it) {
  testing::LogCapture log;
  Chain chain;
  chain.client->transport().abortConnection();
  chain.flush();
  BOOST_TEST((chain.connector().state() == Connector::State::disconnected));
  BOOST_TEST(log.entries().empty());
}

// C32: who does not read stops who writes.
BOOST_AUTO_TEST_CASE(a_slow_reader_slows_the_writer) {
  Chain chain;
  chain.connectBack();
  chain.client->transport().pauseProducing();
  chain.server->transport().write(std::string(std::size_t{1} << 20, 'x'));
  chain.flush();
  BOOST_TEST(chain.front->serverTransport().writeBufferSize() <= 2 * 65536U);
  BOOST_TEST(chain.back->serverTransport().writeBufferSize() >= (std::size_t{1} << 20) - 2 * 65536U);
  chain.client->transport().resumeProducing();
  chain.flush();
  BOOST_TEST(chain.client->data().size() == std::size_t{1} << 20);
}

BOOST_AUTO_TEST_CASE(idle_connections_are_closed_on_both_sides) {
  Chain chain({.idleTimeout = 10s});
  chain.connectBack();
  chain.reactor.advance(9s);
  chain.client->transport().write("x");
  chain.flush();
  chain.reactor.advance(9s);
  chain.flush();
  BOOST_TEST(!chain.client->closed());
  chain.reactor.advance(1s);
  chain.flush();
  BOOST_TEST(chain.client->readLost == 1);
  BOOST_TEST(chain.server->readLost == 1);
}

// C66: the forwarder tells who has connected.
BOOST_AUTO_TEST_CASE(the_target_may_be_told_who_connects) {
  for (const int version : {1, 2}) {
    Chain chain({.proxyHeader = version});
    chain.client->transport().write("hello");
    chain.connectBack();
    ProxyHeaderReader reader;
    std::string_view input = chain.server->data();
    const auto header = reader.next(input);
    BOOST_REQUIRE(header.has_value());
    BOOST_TEST((header->source == Address(IPv4Address({127, 0, 0, 1}, 54321))));
    BOOST_TEST(input == "hello");
  }
  testing::Clock clock;
  testing::MemoryReactor reactor;
  BOOST_CHECK_THROW(PortForwardFactory(clock, nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(
      PortForwardFactory(clock, std::make_shared<HostnameEndpoint>(reactor, "192.0.2.9", 80), {.proxyHeader = 3}),
      std::invalid_argument);
}

// What comes in one packet with the header waits, as what comes after it does, until the connection onward is there.
BOOST_AUTO_TEST_CASE(what_follows_a_header_waits_for_the_connection_onward) {
  testing::Clock clock;
  testing::MemoryReactor onward;
  const auto forward =
      std::make_shared<PortForwardFactory>(clock, std::make_shared<HostnameEndpoint>(onward, "192.0.2.9", 80));
  Chain chain(std::make_shared<HAProxyWrappingFactory>(clock, forward));
  chain.client->transport().write("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nhello");
  chain.flush();
  chain.client->transport().write(", world");
  chain.client->transport().loseWriteConnection();
  chain.flush();
  chain.back = std::make_unique<testing::IOPump>(onward.tcpClients().at(0)->succeed(), chain.server);
  chain.flush();
  BOOST_TEST(chain.server->data() == "hello, world");
  BOOST_TEST(chain.server->readLost == 1);
  chain.server->transport().write("bye");
  chain.flush();
  BOOST_TEST(chain.client->data() == "bye");
  chain.client->transport().abortConnection();
  chain.flush();
}

// Several MiB both ways at once, by a client that reads slowly, and then ends of data.
BOOST_DATA_TEST_CASE(megabytes_pass_over_sockets, tcp_test::reactors(), backend) {
  auto reactor = makeReactor(backend);
  const std::string much(std::size_t{3} << 20, 'm');
  auto server = std::make_shared<HalfProbe>();
  server->onMade = [&](Probe& probe) { probe.transport().write(much); };
  server->onReadLost = [](HalfProbe& probe) { probe.transport().loseConnection(); };
  auto target = reactor->listenTCP(0, std::make_shared<tcp_test::ProbeFactory>([&] { return server; }),
                                   {.interface = "127.0.0.1"});
  auto there = std::make_shared<HostnameEndpoint>(*reactor, "127.0.0.1", target->getHost().port());
  auto forwarder =
      reactor->listenTCP(0, std::make_shared<PortForwardFactory>(*reactor, there), {.interface = "127.0.0.1"});

  auto client = std::make_shared<HalfProbe>();
  client->onMade = [&](Probe& probe) {
    probe.transport().write(much);
    probe.transport().loseWriteConnection();
    probe.transport().pauseProducing();
    reactor->callLater(20ms, [&probe] { probe.transport().resumeProducing(); });
  };
  reactor->connectTCP("127.0.0.1", forwarder->getHost().port(),
                      std::make_shared<tcp_test::ProbeClientFactory>([&] { return client; }));
  spin(*reactor, [&] { return client->closed() && server->closed(); });
  BOOST_TEST(client->data().size() == much.size());
  BOOST_TEST(server->data().size() == much.size());
  BOOST_TEST(is<ConnectionDone>(client->closedReason()));
  BOOST_TEST(is<ConnectionDone>(server->closedReason()));
}

BOOST_AUTO_TEST_SUITE_END()
