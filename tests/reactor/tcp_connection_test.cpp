#include <bight/transport.hpp>

#include <algorithm>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tcp_connection)

using namespace tcp_test;

// C1, C10: connectionMade, dataReceived, connectionLost once; the one who closes and the other both see ConnectionDone.
BOOST_DATA_TEST_CASE(bytes_go_both_ways_and_a_close_is_done_on_both_sides, reactors(), backend) {
  Pair<> pair(backend);
  pair.client->transport().write("hello");
  pair.spinUntil([&] { return pair.server->data() == "hello"; });
  pair.server->transport().writeSequence({"good", " ", "day"});
  pair.spinUntil([&] { return pair.client->data() == "good day"; });
  pair.client->transport().loseConnection();
  BOOST_TEST(!pair.client->closed());
  pair.spinUntilClosed();
  BOOST_TEST(is<ConnectionDone>(pair.client->closedReason()));
  BOOST_TEST(is<ConnectionDone>(pair.server->closedReason()));
  turns(*pair.reactor);
  BOOST_TEST(pair.client->losses() == 1);
  BOOST_TEST(pair.server->losses() == 1);
}

// C8: what connectionMade writes is sent; what the peer has sent already comes after it.
BOOST_DATA_TEST_CASE(connection_made_may_write_and_never_contains_data_received, reactors(), backend) {
  bool inside = false;
  bool nested = false;
  Pair<> pair(backend, [&](Probe& server, Probe& client) {
    server.onMade = [&](Probe& p) {
      inside = true;
      p.transport().write("welcome");
      inside = false;
    };
    server.onData = [&](Probe&, std::string_view) { nested = nested || inside; };
    client.onMade = [](Probe& p) { p.transport().write("early"); };
  });
  pair.spinUntil([&] { return pair.client->data() == "welcome" && pair.server->data() == "early"; });
  BOOST_TEST(!nested);
}

// C9: chunks are not empty and at most 64 KiB; all of a large transfer arrives.
BOOST_DATA_TEST_CASE(a_large_transfer_arrives_whole_in_bounded_chunks, reactors(), backend) {
  std::size_t largest = 0;
  std::size_t smallest = 1 << 20;
  Pair<> pair(backend, [&](Probe& server, Probe&) {
    server.onData = [&](Probe&, std::string_view data) {
      largest = std::max(largest, data.size());
      smallest = std::min(smallest, data.size());
    };
  });
  std::string big(12'000'000, '\0');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 7 + i / 251);
  pair.client->transport().write(big);
  // So much does not fit into the system's buffers.
  BOOST_TEST(pair.client->transport().writeBufferSize() > 0);
  pair.client->transport().write("tail");
  pair.client->transport().loseConnection();
  pair.spinUntilClosed();
  BOOST_TEST((pair.server->data() == big + "tail"));
  BOOST_TEST(largest <= 65536);
  BOOST_TEST(smallest > 0);
}

// C15, C16: after loseConnection nothing is read, what is written until the close is sent.
BOOST_DATA_TEST_CASE(lose_connection_flushes_and_later_writes_still_go, reactors(), backend) {
  Pair<> pair(backend);
  auto& transport = pair.client->transport();
  transport.write(std::string(1'000'000, 'x'));
  transport.loseConnection();
  transport.loseConnection();
  BOOST_TEST(transport.disconnecting());
  transport.write("AFTER");
  pair.spinUntilClosed();
  BOOST_TEST(pair.server->data().size() == 1'000'005);
  BOOST_TEST(pair.server->data().ends_with("AFTER"));
}

// C15: what the peer says meanwhile is dropped, and does not cost it our last bytes, as a reset would.
BOOST_DATA_TEST_CASE(a_peer_that_is_still_talking_gets_everything, reactors(), backend) {
  Pair<> pair(backend);
  auto& transport = pair.client->transport();
  pair.server->transport().write("is not read any more");
  transport.write(std::string(4'000'000, 'x'));
  transport.loseConnection();
  pair.server->onData = [](Probe& p, std::string_view) { p.transport().write("nor this"); };
  pair.spinUntilClosed();
  BOOST_TEST(pair.server->data().size() == 4'000'000);
  BOOST_TEST(pair.client->data() == "");
  BOOST_TEST(is<ConnectionDone>(pair.client->closedReason()));
  BOOST_TEST(is<ConnectionDone>(pair.server->closedReason()));
}

