#include <bight/testing.hpp>

#include <bight/connection_errors.hpp>
#include <bight/tcp_endpoints.hpp>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(test_doubles)

using namespace bight;
using namespace std::chrono_literals;
using testing::AccumulatingProtocol;
using testing::IOPump;
using testing::MemoryReactor;
using testing::StringTransport;

namespace testing_test {

class Echo : public Protocol {
 public:
  void dataReceived(std::string_view data) override { transport().write(data); }
};

class Half : public AccumulatingProtocol, public HalfCloseable {
 public:
  void readConnectionLost() override { events.push_back("read lost"); }
  void writeConnectionLost() override { events.push_back("write lost"); }
  std::vector<std::string> events;
};

class Pushes : public PushProducer {
 public:
  void pauseProducing() override { calls.push_back("pause"); }
  void resumeProducing() override { calls.push_back("resume"); }
  void stopProducing() override { calls.push_back("stop"); }
  std::vector<std::string> calls;
};

class Pulls : public PullProducer {
 public:
  explicit Pulls(Transport& t) : transport(&t) {}
  void resumeProducing() override {
    if (++asked > 3) return transport->unregisterProducer();
    transport->write("p" + std::to_string(asked));
  }
  void stopProducing() override { stopped = true; }
  Ref<Transport> transport;
  int asked = 0;
  bool stopped = false;
};

}  // namespace testing_test

using namespace testing_test;

BOOST_AUTO_TEST_CASE(a_string_transport_keeps_what_is_written) {
  const auto protocol = std::make_shared<Echo>();
  const auto transport = makeRef<StringTransport>();
  protocol->makeConnection(*transport);
  protocol->dataReceived("hello");
  transport->writeSequence({" ", "there"});
  BOOST_TEST(transport->value() == "hello there");
  transport->clear();
  BOOST_TEST(transport->value() == "");
  BOOST_TEST(transport->getPeer().toString() == "192.168.1.1:54321");
  transport->loseConnection();
  BOOST_TEST(transport->disconnecting());
  transport->write("still sent");  // C16
  BOOST_TEST(transport->value() == "still sent");
  transport->abortConnection();
  transport->write("not any more");
  BOOST_TEST(transport->aborting());
  BOOST_TEST(transport->value() == "still sent");
}

// C26, C28, C33, as a connection.
BOOST_AUTO_TEST_CASE(a_blocked_string_transport_buffers) {
  const auto protocol = std::make_shared<AccumulatingProtocol>();
  const auto transport = makeRef<StringTransport>();
  protocol->makeConnection(*transport);
  transport->setWriteBufferLimits(10, 0);
  const auto producer = std::make_shared<Pushes>();
  transport->registerProducer(producer);
  BOOST_CHECK_THROW(transport->registerProducer(producer), std::logic_error);
  BOOST_TEST(transport->producer() == producer.get());
  BOOST_TEST(transport->streaming());
  transport->block();
  transport->write("0123456789");
  BOOST_TEST(producer->calls.empty());
  int drained = 0;
  transport->drained().addCallback([&] { ++drained; });
  transport->write("x");
  BOOST_TEST(producer->calls == std::vector<std::string>{"pause"}, boost::test_tools::per_element());
  BOOST_TEST(transport->writeBufferSize() == 11U);
  BOOST_TEST(drained == 0);
  transport->unblock();
  BOOST_TEST(drained == 1);
  BOOST_TEST(transport->value() == "0123456789x");
  transport->lose(*protocol, Failure(ConnectionDone()));
  transport->lose(*protocol, Failure(ConnectionDone()));
  BOOST_TEST(producer->calls == (std::vector<std::string>{"pause", "resume", "stop"}),
             boost::test_tools::per_element());
  BOOST_TEST(protocol->losses() == 1);
}

