// How a TLS connection ends.
#include <bight/tls.hpp>

#include "tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tls_closing)

using namespace tls_test;

// C43
BOOST_AUTO_TEST_CASE(a_close_flushes_and_is_done_on_both_sides) {
  Link<> link;
  link.flush();
  const std::string much = text(200'000);
  link.client->transport().write(much);
  link.client->transport().loseConnection();
  link.client->transport().loseConnection();
  BOOST_TEST(link.client->transport().disconnecting());
  BOOST_TEST(!link.client->closed());
  link.flush();
  BOOST_TEST((link.server->data() == much));
  BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()), message(link.client->closedReason()));
  BOOST_TEST(isExactly<ConnectionDone>(link.server->closedReason()), message(link.server->closedReason()));
  BOOST_TEST(link.client->losses() == 1);
  BOOST_TEST(link.server->losses() == 1);
  BOOST_TEST(link.clock.getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(both_sides_may_close_at_once) {
  Link<> link;
  link.flush();
  link.client->transport().loseConnection();
  link.server->transport().loseConnection();
  link.flush();
  BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()));
  BOOST_TEST(isExactly<ConnectionDone>(link.server->closedReason()));
}

// C48: what is written in connectionMade arrives in full, although the close was asked for before the handshake.
BOOST_AUTO_TEST_CASE(what_was_written_before_the_handshake_arrives_before_the_close) {
  const std::string much = text(200'000);
  Link<> link([&](Probe&, Probe& client) {
    client.onMade = [&](Probe& p) {
      p.transport().write(much);
      p.transport().loseConnection();
    };
  });
  link.flush();
  BOOST_TEST((link.server->data() == much));
  BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()), message(link.client->closedReason()));
}

// C43
BOOST_AUTO_TEST_CASE(closing_before_the_handshake_with_nothing_written_just_ends) {
  Link<> link([](Probe&, Probe& client) { client.onMade = [](Probe& p) { p.transport().loseConnection(); }; });
  link.flush();
  BOOST_TEST(isExactly<ConnectionLost>(link.client->closedReason()), message(link.client->closedReason()));
  BOOST_TEST(is<tls::Error>(link.server->closedReason()));
}

BOOST_AUTO_TEST_CASE(an_abort_is_aborted_here_and_lost_there) {
  Link<> link;
  link.flush();
  link.client->transport().write("unsent");
  link.client->transport().abortConnection();
  link.flush();
  BOOST_TEST(isExactly<ConnectionAborted>(link.client->closedReason()));
  BOOST_TEST(isExactly<ConnectionLost>(link.server->closedReason()));
  BOOST_TEST(link.server->data().empty());
}

// C43: truncation must be visible.
BOOST_AUTO_TEST_CASE(an_end_without_close_notify_is_a_truncation_at_every_record) {
  // Learn how long the stream is, then cut it at every boundary of records, and inside of them.
  std::string sent;
  const auto serve = [&](testing::StringTransport& wire, std::size_t cut) {
    testing::Clock clock;
    const auto above = std::make_shared<Probe>();
    const auto client = std::make_shared<Probe>();
    const auto serverBelow = tls::serverProtocol(clock, above, tls::ServerContext(serverOptions()));
    const auto clientBelow = tls::clientProtocol(clock, client, tls::ClientContext(clientOptions()), "a.example");
    const auto serverWire = makeRef<testing::StringTransport>();
    serverBelow->makeConnection(*serverWire);
    clientBelow->makeConnection(wire);
    std::size_t given = 0;
    const auto toServer = [&] {
      const auto bytes = wire.value();
      wire.clear();
      if (!bytes.empty()) serverBelow->dataReceived(bytes);
    };
    const auto toClient = [&] {
      auto bytes = serverWire->value();
      serverWire->clear();
      bytes.resize(std::min(bytes.size(), cut - std::min(cut, given)));
      given += bytes.size();
      if (!bytes.empty()) clientBelow->dataReceived(bytes);
      sent += bytes;
    };
    sent.clear();
    toServer();
    toClient();
    toServer();
    above->transport().write("first");
    above->transport().write("second");
    above->transport().loseConnection();
    toClient();
    wire.lose(*clientBelow, Failure(ConnectionDone()));
    return client;
  };
  const auto wire = makeRef<testing::StringTransport>();
  const auto whole = serve(*wire, 1 << 20);
  BOOST_TEST(whole->data() == "firstsecond");
  BOOST_TEST(isExactly<ConnectionDone>(whole->closedReason()), message(whole->closedReason()));
  std::vector<std::size_t> cuts;
  const std::string stream = sent;
  for (std::size_t at = 0; at + 5 <= stream.size();) {
    cuts.push_back(at);
    cuts.push_back(at + 3);
    at += 5 + (static_cast<unsigned char>(stream[at + 3]) << 8) + static_cast<unsigned char>(stream[at + 4]);
  }
  BOOST_TEST(cuts.size() > 10U);
  for (const std::size_t cut : cuts) {
    const auto other = makeRef<testing::StringTransport>();
    const auto client = serve(*other, cut);
    BOOST_TEST(!is<ConnectionDone>(client->closedReason()), "cut at " << cut);
    BOOST_TEST(is<tls::Error>(client->closedReason()), "cut at " << cut);
  }
}