// C18: never inside the call, also not inside dataReceived; the peer sees a reset.
BOOST_DATA_TEST_CASE(abort_is_not_re_entrant_and_resets, reactors(), backend) {
  bool lostInside = false;
  Pair<> pair(backend, [&](Probe& server, Probe&) {
    server.onData = [&](Probe& p, std::string_view) {
      p.transport().loseConnection();
      p.transport().abortConnection();
      p.transport().abortConnection();
      lostInside = p.closed();
    };
  });
  pair.client->transport().write("x");
  pair.spinUntilClosed();
  BOOST_TEST(!lostInside);
  BOOST_TEST(is<ConnectionAborted>(pair.server->closedReason()));
  BOOST_TEST(is<ConnectionLost>(pair.client->closedReason()));
  BOOST_TEST(!is<ConnectionAborted>(pair.client->closedReason()));
  BOOST_TEST(pair.client->closedReason()->getErrorMessage() ==
             "Connection to the other side was lost in a non-clean fashion: 104: Connection reset by peer.");
}

// C12: what dataReceived throws is logged and is the reason; the peer sees an orderly close, and what was written before.
BOOST_DATA_TEST_CASE(an_exception_in_data_received_closes_with_it, reactors(), backend) {
  LogCatcher log;
  Pair<> pair(backend, [&](Probe& server, Probe&) {
    server.onData = [](Probe& p, std::string_view) {
      p.transport().write("before");
      throw std::domain_error("no such room");
    };
  });
  pair.client->transport().write("x");
  pair.spinUntilClosed();
  BOOST_TEST(is<std::domain_error>(pair.server->closedReason()));
  BOOST_TEST(is<ConnectionDone>(pair.client->closedReason()));
  BOOST_TEST(pair.client->data() == "before");
  BOOST_TEST(log.count("no such room") == 1U);
}

// C12 [FIX]: the same for connectionMade, on both sides.
BOOST_DATA_TEST_CASE(an_exception_in_connection_made_closes_on_the_server_too, reactors(), backend) {
  LogCatcher log;
  {
    Pair<> pair(backend,
                [&](Probe& server, Probe&) { server.onMade = [](Probe&) { throw std::domain_error("server"); }; });
    pair.spinUntilClosed();
    BOOST_TEST(is<std::domain_error>(pair.server->closedReason()));
    BOOST_TEST(is<ConnectionDone>(pair.client->closedReason()));
  }
  {
    Pair<> pair(backend, [&](Probe&, Probe& client) { client.onMade = [](Probe&) { throw 17; }; });
    pair.spinUntilClosed();
    BOOST_TEST(is<int>(pair.client->closedReason()));
    BOOST_TEST(is<ConnectionDone>(pair.server->closedReason()));
  }
  BOOST_TEST(log.count("connectionMade") == 2U);
}

// C13: what connectionLost throws is logged, and the clean-up goes on.
BOOST_DATA_TEST_CASE(an_exception_in_connection_lost_is_only_logged, reactors(), backend) {
  LogCatcher log;
  Pair<> pair(backend, [&](Probe&, Probe& client) {
    client.onLost = [](Probe&, const Failure&) { throw std::runtime_error("while leaving"); };
  });
  pair.server->transport().loseConnection();
  pair.spinUntilClosed();
  BOOST_TEST(pair.clientFactory->events == (std::vector<std::string>{"start", "started", "lost", "stop"}),
             boost::test_tools::per_element());
  BOOST_TEST(log.count("while leaving") == 1U);
}

// C19, C30: a paused transport does not notice the close; the data comes first when it is resumed.
BOOST_DATA_TEST_CASE(a_paused_transport_hears_nothing_until_it_is_resumed, reactors(), backend) {
  Pair<> pair(backend);
  pair.server->transport().pauseProducing();
  pair.client->transport().write("kept");
  pair.client->transport().loseConnection();
  pair.spinUntil([&] { return pair.client->closed(); });
  turns(*pair.reactor);
  BOOST_TEST(pair.server->data() == "");
  BOOST_TEST(!pair.server->closed());
  pair.server->transport().resumeProducing();
  pair.spinUntil([&] { return pair.server->closed(); });
  BOOST_TEST(pair.server->data() == "kept");
}

