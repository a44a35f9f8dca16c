// What leaves, in which records, and how back-pressure goes through the layer both ways.
#include <bight/tls.hpp>

#include <algorithm>
#include <thread>

#include "tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tls_writing)

using namespace tls_test;

namespace {

/// The lengths of the TLS records in `bytes`.
std::vector<std::size_t> records(const std::string& bytes) {
  std::vector<std::size_t> lengths;
  for (std::size_t at = 0; at + 5 <= bytes.size();) {
    lengths.push_back((static_cast<std::size_t>(static_cast<unsigned char>(bytes[at + 3])) << 8) +
                      static_cast<unsigned char>(bytes[at + 4]));
    at += 5 + lengths.back();
  }
  return lengths;
}

/// What a record adds in TLS 1.3: the type inside, and the tag.
constexpr std::size_t added = 17;

class Pushing : public PushProducer {
 public:
  void pauseProducing() override {
    said += 'p';
    if (onPause) onPause();
  }
  void resumeProducing() override { said += 'r'; }
  void stopProducing() override { said += 's'; }
  std::string said;
  std::function<void()> onPause;
};

class Pulling : public PullProducer {
 public:
  Pulling(Transport& to, int count, std::size_t size) : to_(to), left_(count), size_(size) {}
  void resumeProducing() override {
    ++asked;
    if (left_-- > 0)
      to_.write(std::string(size_, static_cast<char>('a' + left_)));
    else
      to_.unregisterProducer();
  }
  void stopProducing() override { stopped = true; }
  int asked = 0;
  bool stopped = false;

 private:
  Transport& to_;
  int left_;
  std::size_t size_;
};

}  // namespace

// C44: small writes of one dispatch are one record.
BOOST_AUTO_TEST_CASE(the_small_writes_of_a_dispatch_leave_in_one_record) {
  Link<> link([](Probe& server, Probe&) {
    server.onData = [](Probe& p, std::string_view) {
      for (int i = 0; i < 100; ++i) p.transport().writeSequence({"some ", "words "});
    };
  });
  link.flush();
  link.client->transport().write("go");
  link.client->transport().pauseProducing();  // so that the answer stays where it can be looked at
  link.flush();
  const auto lengths = records(link.pump->serverTransport().value());
  BOOST_REQUIRE(lengths.size() == 1U);
  BOOST_TEST(lengths[0] == 1100 + added);
  link.client->transport().resumeProducing();
  link.flush();
  BOOST_TEST(link.client->data().size() == 1100U);
}

// What is not encrypted yet is kept in a buffer that connections hand on to each other: nothing may be lost in it, or
// turn up elsewhere. In a thread of its own, since there the first connection finds no buffer.
BOOST_AUTO_TEST_CASE(what_connections_wrote_never_mixes) {
  std::string wanted[5], got[5];
  std::thread([&] {
    std::vector<std::unique_ptr<Link<>>> links;
    for (int i = 0; i < 5; ++i) links.push_back(std::make_unique<Link<>>());
    for (auto& link : links) link->flush();
    for (std::size_t round = 0; round < 60; ++round)
      for (std::size_t i = 0; i < 5; ++i) {
        const std::string piece(1 + (round * 7 + i) % 40, static_cast<char>('a' + i));
        wanted[i] += piece;
        links[i]->client->transport().write(piece);
        if ((round + i) % 3 == 0) links[i]->flush();
      }
    for (std::size_t i = 0; i < 5; ++i) {
      links[i]->flush();
      got[i] = links[i]->server->data();
    }
  }).join();
  for (std::size_t i = 0; i < 5; ++i) BOOST_TEST(got[i] == wanted[i]);
}

// The same for writes that come from outside of our own dataReceived: a timer, another connection.
BOOST_AUTO_TEST_CASE(writes_from_elsewhere_wait_for_the_end_of_their_dispatch) {
  Link<> link;
  link.flush();
  auto& transport = link.server->transport();
  transport.write("a");
  transport.write("b");
  BOOST_TEST(transport.writeBufferSize() == 2U);
  BOOST_TEST(link.pump->serverTransport().writeBufferSize() == 0U);
  link.flush();
  BOOST_TEST(link.client->data() == "ab");
  BOOST_TEST(transport.writeBufferSize() == 0U);
}