BOOST_AUTO_TEST_CASE(a_pull_producer_is_asked_by_the_test) {
  const auto transport = makeRef<StringTransport>();
  transport->registerProducer(std::make_shared<Pulls>(*transport));
  BOOST_TEST(transport->value() == "p1");
  while (transport->pull()) {
  }
  BOOST_TEST(transport->value() == "p1p2p3");
}

BOOST_AUTO_TEST_CASE(two_protocols_talk_through_a_pump) {
  for (const std::size_t most : {1U, 7U, 65536U}) {
    const auto client = std::make_shared<AccumulatingProtocol>();
    IOPump pump(client, std::make_shared<Echo>());
    client->transport().write("hello, echo");
    BOOST_TEST(pump.flush(most) > 0U);
    BOOST_TEST(client->data() == "hello, echo");
    BOOST_TEST(!pump.pump());
  }
}

// C10, C15: a close is done on both sides, after the bytes.
BOOST_AUTO_TEST_CASE(a_pump_closes_as_a_connection_does) {
  const auto client = std::make_shared<AccumulatingProtocol>();
  const auto server = std::make_shared<AccumulatingProtocol>();
  IOPump pump(client, server);
  client->transport().write("last words");
  client->transport().loseConnection();
  pump.flush(3);
  BOOST_TEST(server->data() == "last words");
  BOOST_TEST(client->closedReason()->check<ConnectionDone>());
  BOOST_TEST(server->closedReason()->check<ConnectionDone>());
  BOOST_TEST(client->losses() + server->losses() == 2);
}

// C10, C18.
BOOST_AUTO_TEST_CASE(a_pump_aborts_as_a_connection_does) {
  const auto client = std::make_shared<AccumulatingProtocol>();
  const auto server = std::make_shared<AccumulatingProtocol>();
  IOPump pump(client, server);
  client->transport().write("never arrives");
  client->transport().abortConnection();
  BOOST_TEST(!client->closed());
  pump.flush();
  BOOST_TEST(server->data() == "");
  BOOST_TEST(client->closedReason()->check<ConnectionAborted>());
  BOOST_TEST(server->closedReason()->check<ConnectionLost>());
  BOOST_TEST(!server->closedReason()->check<ConnectionAborted>());
}

// C23 to C25.
BOOST_AUTO_TEST_CASE(a_pump_half_closes) {
  const auto client = std::make_shared<Half>();
  const auto server = std::make_shared<Half>();
  IOPump pump(client, server);
  client->transport().write("question");
  client->transport().loseWriteConnection();
  pump.flush();
  BOOST_TEST(client->events == std::vector<std::string>{"write lost"}, boost::test_tools::per_element());
  BOOST_TEST(server->events == std::vector<std::string>{"read lost"}, boost::test_tools::per_element());
  BOOST_TEST(!server->closed());
  server->transport().write("answer");
  server->transport().loseWriteConnection();
  pump.flush();
  BOOST_TEST(client->data() == "answer");
  BOOST_TEST(client->closedReason()->check<ConnectionDone>());
  BOOST_TEST(server->closedReason()->check<ConnectionDone>());
}

// C19: a paused side hears nothing.
BOOST_AUTO_TEST_CASE(a_paused_side_of_a_pump_hears_nothing) {
  const auto client = std::make_shared<AccumulatingProtocol>();
  const auto server = std::make_shared<AccumulatingProtocol>();
  IOPump pump(client, server);
  server->transport().pauseProducing();
  client->transport().write("later");
  pump.flush();
  BOOST_TEST(server->data() == "");
  server->transport().resumeProducing();
  pump.flush();
  BOOST_TEST(server->data() == "later");
}

// C27.
BOOST_AUTO_TEST_CASE(a_pump_asks_pull_producers) {
  const auto client = std::make_shared<AccumulatingProtocol>();
  const auto server = std::make_shared<AccumulatingProtocol>();
  IOPump pump(client, server);
  client->transport().registerProducer(std::make_shared<Pulls>(client->transport()));
  client->transport().loseConnection();
  pump.flush();
  BOOST_TEST(server->data() == "p1p2p3");
  BOOST_TEST(server->closed());
}