// C31: pausing inside dataReceived.
BOOST_DATA_TEST_CASE(pausing_inside_data_received_stops_at_once, reactors(), backend) {
  int calls = 0;
  Pair<> pair(backend, [&](Probe& server, Probe&) {
    server.onData = [&](Probe& p, std::string_view) {
      ++calls;
      p.transport().pauseProducing();
    };
  });
  pair.client->transport().write(std::string(200'000, 'x'));
  pair.spinUntil([&] { return calls == 1; });
  turns(*pair.reactor);
  BOOST_TEST(calls == 1);
  while (pair.server->data().size() < 200'000) {
    const int before = calls;
    pair.server->transport().resumeProducing();
    pair.spinUntil([&] { return calls == before + 1; });
  }
  BOOST_TEST(pair.server->data().size() == 200'000);
}

// C21, C22, C30: a lost transport may be talked to; its peer is still known.
BOOST_DATA_TEST_CASE(a_lost_transport_is_harmless, reactors(), backend) {
  Pair<> pair(backend);
  const Address peer = pair.server->transport().getPeer();
  BOOST_TEST(peer.port() == pair.client->transport().getHost().port());
  pair.client->transport().loseConnection();
  pair.spinUntilClosed();
  auto& transport = pair.server->transport();
  BOOST_TEST(!transport.connected());
  BOOST_TEST(transport.disconnecting());
  transport.write("ignored");
  transport.writeSequence({"ignored", "too"});
  transport.loseConnection();
  transport.abortConnection();
  transport.loseWriteConnection();
  transport.pauseProducing();
  transport.resumeProducing();
  transport.unregisterProducer();
  transport.setTcpNoDelay(true);
  BOOST_TEST(transport.writeBufferSize() == 0U);
  BOOST_TEST((transport.getPeer() == peer));
  int failed = 0;
  transport.drained().addErrback([&](const Failure&) { ++failed; });
  BOOST_TEST(failed == 1);
  // Its reactor may even be gone.
  auto survivor = pair.server;
  pair.reactor.reset();
  survivor->transport().write("still ignored");
  BOOST_TEST((survivor->transport().getPeer() == peer));
}

// B7: connectionLost is called exactly once also when the reactor is destroyed.
BOOST_DATA_TEST_CASE(the_end_of_the_reactor_is_the_end_of_its_connections, reactors(), backend) {
  auto pair = std::make_unique<Pair<>>(backend);
  const auto server = pair->server;
  const auto client = pair->client;
  const auto factory = pair->clientFactory;
  const auto serverFactory = pair->serverFactory;
  pair.reset();
  BOOST_TEST(server->losses() == 1);
  BOOST_TEST(client->losses() == 1);
  BOOST_TEST(is<ConnectionLost>(server->closedReason()));
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "started", "lost", "stop"}),
             boost::test_tools::per_element());
  BOOST_TEST(serverFactory->events == (std::vector<std::string>{"start", "stop"}), boost::test_tools::per_element());
}

// The cycle is cut after connectionLost, and the connection keeps the factory until then.
BOOST_DATA_TEST_CASE(after_the_loss_nobody_keeps_the_protocol, reactors(), backend) {
  Pair<> pair(backend);
  std::weak_ptr<Probe> server = pair.server;
  std::weak_ptr<ProbeFactory> factory = pair.serverFactory;
  pair.port->stopListening();
  pair.port.reset();
  pair.serverFactory->built.clear();
  pair.serverFactory->make = nullptr;
  pair.serverFactory.reset();
  BOOST_TEST(!factory.expired());
  pair.server.reset();
  BOOST_TEST(!server.expired());
  pair.client->transport().loseConnection();
  pair.spinUntil([&] { return server.expired(); });
  BOOST_TEST(factory.expired());
}

BOOST_DATA_TEST_CASE(a_reset_by_the_peer_is_connection_lost, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto probe = std::make_shared<Probe>();
  const auto port =
      reactor->listenTCP(0, std::make_shared<ProbeFactory>([&] { return probe; }), {.interface = "127.0.0.1"});
  RawPeer peer(port->getHost().port());
  spin(*reactor, [&] { return probe->made(); });
  peer.reset();
  spin(*reactor, [&] { return probe->closed(); });
  BOOST_TEST(is<ConnectionLost>(probe->closedReason()));
  BOOST_TEST(osErrorOf(probe->closedReason()) == ECONNRESET);
}

