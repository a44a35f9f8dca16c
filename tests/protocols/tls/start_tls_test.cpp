// Switching a live connection to TLS.
#include <bight/tls.hpp>

#include <bight/line_receiver.hpp>

#include "tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tls_start_tls)

using namespace tls_test;

namespace {

struct Sides {
  testing::Clock clock;
  tls::ServerContext server{serverOptions()};
  tls::ClientContext client{clientOptions()};
};

/// A protocol of lines that knows STARTTLS.
class MailServer : public LineReceiver, public tls::HandshakeListener {
 public:
  explicit MailServer(Sides& sides) : sides_(sides) {}
  void connectionMade() override { ++made; }
  void lineReceived(std::string_view line) override {
    lines.emplace_back(line);
    if (line == "STARTTLS") {
      sendLine("220 go ahead");
      tls::startTLS(sides_.clock, *this, sides_.server);
    } else {
      sendLine("250 " + std::string(line));
    }
  }
  void handshakeCompleted() override { secure = true; }
  void connectionLost(const Failure& why) override { reason = why; }

  std::vector<std::string> lines;
  std::optional<Failure> reason;
  int made = 0;
  bool secure = false;

 private:
  Sides& sides_;
};

class MailClient : public LineReceiver, public tls::HandshakeListener {
 public:
  explicit MailClient(Sides& sides) : sides_(sides) {}
  void connectionMade() override { sendLine("STARTTLS"); }
  void lineReceived(std::string_view line) override {
    lines.emplace_back(line);
    if (line != "220 go ahead") return;
    tls::startTLS(sides_.clock, *this, sides_.client, "a.example");
    sendLine("SECRET");
  }
  void handshakeCompleted() override { secure = true; }
  void connectionLost(const Failure& why) override { reason = why; }

  std::vector<std::string> lines;
  std::optional<Failure> reason;
  bool secure = false;

 private:
  Sides& sides_;
};

}  // namespace

// C40
BOOST_AUTO_TEST_CASE(a_connection_switches_in_the_middle) {
  for (const std::size_t most : {1U, 3U, 65536U}) {
    Sides sides;
    const auto server = std::make_shared<MailServer>(sides);
    const auto client = std::make_shared<MailClient>(sides);
    testing::IOPump pump(client, server);
    pump.flush(most);
    BOOST_TEST(server->secure);
    BOOST_TEST(client->secure);
    BOOST_TEST(server->made == 1);
    const std::vector<std::string> asked{"STARTTLS", "SECRET"};
    const std::vector<std::string> answered{"220 go ahead", "250 SECRET"};
    BOOST_TEST(server->lines == asked, boost::test_tools::per_element());
    BOOST_TEST(client->lines == answered, boost::test_tools::per_element());
    BOOST_TEST(tls::Connection::of(server->transport()));
    client->transport().loseConnection();
    pump.flush(most);
    BOOST_TEST(isExactly<ConnectionDone>(client->reason), message(client->reason));
    BOOST_TEST(isExactly<ConnectionDone>(server->reason), message(server->reason));
  }
}

