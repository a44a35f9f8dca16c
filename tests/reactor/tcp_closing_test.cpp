#include <bight/transport.hpp>

#include <algorithm>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tcp_closing)

using namespace tcp_test;

// C23, C24, C25: our half, then theirs.
BOOST_DATA_TEST_CASE(both_halves_close_one_after_the_other, reactors(), backend) {
  Pair<HalfProbe, HalfProbe> pair(backend);
  pair.client->transport().write(std::string(500'000, 'q'));
  pair.client->transport().loseWriteConnection();
  BOOST_TEST(pair.client->writeLost == 0);
  pair.spinUntil([&] { return pair.server->readLost == 1; });
  BOOST_TEST(pair.client->writeLost == 1);
  BOOST_TEST(pair.server->data().size() == 500'000);
  BOOST_TEST(!pair.server->closed());
  pair.client->transport().write("is ignored");
  pair.server->transport().write("the answer");
  pair.spinUntil([&] { return pair.client->data() == "the answer"; });
  BOOST_TEST(!pair.client->closed());
  pair.server->transport().loseWriteConnection();
  pair.spinUntilClosed();
  BOOST_TEST(pair.client->readLost == 1);
  BOOST_TEST(pair.server->writeLost == 1);
  BOOST_TEST(is<ConnectionDone>(pair.client->closedReason()));
  BOOST_TEST(is<ConnectionDone>(pair.server->closedReason()));
  BOOST_TEST(pair.server->data().size() == 500'000);
}

// C24: without HalfCloseable the end of the peer's data is the end of the connection.
BOOST_DATA_TEST_CASE(a_plain_protocol_closes_at_the_end_of_data, reactors(), backend) {
  Pair<Probe, HalfProbe> pair(backend);
  pair.client->transport().loseWriteConnection();
  pair.spinUntilClosed();
  BOOST_TEST(is<ConnectionDone>(pair.server->closedReason()));
  BOOST_TEST(pair.client->writeLost == 1);
}

// C15: when our half is closed already, loseConnection ends it inside the call.
BOOST_DATA_TEST_CASE(lose_connection_after_our_half_is_closed_is_immediate, reactors(), backend) {
  bool inside = false;
  Pair<HalfProbe, HalfProbe> pair(backend, [&](HalfProbe&, HalfProbe& client) {
    client.onWriteLost = [&](HalfProbe& p) {
      p.transport().loseConnection();
      inside = p.closed();
    };
  });
  pair.client->transport().loseWriteConnection();
  pair.spinUntil([&] { return pair.client->closed(); });
  BOOST_TEST(inside);
  BOOST_TEST(is<ConnectionDone>(pair.client->closedReason()));
}

// C24: exceptions in either hook end the connection with them.
BOOST_DATA_TEST_CASE(exceptions_in_the_half_close_hooks_are_the_reason, reactors(), backend) {
  LogCatcher log;
  Pair<HalfProbe, HalfProbe> pair(backend, [&](HalfProbe& server, HalfProbe& client) {
    server.onReadLost = [](HalfProbe&) { throw std::domain_error("read"); };
    client.onWriteLost = [](HalfProbe&) { throw std::domain_error("write"); };
  });
  pair.client->transport().loseWriteConnection();
  pair.spinUntilClosed();
  BOOST_TEST(is<std::domain_error>(pair.client->closedReason()));
  BOOST_TEST(is<std::domain_error>(pair.server->closedReason()));
}

// C20: a peer that does not read holds a closing connection only so long.
BOOST_DATA_TEST_CASE(the_graceful_limit_aborts_a_peer_that_does_not_read, reactors(), backend) {
  Pair<> pair(backend);
  pair.server->transport().pauseProducing();
  auto& transport = pair.client->transport();
  transport.setGracefulLimit(30ms);
  transport.write(std::string(15'000'000, 'x'));
  transport.loseConnection();
  pair.spinUntil([&] { return pair.client->closed(); });
  BOOST_TEST(is<ConnectionAborted>(pair.client->closedReason()));
  BOOST_TEST(pair.client->closedReason()->getErrorMessage().find("no progress") != std::string::npos);
}

// C20: the limit may be lowered, or set at all, when the close is under way.
BOOST_DATA_TEST_CASE(the_graceful_limit_may_be_changed_while_closing, reactors(), backend) {
  Pair<> pair(backend);
  pair.server->transport().pauseProducing();
  auto& transport = pair.client->transport();
  transport.setGracefulLimit(0ms);
  transport.write(std::string(15'000'000, 'x'));
  transport.loseConnection();
  turns(*pair.reactor, 10);
  BOOST_TEST(!pair.client->closed());
  transport.setGracefulLimit(10ms);
  pair.spinUntil([&] { return pair.client->closed(); });
  BOOST_TEST(is<ConnectionAborted>(pair.client->closedReason()));
}

// A peer that reads slowly, but reads, gets everything.
BOOST_DATA_TEST_CASE(progress_extends_the_graceful_limit, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto probe = std::make_shared<Probe>();
  const auto port =
      reactor->listenTCP(0, std::make_shared<ProbeFactory>([&] { return probe; }), {.interface = "127.0.0.1"});
  RawPeer peer(port->getHost().port(), 65536);
  spin(*reactor, [&] { return probe->made(); });
  probe->transport().setGracefulLimit(1s);
  const std::size_t bytes = 12'000'000;
  probe->transport().write(std::string(bytes, 'x'));
  probe->transport().loseConnection();
  spin(*reactor, [&] { return !peer.receive(200'000); });
  BOOST_TEST(peer.data.size() == bytes);
  BOOST_TEST(peer.error == 0);
  spin(*reactor, [&] { return probe->closed(); });
  BOOST_TEST(is<ConnectionDone>(probe->closedReason()));
}

// The hard limit: a peer that never reads cannot make us keep more and more.
BOOST_DATA_TEST_CASE(too_much_output_for_a_peer_that_does_not_read_aborts, reactors(), backend) {
  Pair<> pair(backend);
  pair.server->transport().pauseProducing();
  auto& transport = pair.client->transport();
  transport.setMaxWriteBuffer(1'000'000);
  const std::string piece(100'000, 'x');
  int writes = 0;
  while (!transport.disconnecting() && writes < 1000) {
    transport.write(piece);
    ++writes;
    BOOST_REQUIRE(transport.writeBufferSize() <= 1'000'000 + 2 * piece.size());
  }
  BOOST_TEST(!pair.client->closed());
  transport.write("ignored");
  pair.spinUntil([&] { return pair.client->closed(); });
  BOOST_TEST(is<OutputLimitError>(pair.client->closedReason()));
  BOOST_TEST(is<ConnectionAborted>(pair.client->closedReason()));
  BOOST_TEST(pair.client->closedReason()->getErrorMessage().find("the peer does not read") != std::string::npos);
}

// Anything may be called from anywhere: everybody closes everybody in connectionLost.
BOOST_DATA_TEST_CASE(connections_may_close_each_other_while_they_close, reactors(), backend) {
  std::vector<std::shared_ptr<Probe>> all;
  const auto reactor = makeReactor(backend);
  const auto make = [&] {
    auto probe = std::make_shared<Probe>();
    probe->onLost = [&](Probe&, const Failure&) {
      std::size_t i = 0;
      for (const auto& other : all) {
        other->transport().write("farewell");
        if (++i % 3 == 0)
          other->transport().abortConnection();
        else if (i % 3 == 1)
          other->transport().loseConnection();
        else
          other->transport().loseWriteConnection();
      }
    };
    all.push_back(probe);
    return probe;
  };
  const auto port = reactor->listenTCP(0, std::make_shared<ProbeFactory>(make), {.interface = "127.0.0.1"});
  const auto clients = std::make_shared<ProbeClientFactory>(make);
  for (int i = 0; i < 20; ++i) reactor->connectTCP("127.0.0.1", port->getHost().port(), clients);
  spin(*reactor, [&] {
    return all.size() == 40 && std::all_of(all.begin(), all.end(), [](const auto& p) { return p->made(); });
  });
  all[7]->transport().loseConnection();
  spin(*reactor, [&] { return std::all_of(all.begin(), all.end(), [](const auto& p) { return p->closed(); }); });
  for (const auto& probe : all) BOOST_TEST(probe->losses() == 1);
}

// The factory drops its last pointer to a protocol inside that protocol's own callbacks.
BOOST_DATA_TEST_CASE(a_protocol_may_be_forgotten_inside_its_own_callbacks, reactors(), backend) {
  for (int when = 0; when < 3; ++when) {
    Pair<> pair(backend);
    std::weak_ptr<Probe> weak = pair.server;
    const auto forget = [&pair] {
      pair.serverFactory->built.clear();
      pair.server.reset();
    };
    if (when == 0)
      pair.server->onData = [&](Probe& p, std::string_view) {
        forget();
        p.transport().abortConnection();
      };
    if (when == 1)
      pair.server->onData = [&](Probe& p, std::string_view) {
        forget();
        p.transport().write(std::string(100'000, 'x'));
        p.transport().loseConnection();
      };
    if (when == 2) pair.server->onLost = [&](Probe&, const Failure&) { forget(); };
    pair.client->transport().write("x");
    if (when == 2) pair.client->transport().loseConnection();
    pair.spinUntil([&] { return weak.expired() && pair.client->closed(); });
  }
  BOOST_TEST(true);
}

BOOST_AUTO_TEST_SUITE_END()
