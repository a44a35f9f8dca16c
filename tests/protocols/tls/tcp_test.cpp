// TLS over real connections, on every backend.
#include <bight/reactor.hpp>
#include <bight/reactor_errors.hpp>
#include <bight/tls.hpp>

#include <thread>

#include "tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tls_over_tcp)

using namespace tls_test;

namespace tls_tcp_test {

inline auto reactors() {
  auto names = availableReactors();
  names.emplace_back("simulated");
  return boost::unit_test::data::make(std::move(names));
}

/// Turns the loop until `done()`; the limit is only there so that a broken test ends.
template <class Done>
void spin(Reactor& reactor, Done&& done) {
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > limit) BOOST_FAIL("what the test waits for does not happen");
    reactor.iterate(20ms);
  }
}

/// Gives out one protocol, and remembers what it is told.
template <class Base>
class One : public Base {
 public:
  explicit One(std::shared_ptr<Protocol> protocol) : protocol_(std::move(protocol)) {}
  std::shared_ptr<Protocol> buildProtocol(const Address&) override { return protocol_; }
  void startFactory() override { events.push_back("start"); }
  void stopFactory() override { events.push_back("stop"); }
  std::vector<std::string> events;

 private:
  std::shared_ptr<Protocol> protocol_;
};

class OneClient : public One<ClientFactory> {
 public:
  using One::One;
  void startedConnecting(Connector&) override { events.push_back("started"); }
  void clientConnectionFailed(Connector&, const Failure& why) override {
    events.push_back("failed");
    reason = why;
  }
  void clientConnectionLost(Connector&, const Failure& why) override {
    events.push_back("lost");
    reason = why;
  }
  std::optional<Failure> reason;
};

struct Net {
  explicit Net(const std::string& backend, const std::string& hostname = "a.example",
               const std::function<void(Probe&, Probe&)>& prepare = {})
      : reactor(makeReactor(backend)) {
    if (prepare) prepare(*server, *client);
    port = reactor->listenTCP(0, tls::wrapServer(*reactor, serverFactory, tls::ServerContext(serverOptions())),
                              {.interface = "127.0.0.1"});
    connector =
        reactor->connectTCP("127.0.0.1", port->getHost().port(),
                            tls::wrapClient(*reactor, clientFactory, tls::ClientContext(clientOptions()), hostname));
  }
  void untilClosed() {
    spin(*reactor, [this] { return server->closed() && client->closed(); });
  }

  std::unique_ptr<Reactor> reactor;
  std::shared_ptr<Probe> server = std::make_shared<Probe>();
  std::shared_ptr<Probe> client = std::make_shared<Probe>();
  std::shared_ptr<One<Factory>> serverFactory = std::make_shared<One<Factory>>(server);
  std::shared_ptr<OneClient> clientFactory = std::make_shared<OneClient>(client);
  std::shared_ptr<Port> port;
  std::shared_ptr<Connector> connector;
};

}  // namespace tls_tcp_test

using namespace tls_tcp_test;

BOOST_DATA_TEST_CASE(bytes_go_both_ways_and_a_close_is_done_on_both_sides, reactors(), backend) {
  const auto much = text(3'000'000);
  Net net(backend, "a.example", [&](Probe& server, Probe& client) {
    server.onData = [](Probe& p, std::string_view data) { p.transport().write(data); };
    client.onMade = [&](Probe& p) { p.transport().write(much); };
  });
  spin(*net.reactor, [&] { return net.client->data().size() == much.size(); });
  BOOST_TEST((net.client->data() == much));
  net.client->transport().loseConnection();
  net.untilClosed();
  BOOST_TEST(isExactly<ConnectionDone>(net.client->closedReason()), message(net.client->closedReason()));
  BOOST_TEST(isExactly<ConnectionDone>(net.server->closedReason()), message(net.server->closedReason()));
}