BOOST_AUTO_TEST_CASE(a_truncation_says_so) {
  Link<> link;
  link.flush();
  link.server->transport().write("some");
  link.flush();
  link.pump->serverTransport().loseConnection();
  link.flush();
  BOOST_TEST(link.client->data() == "some");
  BOOST_TEST(isExactly<tls::TruncationError>(link.client->closedReason()));
  BOOST_TEST(message(link.client->closedReason()).find("data may be missing") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_changed_byte_ends_the_connection) {
  Link<> link;
  link.flush();
  link.server->transport().write("hello");
  // Take what the server sends, and change the last byte.
  link.pump->serverTransport().clear();
  link.server->transport().drained().addErrback([](const Failure&) {});
  std::string bytes = link.pump->serverTransport().value();
  BOOST_REQUIRE(bytes.size() > 10U);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  // Into the client, as if it came from the wire.
  auto taken = link.pump->clientTransport().takeOver(std::make_shared<Probe>());
  taken.protocol->dataReceived(bytes);
  BOOST_TEST(link.client->data().empty());
  BOOST_TEST(link.pump->clientTransport().disconnecting());
  taken.protocol->breakConnection(Failure(ConnectionDone()));
  BOOST_TEST(is<tls::Error>(link.client->closedReason()), message(link.client->closedReason()));
}

// ---- half close

BOOST_AUTO_TEST_CASE(one_half_may_end_before_the_other) {
  Link<HalfProbe, HalfProbe> link;
  link.flush();
  link.client->transport().write("question");
  link.client->transport().loseWriteConnection();
  link.flush();
  BOOST_TEST(link.client->events.back() == "write lost");
  BOOST_TEST(link.server->events.back() == "read lost");
  BOOST_TEST(link.server->data() == "question");
  link.client->transport().write("too late");
  link.server->transport().write(text(100'000));
  link.flush();
  BOOST_TEST(link.client->data().size() == 100'000U);
  BOOST_TEST(link.server->data() == "question");
  link.server->transport().loseWriteConnection();
  link.flush();
  BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()), message(link.client->closedReason()));
  BOOST_TEST(isExactly<ConnectionDone>(link.server->closedReason()), message(link.server->closedReason()));
}

BOOST_AUTO_TEST_CASE(the_tcp_connection_stays_whole_when_a_half_ends) {
  Link<HalfProbe, HalfProbe> link;
  link.flush();
  link.client->transport().loseWriteConnection();
  link.flush();
  BOOST_TEST(!link.pump->clientTransport().writeClosed());
  BOOST_TEST(!link.pump->clientTransport().disconnecting());
}

BOOST_AUTO_TEST_CASE(who_knows_no_halves_answers_a_close_notify_by_closing) {
  Link<Probe, HalfProbe> link;
  link.flush();
  link.server->transport().write("pending");
  link.client->transport().loseWriteConnection();
  link.flush();
  BOOST_TEST(link.client->data() == "pending");
  BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()));
  BOOST_TEST(isExactly<ConnectionDone>(link.server->closedReason()));
}