// A transport that knows of no dispatches gets every write at once.
BOOST_AUTO_TEST_CASE(without_dispatches_every_write_leaves_at_once) {
  testing::Clock clock;
  const auto server = std::make_shared<Probe>();
  const auto client = std::make_shared<Probe>();
  const auto serverBelow = tls::serverProtocol(clock, server, tls::ServerContext(serverOptions()));
  const auto clientBelow = tls::clientProtocol(clock, client, tls::ClientContext(clientOptions()), "a.example");
  const auto serverWire = makeRef<testing::StringTransport>();
  const auto clientWire = makeRef<testing::StringTransport>();
  serverBelow->makeConnection(*serverWire);
  clientBelow->makeConnection(*clientWire);
  for (int i = 0; i < 4; ++i) {
    const auto up = clientWire->value();
    clientWire->clear();
    if (!up.empty()) serverBelow->dataReceived(up);
    const auto down = serverWire->value();
    serverWire->clear();
    if (!down.empty()) clientBelow->dataReceived(down);
  }
  BOOST_REQUIRE(client->connection().secure());
  client->transport().write("now");
  BOOST_TEST(records(clientWire->value()).size() == 1U);
  serverBelow->dataReceived(clientWire->value());
  BOOST_TEST(server->data() == "now");
  clientBelow->breakConnection(Failure(ConnectionDone()));
  serverBelow->breakConnection(Failure(ConnectionDone()));
}

