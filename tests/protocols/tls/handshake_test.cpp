#include <bight/tls.hpp>

#include "tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tls_handshake)

using namespace tls_test;

// C41: connectionMade, then the handshake, then handshakeCompleted, then data.
BOOST_AUTO_TEST_CASE(both_sides_are_told_in_order_and_what_was_written_early_arrives) {
  Link<> link([](Probe& server, Probe& client) {
    server.onMade = [](Probe& p) { p.transport().write("welcome"); };
    client.onMade = [](Probe& p) { p.transport().write("hello"); };
    server.onData = client.onData = [](Probe& p, std::string_view) { p.events.push_back("data"); };
  });
  BOOST_TEST(!link.secure());
  BOOST_TEST(link.client->transport().writeBufferSize() >= 5U);
  link.flush();
  BOOST_TEST(link.secure());
  BOOST_TEST(link.client->data() == "welcome");
  BOOST_TEST(link.server->data() == "hello");
  const std::vector<std::string> order{"made", "secure", "data"};
  BOOST_TEST(link.client->events == order, boost::test_tools::per_element());
  BOOST_TEST(link.server->events == order, boost::test_tools::per_element());
}

// C39: nothing of what was written is on the wire before the handshake is through.
BOOST_AUTO_TEST_CASE(nothing_readable_leaves) {
  Link<> link([](Probe&, Probe& client) { client.onMade = [](Probe& p) { p.transport().write("the secret word"); }; });
  std::string wire = link.pump->clientTransport().value();
  while (link.pump->pump()) wire += link.pump->clientTransport().value();
  BOOST_TEST(link.server->data() == "the secret word");
  BOOST_TEST(!wire.empty());
  BOOST_TEST(wire.find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_works_byte_by_byte_and_in_any_other_pieces) {
  for (const std::size_t most : {1U, 2U, 3U, 5U, 7U, 64U, 1000U}) {
    BOOST_TEST_CONTEXT("pieces of " << most) {
      Link<> link([](Probe& server, Probe& client) {
        server.onMade = [](Probe& p) { p.transport().write("welcome"); };
        client.onMade = [](Probe& p) { p.transport().write("hello"); };
      });
      link.flush(most);
      BOOST_TEST(link.secure());
      BOOST_TEST(link.client->data() == "welcome");
      BOOST_TEST(link.server->data() == "hello");
      link.client->transport().loseConnection();
      link.flush(most);
      BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()), message(link.client->closedReason()));
      BOOST_TEST(isExactly<ConnectionDone>(link.server->closedReason()), message(link.server->closedReason()));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_there_is_to_know_can_be_read_above) {
  Link<> link;
  BOOST_TEST(!link.client->connection().version().has_value());
  BOOST_TEST(link.client->connection().cipher().empty());
  link.flush();
  auto& client = link.client->connection();
  auto& server = link.server->connection();
  BOOST_TEST((client.version() == tls::Version::tls13));
  BOOST_TEST(client.cipher() == "TLS_AES_256_GCM_SHA384");
  BOOST_TEST(server.cipher() == client.cipher());
  BOOST_TEST(server.serverName() == "a.example");
  BOOST_TEST(client.serverName() == "a.example");
  BOOST_TEST(!client.resumed());
  BOOST_TEST(client.negotiatedProtocol().empty());
  BOOST_TEST(client.peerChain().size() == 1U);
  BOOST_TEST(!server.peerCertificate().has_value());
  BOOST_TEST(client.getPeer().toString() == "127.0.0.1:80");
  BOOST_TEST(&client.below() == &link.pump->clientTransport());
  const auto peer = client.peerCertificate();
  BOOST_REQUIRE(peer.has_value());
  BOOST_TEST((*peer == tls::Certificate::fromPem(identity().certificate.read())));
  // After the end, everything is empty again.
  client.loseConnection();
  link.flush();
  BOOST_TEST(!client.peerCertificate().has_value());
  BOOST_TEST(!client.secure());
}

BOOST_AUTO_TEST_CASE(a_transport_without_tls_is_no_tls_connection) {
  const auto transport = makeRef<testing::StringTransport>();
  BOOST_TEST(!tls::Connection::of(*transport));
}

BOOST_AUTO_TEST_CASE(the_deferred_of_the_handshake_fires_on_both_sides) {
  Link<> link;
  int fired = 0;
  link.client->connection().handshake().addCallback([&] { ++fired; });
  link.server->connection().handshake().addCallback([&] { ++fired; });
  BOOST_TEST(fired == 0);
  link.flush();
  BOOST_TEST(fired == 2);
  link.client->connection().handshake().addCallback([&] { ++fired; });
  BOOST_TEST(fired == 3);
}

// C41 [FIX]: what waits for the handshake fails if the peer is not who it should be.
BOOST_AUTO_TEST_CASE(the_deferred_of_a_refused_handshake_fails_with_the_reason) {
  Link<> link(tls::ServerContext(serverOptions()), tls::ClientContext(clientOptions()), "b.example");
  std::optional<Failure> why;
  link.client->connection().handshake().addErrback([&](const Failure& f) { why = f; });
  link.flush();
  BOOST_TEST(is<VerificationError>(why));
  std::optional<Failure> later;
  link.client->connection().handshake().addErrback([&](const Failure& f) { later = f; });
  BOOST_TEST(is<VerificationError>(later));
  const std::vector<std::string> order{"made", "lost"};
  BOOST_TEST(link.client->events == order, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_handshake_that_stalls_ends_in_time) {
  Link<> link;
  link.clock.advance(9999ms);
  BOOST_TEST(!link.server->closed());
  link.clock.advance(1ms);
  link.pump->pump();
  BOOST_TEST(is<tls::HandshakeTimeout>(link.server->closedReason()), message(link.server->closedReason()));
  BOOST_TEST(is<tls::HandshakeTimeout>(link.client->closedReason()));
  BOOST_TEST(message(link.server->closedReason()).find("10000 ms") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_deadline_can_be_set_and_is_gone_after_the_handshake) {
  auto options = serverOptions();
  options.protocol.handshakeTimeout = 3s;
  Link<> link{tls::ServerContext(options)};
  BOOST_TEST(link.clock.getDelayedCalls().size() == 2U);
  BOOST_TEST((link.clock.getDelayedCalls().front().getTime() == 3s));
  link.flush();
  BOOST_TEST(link.clock.getDelayedCalls().empty());
  link.clock.advance(1h);
  link.flush();
  BOOST_TEST(link.secure());
}

BOOST_AUTO_TEST_CASE(what_a_handshake_listener_throws_closes_the_connection) {
  Link<> link([](Probe& server, Probe&) { server.onSecure = [](Probe&) { throw std::runtime_error("not today"); }; });
  std::optional<Failure> waited;
  link.server->connection().handshake().addErrback([&](const Failure& f) { waited = f; });
  BOOST_CHECK_THROW(link.flush(), std::runtime_error);
  link.flush();
  BOOST_TEST(message(link.server->closedReason()) == "not today");
  BOOST_TEST(message(waited) == "not today");
  BOOST_TEST(is<tls::TruncationError>(link.client->closedReason()));
}

// ---- ALPN

BOOST_AUTO_TEST_CASE(the_servers_first_choice_among_what_both_speak_wins) {
  auto server = serverOptions();
  server.protocol.applicationProtocols = {"h2", "http/1.1", "spdy"};
  auto client = clientOptions();
  client.protocol.applicationProtocols = {"spdy", "http/1.1"};
  Link<> link{tls::ServerContext(server), tls::ClientContext(client)};
  link.flush();
  BOOST_TEST(link.client->connection().negotiatedProtocol() == "http/1.1");
  BOOST_TEST(link.server->connection().negotiatedProtocol() == "http/1.1");
}

// C42
BOOST_AUTO_TEST_CASE(without_a_common_application_protocol_both_sides_say_so) {
  auto server = serverOptions();
  server.protocol.applicationProtocols = {"h2", "http/1.1"};
  auto client = clientOptions();
  client.protocol.applicationProtocols = {"chat"};
  Link<> link{tls::ServerContext(server), tls::ClientContext(client)};
  link.flush();
  BOOST_TEST(message(link.server->closedReason()).find("speaks: h2, http/1.1") != std::string::npos,
             message(link.server->closedReason()));
  BOOST_TEST(is<tls::AlertError>(link.client->closedReason()));
  BOOST_TEST(link.client->closedReason()->get<tls::AlertError>()->alert() == 120);
}

BOOST_AUTO_TEST_CASE(who_offers_no_application_protocol_gets_none) {
  auto server = serverOptions();
  server.protocol.applicationProtocols = {"h2"};
  Link<> link{tls::ServerContext(server)};
  link.flush();
  BOOST_TEST(link.secure());
  BOOST_TEST(link.client->connection().negotiatedProtocol().empty());
}

// ---- versions

BOOST_AUTO_TEST_CASE(old_versions_are_off_and_the_newest_common_one_is_spoken) {
  auto server = serverOptions();
  server.protocol.maximum = tls::Version::tls12;
  Link<> link{tls::ServerContext(server)};
  link.flush();
  BOOST_TEST((link.client->connection().version() == tls::Version::tls12));
  BOOST_TEST(link.client->connection().cipher().find("ECDHE") == 0U);

  server.protocol.maximum = tls::Version::tls13;
  server.protocol.raiseMinimumTo = tls::Version::tls13;
  auto client = clientOptions();
  client.protocol.maximum = tls::Version::tls12;
  Link<> apart{tls::ServerContext(server), tls::ClientContext(client)};
  apart.flush();
  BOOST_TEST(message(apart.server->closedReason()).find("versions of TLS") != std::string::npos,
             message(apart.server->closedReason()));
  BOOST_TEST(is<tls::AlertError>(apart.client->closedReason()));
}

BOOST_AUTO_TEST_CASE(ancient_versions_take_an_insecure_option_on_both_sides) {
  auto server = serverOptions();
  server.protocol.insecurelyLowerMinimumTo = tls::Version::tls10;
  auto client = clientOptions();
  client.protocol.insecurelyLowerMinimumTo = tls::Version::tls10;
  client.protocol.maximum = tls::Version::tls11;
  Link<> refused{tls::ServerContext(serverOptions()), tls::ClientContext(client)};
  refused.flush();
  BOOST_TEST(refused.client->closed());
  Link<> link{tls::ServerContext(server), tls::ClientContext(client)};
  link.flush();
  BOOST_TEST((link.client->connection().version() == tls::Version::tls11));
}

// ---- not TLS

// C42
BOOST_AUTO_TEST_CASE(plain_text_on_a_tls_port_is_called_that) {
  for (const char* line : {"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "EHLO client\r\n", "\r\n"}) {
    testing::Clock clock;
    const auto above = std::make_shared<Probe>();
    const auto below = tls::serverProtocol(clock, above, tls::ServerContext(serverOptions()));
    const auto transport = makeRef<testing::StringTransport>();
    below->makeConnection(*transport);
    below->dataReceived(line);
    BOOST_TEST(transport->disconnecting());
    transport->lose(*below, Failure(ConnectionDone()));
    BOOST_TEST(is<tls::PlainTextError>(above->closedReason()), message(above->closedReason()));
    BOOST_TEST(clock.getDelayedCalls().empty());
  }
  testing::Clock clock;
  const auto above = std::make_shared<Probe>();
  const auto below = tls::clientProtocol(clock, above, tls::ClientContext(clientOptions()), "a.example");
  const auto transport = makeRef<testing::StringTransport>();
  below->makeConnection(*transport);
  below->dataReceived("220 mail.example ESMTP\r\n");
  transport->lose(*below, Failure(ConnectionDone()));
  BOOST_TEST(message(above->closedReason()) ==
             "the peer does not speak TLS: it sent plain text, beginning with \"220 mail.example ESMTP\"");
}

BOOST_AUTO_TEST_CASE(nonsense_ends_the_connection_and_nothing_else) {
  // Records with every type and lengths of all sorts; a peer can never crash us or make us keep much.
  for (int type = 0; type < 256; ++type) {
    for (const int length : {0, 1, 5, 0x4000, 0xffff}) {
      testing::Clock clock;
      const auto above = std::make_shared<Probe>();
      const auto below = tls::serverProtocol(clock, above, tls::ServerContext(serverOptions()));
      const auto transport = makeRef<testing::StringTransport>();
      below->makeConnection(*transport);
      std::string record{static_cast<char>(type), 3, 3, static_cast<char>(length >> 8), static_cast<char>(length)};
      record.append(static_cast<std::size_t>(length), static_cast<char>(type * 31 + length));
      below->dataReceived(record);
      if (!transport->disconnecting()) below->dataReceived(record);
      transport->lose(*below, Failure(ConnectionDone()));
      BOOST_TEST(is<tls::Error>(above->closedReason()), "type " << type << " length " << length);
      BOOST_TEST(above->data().empty());
    }
  }
}

// Whatever somebody on the way changes in what the server sends: nothing is believed that was not verified.
BOOST_AUTO_TEST_CASE(a_changed_byte_in_the_handshake_hurts_nobody) {
  const tls::ServerContext serverContext(serverOptions());
  const tls::ClientContext clientContext(clientOptions());
  std::size_t flight = 1;
  for (std::size_t at = 0; at < flight; at += 7) {
    testing::Clock clock;
    const auto server = std::make_shared<Probe>();
    const auto client = std::make_shared<Probe>();
    const auto serverBelow = tls::serverProtocol(clock, server, serverContext);
    const auto clientBelow = tls::clientProtocol(clock, client, clientContext, "a.example");
    const auto serverWire = makeRef<testing::StringTransport>();
    const auto clientWire = makeRef<testing::StringTransport>();
    serverBelow->makeConnection(*serverWire);
    clientBelow->makeConnection(*clientWire);
    client->transport().write("secret");
    serverBelow->dataReceived(clientWire->value());
    clientWire->clear();
    std::string bytes = serverWire->value();
    serverWire->clear();
    flight = bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ 0x21);
    clientBelow->dataReceived(bytes);
    if (!clientWire->value().empty()) serverBelow->dataReceived(clientWire->value());
    // A byte that means nothing may differ; anything else must have been noticed by one of the two.
    if (!server->connection().secure()) {
      BOOST_TEST(server->data().empty());
    } else {
      BOOST_TEST(server->data() == "secret");
      BOOST_TEST(client->connection().secure());
    }
    clientBelow->breakConnection(Failure(ConnectionDone()));
    serverBelow->breakConnection(Failure(ConnectionDone()));
    BOOST_TEST(client->losses() == 1);
  }
  BOOST_TEST(flight > 500U);
}

BOOST_AUTO_TEST_CASE(a_peer_that_leaves_in_the_handshake_is_told_apart) {
  Link<> link;
  link.pump->clientTransport().loseConnection();
  link.flush();
  BOOST_TEST(is<tls::Error>(link.server->closedReason()));
  BOOST_TEST(message(link.server->closedReason()).find("in the middle of the TLS handshake") != std::string::npos);
}

// C40, C22: a transport of a lost connection may still be called.
BOOST_AUTO_TEST_CASE(a_lost_connection_takes_every_call) {
  Link<> link;
  link.flush();
  auto& connection = link.client->connection();
  connection.abortConnection();
  link.flush();
  BOOST_TEST(isExactly<ConnectionAborted>(link.client->closedReason()), message(link.client->closedReason()));
  connection.write("late");
  connection.writeSequence({"very ", "late"});
  connection.loseConnection();
  connection.loseWriteConnection();
  connection.abortConnection();
  connection.pauseProducing();
  connection.resumeProducing();
  connection.unregisterProducer();
  connection.setGracefulLimit(1s);
  BOOST_TEST(connection.writeBufferSize() == 0U);
  BOOST_TEST(connection.disconnecting());
  BOOST_TEST(!connection.connected());
  BOOST_TEST(connection.getPeer().toString() == "127.0.0.1:80");
  bool failed = false;
  connection.drained().addErrback([&](const Failure&) { failed = true; });
  BOOST_TEST(failed);
}

BOOST_AUTO_TEST_SUITE_END()