// Many peers say close_notify and then end the TCP connection's half at once: the answer must still get out.
BOOST_AUTO_TEST_CASE(the_end_of_the_tcp_half_behind_close_notify_leaves_ours_open) {
  Link<HalfProbe, HalfProbe> link([](HalfProbe& server, HalfProbe&) {
    server.onReadLost = [](HalfProbe& p) {
      p.transport().write("answer");
      p.transport().loseConnection();
    };
  });
  link.flush();
  link.client->transport().write("question");
  link.client->transport().loseWriteConnection();
  link.client->connection().drained().addErrback([](const Failure&) {});
  link.pump->clientTransport().loseWriteConnection();
  link.flush();
  BOOST_TEST(link.client->data() == "answer");
  BOOST_TEST(isExactly<ConnectionDone>(link.server->closedReason()), message(link.server->closedReason()));
}

// ---- limits of time

// C20
BOOST_AUTO_TEST_CASE(a_peer_that_does_not_answer_close_notify_holds_us_for_the_graceful_limit_only) {
  Link<> link;
  link.flush();
  link.server->transport().pauseProducing();
  link.client->transport().setGracefulLimit(5s);
  link.client->transport().loseConnection();
  link.flush();
  link.clock.advance(4999ms);
  link.flush();
  BOOST_TEST(!link.client->closed());
  link.clock.advance(1ms);
  link.flush();
  BOOST_TEST(is<ConnectionAborted>(link.client->closedReason()), message(link.client->closedReason()));
  BOOST_TEST(message(link.client->closedReason()).find("5000 ms") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_graceful_limit_counts_without_progress) {
  Link<> link;
  link.flush();
  link.client->transport().write(text(1'000'000));
  link.client->transport().loseConnection();
  for (int i = 0; i < 5; ++i) {
    link.pump->pump();
    link.clock.advance(29s);
    BOOST_TEST(!link.client->closed());
  }
  link.flush();
  BOOST_TEST(link.server->data().size() == 1'000'000U);
  BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()), message(link.client->closedReason()));
}

// C15: later data is not delivered, but its end is waited for.
BOOST_AUTO_TEST_CASE(data_that_comes_after_our_close_is_dropped) {
  Link<> link;
  link.flush();
  link.server->transport().write("late");
  link.client->transport().loseConnection();
  link.flush();
  BOOST_TEST(link.client->data().empty());
  BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()), message(link.client->closedReason()));
}

BOOST_AUTO_TEST_CASE(a_paused_connection_can_be_closed) {
  Link<> link;
  link.flush();
  link.client->transport().pauseProducing();
  link.server->transport().write("unread");
  link.flush();
  link.client->transport().loseConnection();
  link.flush();
  BOOST_TEST(link.client->data().empty());
  BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()), message(link.client->closedReason()));
}

// C12
BOOST_AUTO_TEST_CASE(what_data_received_throws_is_the_reason) {
  Link<> link([](Probe& server, Probe&) {
    server.onData = [](Probe& p, std::string_view) {
      p.transport().write("before");
      throw std::runtime_error("no");
    };
  });
  link.flush();
  link.client->transport().write("x");
  BOOST_CHECK_THROW(link.flush(), std::runtime_error);
  link.flush();
  BOOST_TEST(message(link.server->closedReason()) == "no");
  BOOST_TEST(link.server->losses() == 1);
  BOOST_TEST(is<tls::TruncationError>(link.client->closedReason()), message(link.client->closedReason()));
}

BOOST_AUTO_TEST_CASE(a_protocol_may_close_in_every_callback) {
  for (int how = 0; how < 6; ++how) {
    BOOST_TEST_CONTEXT("way " << how) {
      Link<> link([&](Probe& server, Probe& client) {
        const auto close = [how](Probe& p) {
          if (how % 2 == 0)
            p.transport().loseConnection();
          else
            p.transport().abortConnection();
        };
        if (how / 2 == 0) server.onMade = close;
        if (how / 2 == 1) server.onSecure = close;
        if (how / 2 == 2) server.onData = [close](Probe& p, std::string_view) { close(p); };
        client.onSecure = [](Probe& p) { p.transport().write("hello"); };
      });
      link.flush();
      BOOST_TEST(link.server->losses() == 1);
      BOOST_TEST(link.client->losses() == 1);
      BOOST_TEST((how / 2 == 2 || link.server->data().empty()));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