// Writing to a peer that is gone: the failure is found inside write(), and told after the dispatch.
BOOST_DATA_TEST_CASE(writing_into_a_reset_connection_is_told_later, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto probe = std::make_shared<Probe>();
  const auto port =
      reactor->listenTCP(0, std::make_shared<ProbeFactory>([&] { return probe; }), {.interface = "127.0.0.1"});
  RawPeer peer(port->getHost().port());
  spin(*reactor, [&] { return probe->made(); });
  probe->transport().pauseProducing();
  turns(*reactor);
  peer.reset();
  for (int i = 0; i < 3 && !probe->closed(); ++i) {
    probe->transport().write(std::string(20'000, 'x'));
    BOOST_TEST(!probe->closed());
    turns(*reactor, 2);
  }
  spin(*reactor, [&] { return probe->closed(); });
  BOOST_TEST(is<ConnectionLost>(probe->closedReason()));
}

// The answer of a peer that cut a request short arrives, although writing has failed already.
BOOST_DATA_TEST_CASE(what_the_peer_said_before_it_went_is_still_read, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto probe = std::make_shared<Probe>();
  const auto port =
      reactor->listenTCP(0, std::make_shared<ProbeFactory>([&] { return probe; }), {.interface = "127.0.0.1"});
  RawPeer peer(port->getHost().port());
  spin(*reactor, [&] { return probe->made(); });
  peer.send("413 too large");
  peer.close();
  // The first write is answered by a reset, the second fails; nothing has been read so far.
  for (int i = 0; i < 3; ++i) probe->transport().write(std::string(20'000, 'x'));
  probe->transport().write("ignored");
  BOOST_TEST(probe->data() == "");
  spin(*reactor, [&] { return probe->closed(); });
  BOOST_TEST(probe->data() == "413 too large");
  BOOST_TEST(is<ConnectionLost>(probe->closedReason()));
}

// The shape page: many small writes, interleaved over many connections, arrive in order.
BOOST_DATA_TEST_CASE(interleaved_small_writes_keep_their_order, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  std::vector<std::shared_ptr<Probe>> servers;
  const auto factory = std::make_shared<ProbeFactory>([&] {
    servers.push_back(std::make_shared<Probe>());
    return servers.back();
  });
  const auto port = reactor->listenTCP(0, factory, {.interface = "127.0.0.1"});
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 10; ++i) peers.push_back(std::make_unique<RawPeer>(port->getHost().port()));
  spin(*reactor, [&] { return servers.size() == peers.size(); });
  std::string expected;
  for (int round = 0; round < 5000; ++round) {
    const std::string piece = std::to_string(round) + (round % 700 == 699 ? std::string(9000, 'L') : std::string());
    expected += piece;
    for (const auto& server : servers) server->transport().write(piece);
  }
  for (const auto& peer : peers)
    spin(*reactor, [&] { return peer->receive() && peer->data.size() >= expected.size(); });
  for (const auto& peer : peers) BOOST_TEST((peer->data == expected));
}

// C36: Nagle is off unless asked for.
BOOST_DATA_TEST_CASE(no_delay_is_the_default_on_both_ends, reactors(), backend) {
  Pair<> pair(backend);
  BOOST_TEST(pair.server->transport().getTcpNoDelay());
  BOOST_TEST(pair.client->transport().getTcpNoDelay());
  pair.server->transport().setTcpNoDelay(false);
  BOOST_TEST(!pair.server->transport().getTcpNoDelay());
  BOOST_TEST(!pair.server->transport().getTcpKeepAlive());
  pair.server->transport().setTcpKeepAlive(true);
  BOOST_TEST(pair.server->transport().getTcpKeepAlive());
}

// What is tracked is cancelled right after connectionLost.
BOOST_DATA_TEST_CASE(what_is_tracked_ends_right_after_connection_lost, reactors(), backend) {
  Pair<> pair(backend);
  std::vector<std::string> order;
  Deferred<int> waits;
  const auto promise = waits.promise();
  pair.server->onLost = [&](Probe& p, const Failure&) {
    order.push_back("lost");
    p.track(Deferred<int>()).addErrback([&](const Failure&) {
      order.push_back("tracked too late");
      return 0;
    });
  };
  pair.server->track(std::move(waits)).addErrback([&](const Failure& f) {
    order.push_back(f.check<CancelledError>() ? "cancelled" : "other");
    return 0;
  });
  pair.client->transport().loseConnection();
  pair.spinUntilClosed();
  BOOST_REQUIRE(order.size() == 3U);
  BOOST_TEST(order[0] == "lost");
  BOOST_TEST(std::count(order.begin(), order.end(), "cancelled") == 1);
  BOOST_TEST(std::count(order.begin(), order.end(), "tracked too late") == 1);
}

BOOST_AUTO_TEST_CASE(a_protocol_without_a_transport_says_so) {
  const Probe probe;
  BOOST_CHECK_EXCEPTION(static_cast<void>(probe.transport()), std::logic_error, [](const std::logic_error& e) {
    return std::string(e.what()).find("connectionMade") != std::string::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()