// C12: as in a reactor; and the test sees it.
BOOST_AUTO_TEST_CASE(what_a_protocol_throws_closes_it_and_comes_out_of_the_pump) {
  class Throws : public AccumulatingProtocol {
    void dataReceived(std::string_view) override { throw std::domain_error("no"); }
  };
  const auto client = std::make_shared<AccumulatingProtocol>();
  const auto server = std::make_shared<Throws>();
  IOPump pump(client, server);
  client->transport().write("x");
  BOOST_CHECK_THROW(pump.pump(), std::domain_error);
  BOOST_TEST(server->closedReason()->check<std::domain_error>());
  pump.flush();
  BOOST_TEST(client->closedReason()->check<ConnectionDone>());
}

BOOST_AUTO_TEST_CASE(the_end_of_a_pump_is_the_end_of_its_connection) {
  const auto client = std::make_shared<AccumulatingProtocol>();
  const auto server = std::make_shared<AccumulatingProtocol>();
  {
    const IOPump pump(client, server);
    BOOST_TEST((client->made() && server->made()));
  }
  BOOST_TEST(client->losses() + server->losses() == 2);
}

BOOST_AUTO_TEST_CASE(two_echoes_are_never_done) {
  class Starts : public Echo {
    void connectionMade() override { transport().write("x"); }
  };
  IOPump pump(std::make_shared<Starts>(), std::make_shared<Echo>());
  BOOST_CHECK_THROW(pump.flush(), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(a_memory_reactor_remembers_and_connects) {
  MemoryReactor reactor;
  const auto port = reactor.listenTCP(8000, Factory::forProtocol<Echo>(), {.interface = "127.0.0.1"});
  BOOST_TEST(port->getHost().toString() == "127.0.0.1:8000");
  BOOST_REQUIRE(reactor.tcpServers().size() == 1U);
  BOOST_TEST(reactor.tcpServers()[0]->factory().numPorts() == 1U);
  const auto client = std::make_shared<AccumulatingProtocol>();
  const auto pump = reactor.connectTo(8000, client);
  client->transport().write("ping");
  pump->flush();
  BOOST_TEST(client->data() == "ping");
  BOOST_CHECK_THROW(reactor.listenTCP(8000, Factory::forProtocol<Echo>(), {.interface = "127.0.0.1"}),
                    CannotListenError);
  port->stopListening();
  BOOST_TEST(reactor.tcpServers()[0]->factory().numPorts() == 0U);
  BOOST_CHECK_THROW(reactor.connectTo(8000, client), std::invalid_argument);
  BOOST_CHECK_THROW(reactor.listenTCP(70000, Factory::forProtocol<Echo>()), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_memory_reactor_lets_the_test_decide_about_attempts) {
  class Remembers : public ClientFactory {
   public:
    std::shared_ptr<Protocol> buildProtocol(const Address&) override {
      return std::make_shared<AccumulatingProtocol>();
    }
    void startedConnecting(Connector&) override { events.push_back("started"); }
    void clientConnectionFailed(Connector&, const Failure& f) override { events.push_back("failed " + f.typeName()); }
    void clientConnectionLost(Connector&, const Failure& f) override { events.push_back("lost " + f.typeName()); }
    void stopFactory() override { events.push_back("stop"); }
    std::vector<std::string> events;
  };
  MemoryReactor reactor;
  const auto factory = std::make_shared<Remembers>();
  const auto connector = reactor.connectTCP("example.org", 80, factory);
  BOOST_TEST(connector->getDestination().toString() == "example.org:80");
  auto& attempt = *reactor.tcpClients().at(0);
  attempt.fail(Failure(ConnectionRefusedError()));
  BOOST_TEST((connector->state() == Connector::State::disconnected));
  connector->connect();
  BOOST_TEST(attempt.succeed() != nullptr);
  BOOST_TEST((connector->state() == Connector::State::connected));
  connector->disconnect();
  connector->connect();
  connector->stopConnecting();
  BOOST_CHECK_THROW(connector->stopConnecting(), NotConnectingError);
  BOOST_TEST(factory->events == (std::vector<std::string>{"started", "failed bight::ConnectionRefusedError", "stop",
                                                          "started", "lost bight::ConnectionDone", "stop", "started",
                                                          "failed bight::UserError", "stop"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_memory_reactor_has_a_clock) {
  MemoryReactor reactor;
  int called = 0;
  reactor.callLater(1s, [&] { ++called; });
  reactor.advance(999ms);
  BOOST_TEST(called == 0);
  reactor.advance(1ms);
  BOOST_TEST(called == 1);
}

// B51 to B55 without sockets: what is written is kept, and the test plays the network.
BOOST_AUTO_TEST_CASE(a_memory_reactor_has_ports_of_datagrams) {
  struct Ponger : DatagramProtocol {
    void startProtocol() override { transport().joinGroup("239.1.2.3", "eth0"); }
    void stopProtocol() override { stopped = true; }
    void datagramReceived(std::string_view data, const Address& from) override {
      transport().write("re: " + std::string(data), from);
    }
    void connectionRefused() override { ++refused; }
    bool stopped = false;
    int refused = 0;
  };
  MemoryReactor reactor;
  const auto protocol = std::make_shared<Ponger>();
  const auto port = reactor.listenUDP(4000, protocol, {.interface = "10.0.0.1", .maxPacketSize = 3});
  BOOST_CHECK_THROW(reactor.listenUDP(4000, std::make_shared<Ponger>(), {.interface = "10.0.0.1"}), CannotListenError);
  auto& memory = *reactor.udpPorts().at(0);
  BOOST_TEST((&protocol->transport() == &memory));
  BOOST_TEST(port->getHost().toString() == "10.0.0.1:4000");
  BOOST_TEST((memory.groups() == std::set<std::pair<std::string, std::string>>{{"239.1.2.3", "eth0"}}));
  const Address peer = *Address::parse("10.0.0.7", 99);
  memory.deliver("ping", peer);
  BOOST_TEST(memory.sent().at(0).data == "re: pin");
  BOOST_TEST((memory.sent().at(0).to == peer));
  memory.answer(std::make_error_code(std::errc::operation_would_block));
  BOOST_TEST((port->write("x", peer) == std::errc::operation_would_block));
  memory.answer({});
  BOOST_CHECK_THROW(port->write("x", "example.org", 99), InvalidAddressError);
  BOOST_CHECK_THROW(memory.refuse(), std::logic_error);
  port->connect("10.0.0.7", 99);
  memory.clear();
  port->write("y");
  BOOST_TEST(!memory.sent().at(0).to);
  memory.refuse();
  BOOST_TEST(protocol->refused == 1);
  bool fired = false;
  port->stopListening().addCallback([&] { fired = true; });
  BOOST_TEST(!protocol->stopped);
  reactor.advance(0s);
  BOOST_TEST(protocol->stopped);
  BOOST_TEST(fired);
  BOOST_TEST((port->write("z") == std::errc::not_connected));
  const auto letters = std::make_shared<Ponger>();
  reactor.connectUNIXDatagram("/run/log", letters, {.bindAddress = "/run/me"});
  BOOST_TEST((reactor.unixDatagramPorts().at(0)->getPeer() == Address(UNIXAddress{"/run/log"})));
}

// As at the end of a real one: attempts fail, ports close, and nobody keeps anybody.
BOOST_AUTO_TEST_CASE(the_end_of_a_memory_reactor_is_told) {
  struct Quiet : DatagramProtocol {
    void datagramReceived(std::string_view, const Address&) override {}
    void stopProtocol() override { stopped = true; }
    bool stopped = false;
  };
  const auto protocol = std::make_shared<Quiet>();
  std::optional<Failure> why;
  Deferred<std::shared_ptr<Protocol>> attempt;
  {
    MemoryReactor reactor;
    reactor.listenUDP(4000, protocol);
    HostnameEndpoint endpoint(reactor, "10.0.0.1", 80);
    attempt = endpoint.connect(Factory::forProtocol<testing::AccumulatingProtocol>());
    attempt.addErrback([&](const Failure& reason) {
      why = reason;
      return std::shared_ptr<Protocol>();
    });
  }
  BOOST_TEST(protocol->stopped);
  BOOST_REQUIRE(why);
  BOOST_TEST(why->getErrorMessage().find("The reactor was destroyed") != std::string::npos, why->getErrorMessage());
}

// B56, B59 without sockets.
BOOST_AUTO_TEST_CASE(a_memory_reactor_has_unix_sockets_and_adopts) {
  MemoryReactor reactor;
  const auto server = Factory::forProtocol<Echo>();
  const auto port = reactor.listenUNIX("/run/echo", server, {.mode = 0600});
  BOOST_CHECK_THROW(reactor.listenUNIX("/run/echo", server), CannotListenError);
  BOOST_CHECK_THROW(reactor.listenUNIX("", server), std::invalid_argument);
  BOOST_TEST(reactor.unixServers().at(0)->mode() == 0600U);
  BOOST_TEST(port->getHost().toString() == "unix:/run/echo");
  const auto client = std::make_shared<AccumulatingProtocol>();
  const auto pump = reactor.connectTo(std::string("/run/echo"), client);
  client->transport().write("hello");
  pump->flush();
  BOOST_TEST(client->data() == "hello");
  port->stopListening();
  BOOST_CHECK_THROW(reactor.connectTo(std::string("/run/echo"), client), std::invalid_argument);

  const auto clients = ClientFactory::forProtocol<AccumulatingProtocol>();
  const auto connector = reactor.connectUNIX("/run/other", clients);
  BOOST_TEST(connector->getDestination().toString() == "unix:/run/other");
  BOOST_TEST(reactor.unixClients().at(0)->succeed() != nullptr);

  reactor.adoptStreamPort(3, AddressFamily::ipv4, server);
  BOOST_TEST(reactor.adopted().at(0).fd == 3);
  BOOST_TEST(reactor.adopted().at(0).port->listening());
  const auto adopted = reactor.adoptStreamConnection(4, AddressFamily::local, server);
  adopted->dataReceived("x");
  BOOST_TEST(dynamic_cast<StringTransport&>(adopted->transport()).value() == "x");
  BOOST_TEST((reactor.adopted().at(1).protocol == adopted));
  struct Deaf : DatagramProtocol {};
  reactor.adoptDatagramPort(5, AddressFamily::any, std::make_shared<Deaf>());
  BOOST_TEST(reactor.adopted().at(2).datagrams->listening());
}

// B57 without sockets.
BOOST_AUTO_TEST_CASE(a_string_transport_keeps_descriptors) {
  const auto local = makeRef<StringTransport>(UNIXAddress{}, UNIXAddress{"/run/s"});
  local->sendFileDescriptor(0);
  BOOST_TEST(local->descriptors().size() == 1U);
  BOOST_TEST(local->descriptors()[0].get() > 0);
  BOOST_CHECK_THROW(local->sendFileDescriptor(-1), std::system_error);
  BOOST_TEST(!local->getPeerCredentials());
  local->setPeerCredentials({.pid = 7, .uid = 1000, .gid = 100});
  BOOST_TEST(local->getPeerCredentials()->uid == 1000U);
  BOOST_CHECK_THROW(makeRef<StringTransport>()->sendFileDescriptor(0), std::logic_error);
}

BOOST_AUTO_TEST_CASE(feedings_cut_everywhere) {
  int ways = 0;
  testing::eachFeeding("abc", [&](const auto& pieces) {
    std::string joined;
    for (const auto piece : pieces) joined += piece;
    BOOST_TEST(joined == "abc");
    ++ways;
  });
  BOOST_TEST(ways == 4);
}

BOOST_AUTO_TEST_SUITE_END()