// C40: what was written before goes out in clear first.
BOOST_AUTO_TEST_CASE(what_was_buffered_leaves_in_clear_before_the_switch) {
  Sides sides;
  const auto server = std::make_shared<Probe>();
  const auto client = std::make_shared<Probe>();
  testing::IOPump pump(client, server);
  const auto much = text(200'000);
  server->transport().write(much);
  tls::startTLS(sides.clock, *server, sides.server);
  server->transport().write("secret");
  client->onData = [&](Probe& p, std::string_view) {
    if (p.data() == much) tls::startTLS(sides.clock, p, sides.client, "a.example");
  };
  pump.flush();
  BOOST_TEST((client->data() == much + "secret"));
  BOOST_TEST(client->connection().secure());
  const std::vector<std::string> events{"made", "secure"};
  BOOST_TEST(client->events == events, boost::test_tools::per_element());
}

// C40: bytes that came in clear together with the command must not be taken for encrypted ones.
BOOST_AUTO_TEST_CASE(a_command_behind_starttls_ends_the_connection) {
  for (const char* input : {"STARTTLS\r\nDELETE ALL\r\n", "STARTTLS\r\nDEL", "NOOP\r\nSTARTTLS\r\nX"}) {
    Sides sides;
    const auto server = std::make_shared<MailServer>(sides);
    const auto client = std::make_shared<Probe>();
    testing::IOPump pump(client, server);
    client->transport().write(input);
    BOOST_CHECK_THROW(pump.flush(), tls::InjectionError);
    BOOST_TEST(server->lines.back() == "STARTTLS");
    BOOST_TEST(!server->secure);
    BOOST_TEST(is<tls::InjectionError>(server->reason), message(server->reason));
  }
}

// What comes in the next packet is no TLS, and never reaches the protocol.
BOOST_AUTO_TEST_CASE(clear_text_after_the_switch_is_no_tls) {
  Sides sides;
  const auto server = std::make_shared<MailServer>(sides);
  const auto client = std::make_shared<Probe>();
  testing::IOPump pump(client, server);
  client->transport().write("STARTTLS\r\n");
  pump.flush();
  client->transport().write("DELETE ALL\r\n");
  pump.flush();
  BOOST_TEST(server->lines.size() == 1U);
  BOOST_TEST(is<tls::PlainTextError>(server->reason), message(server->reason));
}

BOOST_AUTO_TEST_CASE(the_simpler_receiver_of_lines_knows_what_is_behind_a_line) {
  class Simple : public LineOnlyReceiver {
   public:
    void lineReceived(std::string_view) override { unread.push_back(unreadInput()); }
    std::vector<std::size_t> unread;
  };
  const auto simple = std::make_shared<Simple>();
  const auto transport = makeRef<testing::StringTransport>();
  simple->makeConnection(*transport);
  simple->dataReceived("a\r\nbc\r\nd");
  const std::vector<std::size_t> expected{5, 1};
  BOOST_TEST(simple->unread == expected, boost::test_tools::per_element());
  BOOST_TEST(simple->unreadInput() == 1U);
}

// C40: the registered producer goes on over TLS.
BOOST_AUTO_TEST_CASE(a_producer_goes_over_to_the_new_transport) {
  class Counting : public PushProducer {
   public:
    void pauseProducing() override { said += 'p'; }
    void resumeProducing() override { said += 'r'; }
    void stopProducing() override { said += 's'; }
    std::string said;
  };
  for (const std::size_t before : {0U, 100'000U}) {
    Sides sides;
    const auto server = std::make_shared<Probe>();
    const auto client = std::make_shared<Probe>();
    testing::IOPump pump(client, server);
    const auto producer = std::make_shared<Counting>();
    server->transport().registerProducer(producer);
    server->transport().write(text(before));
    tls::startTLS(sides.clock, *server, sides.server);
    client->onData = [&](Probe& p, std::string_view) {
      if (p.data().size() == before && !tls::Connection::of(p.transport()))
        tls::startTLS(sides.clock, p, sides.client, "a.example");
    };
    if (before == 0) tls::startTLS(sides.clock, *client, sides.client, "a.example");
    pump.flush();
    BOOST_TEST(client->connection().secure());
    BOOST_TEST(producer->said == (before == 0 ? "" : "pr"));
    producer->said.clear();
    server->transport().write(text(100'000));
    BOOST_TEST(producer->said == "p");
    pump.flush();
    BOOST_TEST(producer->said == "pr");
    client->transport().abortConnection();
    pump.flush();
    BOOST_TEST(producer->said == "prs");
  }
}

BOOST_AUTO_TEST_CASE(a_paused_protocol_stays_paused) {
  Sides sides;
  const auto server = std::make_shared<Probe>();
  const auto client = std::make_shared<Probe>();
  testing::IOPump pump(client, server);
  server->transport().pauseProducing();
  tls::startTLS(sides.clock, *server, sides.server);
  tls::startTLS(sides.clock, *client, sides.client, "a.example");
  client->transport().write("hello");
  pump.flush();
  BOOST_TEST(client->connection().secure());
  BOOST_TEST(server->data().empty());
  server->transport().resumeProducing();
  pump.flush();
  BOOST_TEST(server->data() == "hello");
}

BOOST_AUTO_TEST_CASE(a_switch_at_the_wrong_time_is_refused) {
  Sides sides;
  const auto lonely = std::make_shared<Probe>();
  BOOST_CHECK_THROW(tls::startTLS(sides.clock, *lonely, sides.server), std::logic_error);
  const auto server = std::make_shared<Probe>();
  const auto client = std::make_shared<Probe>();
  testing::IOPump pump(client, server);
  server->transport().loseConnection();
  BOOST_CHECK_THROW(tls::startTLS(sides.clock, *server, sides.server), std::logic_error);
  pump.flush();
  // Once the connection is lost, it is nobody's mistake.
  BOOST_CHECK_NO_THROW(tls::startTLS(sides.clock, *client, sides.client, "a.example"));
  BOOST_TEST(!tls::Connection::of(client->transport()));
  // A transport that cannot.
  const auto alone = std::make_shared<Probe>();
  const auto transport = makeRef<testing::StringTransport>();
  alone->makeConnection(*transport);
  BOOST_CHECK_THROW(tls::startTLS(sides.clock, *alone, sides.server), std::logic_error);
}

BOOST_AUTO_TEST_CASE(tls_can_be_started_inside_tls) {
  Sides sides;
  Link<> link;
  link.flush();
  tls::startTLS(link.clock, *link.server, sides.server);
  tls::startTLS(link.clock, *link.client, sides.client, "a.example");
  link.client->transport().write("deep");
  link.flush();
  BOOST_TEST(link.server->data() == "deep");
  BOOST_TEST(tls::Connection::of(link.server->connection().below()));
  link.server->transport().loseConnection();
  link.flush();
  BOOST_TEST(isExactly<ConnectionDone>(link.client->closedReason()), message(link.client->closedReason()));
}

BOOST_AUTO_TEST_SUITE_END()