// C1, C2: the client factory hears why TLS ended, after the protocol; startFactory and stopFactory go through.
BOOST_DATA_TEST_CASE(a_refused_certificate_is_the_reason_for_protocol_and_factory, reactors(), backend) {
  Net net(backend, "b.example");
  net.untilClosed();
  BOOST_TEST(is<VerificationError>(net.client->closedReason()), message(net.client->closedReason()));
  BOOST_TEST(is<VerificationError>(net.clientFactory->reason), message(net.clientFactory->reason));
  BOOST_TEST(is<tls::AlertError>(net.server->closedReason()), message(net.server->closedReason()));
  spin(*net.reactor, [&] { return net.clientFactory->events.size() == 4; });
  const std::vector<std::string> events{"start", "started", "lost", "stop"};
  BOOST_TEST(net.clientFactory->events == events, boost::test_tools::per_element());
  const std::vector<std::string> serverEvents{"start"};
  BOOST_TEST(net.serverFactory->events == serverEvents, boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(nobody_there_is_a_failed_connection, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto port = reactor->listenTCP(0, Factory::forProtocol<Probe>(), {.interface = "127.0.0.1"});
  const auto number = port->getHost().port();
  bool closed = false;
  port->stopListening().addCallback([&] { closed = true; });
  spin(*reactor, [&] { return closed; });
  const auto factory = std::make_shared<OneClient>(std::make_shared<Probe>());
  reactor->connectTCP("127.0.0.1", number,
                      tls::wrapClient(*reactor, factory, tls::ClientContext(clientOptions()), "a.example"));
  spin(*reactor, [&] { return factory->reason.has_value(); });
  BOOST_TEST(is<ConnectionRefusedError>(factory->reason));
}

BOOST_DATA_TEST_CASE(writes_of_a_timer_are_joined_and_leave_with_its_dispatch, reactors(), backend) {
  Net net(backend);
  spin(*net.reactor, [&] { return net.client->events.size() == 2 && net.server->events.size() == 2; });
  net.reactor->callLater(0ms, [&] {
    for (int i = 0; i < 100; ++i) net.client->transport().write("0123456789");
    BOOST_TEST(net.client->transport().writeBufferSize() == 1000U);
  });
  std::size_t pieces = 0;
  net.server->onData = [&](Probe&, std::string_view) { ++pieces; };
  spin(*net.reactor, [&] { return net.server->data().size() == 1000; });
  BOOST_TEST(pieces == 1U);
  BOOST_TEST(net.client->transport().writeBufferSize() == 0U);
}

// C26: a peer that does not read pauses the producer, and costs no more than the limits.
BOOST_DATA_TEST_CASE(a_peer_that_does_not_read_pauses_the_producer, reactors(), backend) {
  class Filling : public PushProducer {
   public:
    explicit Filling(Transport& to) : to_(to) {}
    void fill() {
      while (!paused && sent < 64'000'000) {
        to_.write(std::string(10'000, 'x'));
        sent += 10'000;
      }
    }
    void pauseProducing() override { paused = true; }
    void resumeProducing() override {
      paused = false;
      fill();
    }
    void stopProducing() override { paused = true; }
    bool paused = false;
    std::size_t sent = 0;

   private:
    Transport& to_;
  };
  Net net(backend, "a.example",
          [](Probe&, Probe& client) { client.onSecure = [](Probe& p) { p.transport().pauseProducing(); }; });
  spin(*net.reactor, [&] { return net.server->events.size() == 2 && net.client->events.size() == 2; });
  auto& transport = net.server->transport();
  const auto producer = std::make_shared<Filling>(transport);
  transport.registerProducer(producer);
  producer->fill();
  for (int i = 0; i < 50; ++i) net.reactor->iterate(1ms);
  BOOST_TEST(producer->paused);
  BOOST_TEST(producer->sent < 64'000'000U);
  BOOST_TEST(transport.writeBufferSize() < 200'000U);
  const std::size_t expected = producer->sent;
  net.client->transport().resumeProducing();
  spin(*net.reactor, [&] { return net.client->data().size() >= expected; });
  BOOST_TEST(producer->sent > expected);
  transport.unregisterProducer();
  net.client->transport().abortConnection();
  net.untilClosed();
}

BOOST_DATA_TEST_CASE(a_live_connection_switches, boost::unit_test::data::make(availableReactors()), backend) {
  const auto reactor = makeReactor(backend);
  const tls::ServerContext serverContext(serverOptions());
  const tls::ClientContext clientContext(clientOptions());
  const auto server = std::make_shared<Probe>();
  const auto client = std::make_shared<Probe>();
  server->onData = [&](Probe& p, std::string_view data) {
    if (tls::Connection::of(p.transport())) return;
    BOOST_TEST(data == "switch");
    p.transport().write("clear");
    tls::startTLS(*reactor, p, serverContext);
    p.transport().write(" and secret");
  };
  client->onMade = [](Probe& p) { p.transport().write("switch"); };
  client->onData = [&](Probe& p, std::string_view) {
    if (p.data() == "clear") tls::startTLS(*reactor, p, clientContext, "a.example");
  };
  const auto port = reactor->listenTCP(0, std::make_shared<One<Factory>>(server), {.interface = "127.0.0.1"});
  reactor->connectTCP("127.0.0.1", port->getHost().port(), std::make_shared<OneClient>(client));
  spin(*reactor, [&] { return client->data() == "clear and secret"; });
  BOOST_TEST(client->connection().secure());
  client->transport().loseConnection();
  spin(*reactor, [&] { return client->closed() && server->closed(); });
  BOOST_TEST(isExactly<ConnectionDone>(client->closedReason()), message(client->closedReason()));
  BOOST_TEST(isExactly<ConnectionDone>(server->closedReason()), message(server->closedReason()));
}

#ifndef NDEBUG
// B37: a layer keeps bytes of its own, so it asks before it touches them.
BOOST_DATA_TEST_CASE(a_call_from_another_thread_is_caught, reactors(), backend) {
  Net net(backend);
  spin(*net.reactor, [&] { return net.server->events.size() == 2 && net.client->events.size() == 2; });
  std::thread([&] {
    BOOST_CHECK_THROW(net.client->transport().write("x"), WrongThread);
    BOOST_CHECK_THROW(net.client->transport().loseConnection(), WrongThread);
  }).join();
  BOOST_TEST(net.client->transport().writeBufferSize() == 0U);
  BOOST_TEST(!net.client->transport().disconnecting());
}
#endif

// B7, C28: the end of the reactor ends TLS connections, in the handshake and after it.
BOOST_DATA_TEST_CASE(the_end_of_the_reactor_ends_them_all, reactors(), backend) {
  Net net(backend);
  spin(*net.reactor, [&] { return net.server->made() && net.client->made(); });
  Net other(backend);
  spin(*other.reactor, [&] { return other.server->events.size() == 2 && other.client->events.size() == 2; });
  for (Net* each : {&net, &other}) {
    each->port.reset();
    each->connector.reset();
    each->reactor.reset();
    BOOST_TEST(each->server->losses() == 1);
    BOOST_TEST(each->client->losses() == 1);
    BOOST_TEST(is<ConnectionLost>(each->client->closedReason()), message(each->client->closedReason()));
  }
}

BOOST_AUTO_TEST_SUITE_END()