// C48
BOOST_AUTO_TEST_CASE(bulk_leaves_in_full_records) {
  Link<> link;
  link.flush();
  auto& transport = link.server->transport();
  const std::string much = text(100'000);
  transport.write("12345");
  transport.write(much);
  transport.write("67890");
  // The whole records are out already, from the writer's memory; the rest waits for the end of the dispatch.
  BOOST_TEST(transport.writeBufferSize() - link.pump->serverTransport().writeBufferSize() == 100'010U % 16384U);
  std::string wire = link.pump->serverTransport().value();
  const auto early = records(wire);
  BOOST_TEST(early.size() == 6U);
  BOOST_TEST(std::all_of(early.begin(), early.end(), [](std::size_t n) { return n == 16384 + added; }));
  link.flush();
  BOOST_TEST((link.client->data() == "12345" + much + "67890"));
  BOOST_TEST(link.client->largest <= 65536U);
}

BOOST_AUTO_TEST_CASE(every_size_arrives_whole) {
  Link<> link([](Probe& server, Probe&) {
    server.onData = [](Probe& p, std::string_view data) { p.transport().write(data); };
  });
  link.flush();
  std::string all;
  for (const std::size_t size : {1U, 2U, 16383U, 16384U, 16385U, 32767U, 32768U, 65535U, 65536U, 65537U, 1'000'000U}) {
    const auto piece = text(size);
    all += piece;
    link.client->transport().write(piece);
    if (size % 2 == 0) link.flush();
  }
  link.flush(7777);
  BOOST_TEST((link.client->data() == all));
  BOOST_TEST(link.client->largest <= 65536U);
}

BOOST_AUTO_TEST_CASE(an_empty_write_makes_no_record) {
  Link<> link;
  link.flush();
  link.client->transport().write("");
  link.client->transport().writeSequence({"", ""});
  BOOST_TEST(!link.pump->pump());
}

// ---- drained

BOOST_AUTO_TEST_CASE(drained_waits_for_the_handshake_and_for_the_transport_below) {
  Link<> link([](Probe&, Probe& client) { client.onMade = [](Probe& p) { p.transport().write("early"); }; });
  bool early = false;
  link.client->transport().drained().addCallback([&] { early = true; });
  BOOST_TEST(!early);
  link.flush();
  BOOST_TEST(early);
  link.client->transport().write(text(300'000));
  bool late = false;
  link.client->transport().drained().addCallback([&] { late = true; });
  link.pump->pump();
  BOOST_TEST(!late);
  link.flush();
  BOOST_TEST(late);
  bool atOnce = false;
  link.client->transport().drained().addCallback([&] { atOnce = true; });
  BOOST_TEST(atOnce);
}

BOOST_AUTO_TEST_CASE(drained_fails_with_the_reason_of_the_loss) {
  Link<> link(tls::ServerContext(serverOptions()), tls::ClientContext(clientOptions()), "b.example",
              [](Probe&, Probe& client) { client.onMade = [](Probe& p) { p.transport().write("early"); }; });
  std::optional<Failure> why;
  link.client->transport().drained().addErrback([&](const Failure& f) { why = f; });
  link.flush();
  BOOST_TEST(is<VerificationError>(why), message(why));
}

// ---- producers

// C26
BOOST_AUTO_TEST_CASE(a_push_producer_is_paused_by_what_is_buffered_below) {
  Link<> link;
  link.flush();
  const auto producer = std::make_shared<Pushing>();
  auto& transport = link.server->transport();
  transport.registerProducer(producer);
  transport.write(text(65'000));
  BOOST_TEST(producer->said.empty());
  transport.write(text(65'000));
  BOOST_TEST(producer->said == "p");
  transport.write(text(65'000));
  BOOST_TEST(producer->said == "p");
  link.flush();
  BOOST_TEST(producer->said == "pr");
  transport.unregisterProducer();
  transport.write(text(200'000));
  link.flush();
  BOOST_TEST(producer->said == "pr");
  BOOST_CHECK_THROW(transport.registerProducer(std::shared_ptr<PushProducer>()), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_push_producer_is_paused_before_the_handshake_too) {
  const auto producer = std::make_shared<Pushing>();
  Link<> link([&](Probe&, Probe& client) {
    client.onMade = [&](Probe& p) {
      p.transport().registerProducer(producer);
      p.transport().write(text(70'000));
    };
  });
  BOOST_TEST(producer->said == "p");
  link.flush();
  BOOST_TEST(producer->said == "pr");
  BOOST_TEST(link.server->data().size() == 70'000U);
  BOOST_CHECK_THROW(link.client->transport().registerProducer(std::make_shared<Pushing>()), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_producer_may_write_and_close_while_it_is_paused) {
  Link<> link;
  link.flush();
  const auto producer = std::make_shared<Pushing>();
  auto& transport = link.server->transport();
  producer->onPause = [&] {
    transport.write("while paused");
    transport.unregisterProducer();
    transport.loseConnection();
  };
  const auto much = text(200'000);
  transport.registerProducer(producer);
  transport.write(much);
  link.flush();
  BOOST_TEST((link.client->data() == much + "while paused"));
  BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()), message(link.client->closedReason()));
}

// C27: once when registered, once after each drain, never more than it was asked.
BOOST_AUTO_TEST_CASE(a_pull_producer_is_asked_for_each_portion_when_the_last_has_left) {
  for (const bool early : {true, false}) {
    BOOST_TEST_CONTEXT((early ? "before the handshake" : "after it")) {
      Link<> link;
      if (!early) link.flush();
      const auto producer = std::make_shared<Pulling>(link.server->transport(), 5, 100'000);
      link.server->transport().registerProducer(producer);
      BOOST_TEST(producer->asked == 1);
      link.flush();
      BOOST_TEST(producer->asked == 6);
      BOOST_TEST(link.client->data().size() == 500'000U);
      BOOST_TEST(!producer->stopped);
    }
  }
}

// C17
BOOST_AUTO_TEST_CASE(a_close_waits_for_the_producer) {
  Link<> link;
  link.flush();
  auto& transport = link.server->transport();
  transport.registerProducer(std::make_shared<Pulling>(transport, 3, 40'000));
  transport.loseConnection();
  link.flush();
  BOOST_TEST(link.client->data().size() == 120'000U);
  BOOST_TEST(isExactly<ConnectionDone>(link.server->closedReason()), message(link.server->closedReason()));
}

// C28
BOOST_AUTO_TEST_CASE(a_producer_is_stopped_before_connection_lost) {
  const auto producer = std::make_shared<Pushing>();
  std::string atLoss;
  Link<> link([&](Probe& server, Probe&) { server.onLost = [&](Probe&, const Failure&) { atLoss = producer->said; }; });
  link.flush();
  link.server->transport().registerProducer(producer);
  link.client->transport().abortConnection();
  link.flush();
  BOOST_TEST(atLoss == "s");
  const auto late = std::make_shared<Pushing>();
  link.server->transport().registerProducer(late);
  BOOST_TEST(late->said == "s");
  // The same when the peer closes in order.
  const auto other = std::make_shared<Pushing>();
  Link<> second;
  second.flush();
  second.server->transport().registerProducer(other);
  second.client->transport().loseConnection();
  second.flush();
  BOOST_TEST(other->said == "s");
  BOOST_TEST(isExactly<ConnectionDone>(second.server->closedReason()), message(second.server->closedReason()));
}

// C32: a proxy between two TLS connections.
BOOST_AUTO_TEST_CASE(a_transport_steers_another_as_its_producer) {
  Link<> from;
  Link<> to;
  from.flush();
  to.flush();
  from.server->onData = [&](Probe&, std::string_view data) { to.client->transport().write(data); };
  to.client->transport().registerProducer(from.server->transport().asProducer());
  const auto much = text(2'000'000);
  from.client->transport().write(much);
  std::size_t most = 0;
  while (from.pump->pump() || to.pump->pump()) most = std::max(most, to.client->transport().writeBufferSize());
  BOOST_TEST((to.server->data() == much));
  BOOST_TEST(most < 300'000U);
}

// ---- limits

BOOST_AUTO_TEST_CASE(what_is_written_before_the_handshake_is_limited) {
  Link<> link([](Probe&, Probe& client) {
    client.onMade = [](Probe& p) {
      p.transport().setMaxWriteBuffer(1000);
      for (int i = 0; i < 10; ++i) p.transport().write(text(400));
      BOOST_TEST(p.transport().disconnecting());
    };
  });
  link.flush();
  BOOST_TEST(is<OutputLimitError>(link.client->closedReason()), message(link.client->closedReason()));
}

// Over TLS as over TCP: the limit is about what is kept already, not about what comes.
BOOST_AUTO_TEST_CASE(one_write_of_any_size_into_an_empty_buffer_is_accepted) {
  for (const bool early : {true, false}) {
    BOOST_TEST_CONTEXT((early ? "before the handshake" : "after it")) {
      Link<> link;
      if (!early) link.flush();
      auto& transport = link.client->transport();
      transport.setMaxWriteBuffer(100'000);
      const auto much = text(1'000'000);
      transport.writeSequence({"all of it: ", much});
      BOOST_TEST(!transport.disconnecting());
      link.flush();
      BOOST_TEST((link.server->data() == "all of it: " + much));
      // Two are too much, and so is whatever follows one that is kept.
      transport.write(much);
      transport.write("x");
      BOOST_TEST(transport.disconnecting());
      link.flush();
      BOOST_TEST(is<OutputLimitError>(link.client->closedReason()), message(link.client->closedReason()));
    }
  }
}

// The default of 16 MiB holds for what is kept, also for many small writes.
BOOST_AUTO_TEST_CASE(more_than_the_default_limit_goes_in_one_write) {
  Link<> link;
  link.flush();
  const auto much = text(20 << 20);
  link.client->transport().write(much);
  link.flush(1 << 20);
  BOOST_TEST((link.server->data() == much));
  const std::string some = text(1000);
  std::size_t written = 0;
  for (; !link.client->transport().disconnecting() && written < 32 << 20; written += some.size())
    link.client->transport().write(some);
  BOOST_TEST(written > 16'700'000U);  // what encrypting adds counts too
  BOOST_TEST(written < 17'000'000U);
  link.flush();
  BOOST_TEST(is<OutputLimitError>(link.client->closedReason()), message(link.client->closedReason()));
}

// ---- reading

// C31
BOOST_AUTO_TEST_CASE(a_paused_connection_delivers_nothing_and_loses_nothing) {
  Link<> link([](Probe& server, Probe&) {
    server.onData = [](Probe& p, std::string_view) { p.transport().pauseProducing(); };
  });
  link.flush();
  const auto much = text(500'000);
  link.client->transport().write(much);
  link.flush();
  const auto first = link.server->data().size();
  BOOST_TEST(first > 0U);
  BOOST_TEST(first <= 65536U);
  int resumed = 0;
  while (link.server->data().size() < much.size() && resumed < 1000) {
    const auto before = link.server->data().size();
    link.server->transport().resumeProducing();
    BOOST_TEST(link.server->data().size() == before);  // never inside the call
    ++resumed;
    link.flush();
    BOOST_TEST(link.server->data().size() > before);
  }
  BOOST_TEST((link.server->data() == much));
}

BOOST_AUTO_TEST_CASE(a_pause_before_the_handshake_lets_it_go_on) {
  Link<> link([](Probe& server, Probe& client) {
    server.onMade = [](Probe& p) { p.transport().pauseProducing(); };
    client.onMade = [](Probe& p) { p.transport().write("hello"); };
  });
  link.flush();
  BOOST_TEST(link.secure());
  BOOST_TEST(link.server->data().empty());
  link.server->transport().resumeProducing();
  link.flush();
  BOOST_TEST(link.server->data() == "hello");
}

// What came encrypted together with the end of the handshake is there, without anything else arriving.
BOOST_AUTO_TEST_CASE(what_was_held_is_delivered_after_a_resume_also_without_dispatches) {
  testing::Clock clock;
  const auto server = std::make_shared<Probe>();
  server->onMade = [](Probe& p) { p.transport().pauseProducing(); };
  const auto client = std::make_shared<Probe>();
  client->onSecure = [](Probe& p) { p.transport().write("hello"); };
  const auto serverBelow = tls::serverProtocol(clock, server, tls::ServerContext(serverOptions()));
  const auto clientBelow = tls::clientProtocol(clock, client, tls::ClientContext(clientOptions()), "a.example");
  const auto serverWire = makeRef<testing::StringTransport>();
  const auto clientWire = makeRef<testing::StringTransport>();
  serverBelow->makeConnection(*serverWire);
  clientBelow->makeConnection(*clientWire);
  serverBelow->dataReceived(clientWire->value());
  clientWire->clear();
  clientBelow->dataReceived(serverWire->value());
  serverBelow->dataReceived(clientWire->value());
  BOOST_TEST(server->connection().secure());
  BOOST_TEST((serverWire->producerState() == testing::StringTransport::ProducerState::paused));
  BOOST_TEST(server->data().empty());
  server->transport().resumeProducing();
  BOOST_TEST(server->data().empty());
  clock.advance(0s);
  BOOST_TEST(server->data() == "hello");
  clientBelow->breakConnection(Failure(ConnectionDone()));
  serverBelow->breakConnection(Failure(ConnectionDone()));
}

// C39: over any transport, and TLS is one.
BOOST_AUTO_TEST_CASE(tls_runs_inside_tls) {
  testing::Clock clock;
  const tls::ServerContext serverContext(serverOptions());
  const tls::ClientContext clientContext(clientOptions());
  const auto server = std::make_shared<Probe>();
  const auto client = std::make_shared<Probe>();
  server->onData = [](Probe& p, std::string_view data) { p.transport().write(data); };
  testing::IOPump pump(tls::clientProtocol(clock, tls::clientProtocol(clock, client, clientContext, "a.example"),
                                           clientContext, "a.example"),
                       tls::serverProtocol(clock, tls::serverProtocol(clock, server, serverContext), serverContext));
  pump.flush();
  BOOST_TEST(client->connection().secure());
  BOOST_TEST(tls::Connection::of(client->connection().below()));
  const auto much = text(300'000);
  client->transport().write(much);
  pump.flush(1000);
  BOOST_TEST((client->data() == much));
  client->transport().loseConnection();
  pump.flush();
  BOOST_TEST(isExactly<ConnectionDone>(client->closedReason()), message(client->closedReason()));
  BOOST_TEST(isExactly<ConnectionDone>(server->closedReason()), message(server->closedReason()));
}

BOOST_AUTO_TEST_SUITE_END()
