#include <bight/http/upgrade.hpp>

#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <bight/reactor.hpp>
#include <bight/testing/memory_reactor.hpp>

#include "site_fixture.hpp"

BOOST_AUTO_TEST_SUITE(UpgradeTest)

using namespace bight;
using namespace bight::http;
using bight::http::testcases::get;
using bight::http::testcases::Served;
using bight::http::testcases::textAnswer;

namespace {

// Answers in capitals; "!" makes it pause, "?" throw.
struct Shout : Protocol {
  explicit Shout(std::string& record, bool pausesAtOnce = false) : said(record), pauses(pausesAtOnce) {}
  void connectionMade() override {
    said += "made;";
    transport().write("hello\n");
    if (pauses) transport().pauseProducing();
  }
  void dataReceived(std::string_view data) override {
    said += "got " + std::string(data) + ";";
    if (data == "?") throw std::runtime_error("What?");
    transport().write("GOT " + std::string(data) + "\n");
  }
  void connectionLost(const Failure&) override { said += "lost;"; }

  std::string& said;
  bool pauses;
};

struct Tree {
  explicit Tree(bool pauses = false) {
    root->putChild("hello", on("GET", [](Request&) { return Response::text("Hello!"); }));
    auto shout = on("GET", [this, pauses](Request&) -> Answer {
      auto protocol = std::make_shared<Shout>(said, pauses);
      last = protocol;
      return Upgrade{{{"Upgrade", "shout/1"}}, protocol};
    });
    shout->on("POST",
              [this](Request&) -> Answer { return Upgrade{{{"Upgrade", "shout/1"}}, std::make_shared<Shout>(said)}; });
    root->putChild("shout", shout);
    root->putChild("later", on("GET", [this](Request&) -> Answer {
                     Deferred<Answer> d([this] { said += "cancelled;"; });
                     later = d.promise();
                     return d;
                   }));
  }
  std::shared_ptr<Directory> root = std::make_shared<Directory>();
  std::string said;
  std::weak_ptr<Shout> last;
  std::optional<Promise<Answer>> later;
};

const std::string asking = "Connection: keep-alive, Upgrade\r\nUpgrade: other, Shout/1\r\n";
const std::string switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: shout/1\r\nConnection: Upgrade\r\n\r\n";

}  // namespace

BOOST_AUTO_TEST_CASE(a_request_says_which_protocols_it_would_like) {
  const Headers wish{{"Connection", "keep-alive"}, {"connection", "UPGRADE"}, {"Upgrade", "h2c, websocket"}};
  BOOST_TEST(mayUpgrade(*Request::make("GET", "/", wish), "WebSocket"));
  BOOST_TEST(!mayUpgrade(*Request::make("GET", "/", wish), "web"));
  BOOST_TEST(!mayUpgrade(*Request::make("POST", "/", wish), "websocket"));
  BOOST_TEST(!mayUpgrade(*Request::make("GET", "/", {{"Upgrade", "websocket"}}), "websocket"));
}

BOOST_AUTO_TEST_CASE(who_does_not_ask_properly_is_told_how) {
  Tree tree;
  Served served(tree.root);
  const std::string told = served.ask(get("/shout", "Upgrade: shout/1\r\n"));
  BOOST_TEST(told.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
  BOOST_TEST(told.find("\r\nUpgrade: shout/1\r\nConnection: Upgrade\r\n") != std::string::npos);
  BOOST_TEST(served.ask("POST /shout HTTP/1.1\r\nHost: a\r\n" + asking + "\r\n").starts_with("HTTP/1.1 400 "));
  BOOST_TEST(served.ask(get("/hello", asking)) == textAnswer("Hello!"));  // RFC 9110, 7.8: it may be ignored
  BOOST_TEST(tree.said == "");
  BOOST_TEST(served.ask("GET /shout HTTP/1.0\r\n" + asking + "\r\n").starts_with("HTTP/1.1 400 "));
}

BOOST_AUTO_TEST_CASE(a_wrong_upgrade_is_the_programs_fault) {
  bight::http::testcases::CapturedLog captured;
  auto root = std::make_shared<Directory>();
  root->putChild("null", on("GET", [](Request&) { return Upgrade{{{"Upgrade", "x"}}, nullptr}; }));
  std::string said;
  root->putChild("nameless", on("GET", [&](Request&) { return Upgrade{{}, std::make_shared<Shout>(said)}; }));
  Served served(root);
  BOOST_TEST(served.ask(get("/null", asking)).starts_with("HTTP/1.1 500 "));
  BOOST_TEST(served.ask(get("/nameless", asking)).starts_with("HTTP/1.1 500 "));
  BOOST_TEST(captured.text.find("the protocol is null") != std::string::npos);
  BOOST_TEST(captured.text.find("name no protocol in an Upgrade field") != std::string::npos);
}

namespace {

struct Collector : Protocol {
  explicit Collector(std::string request) : bytes(std::move(request)) {}
  void connectionMade() override { transport().write(bytes); }
  void dataReceived(std::string_view data) override { received += data; }
  std::string bytes;
  std::string received;
};

struct InMemory {
  explicit InMemory(Tree& tree, std::string request) : client(std::make_shared<Collector>(std::move(request))) {
    reactor.listenTCP(80, std::make_shared<Site>(reactor, tree.root));
    pump = reactor.connectTo(80, client);
    pump->flush();
  }
  std::string received() {
    pump->flush();
    return bight::http::testcases::withoutDates(std::exchange(client->received, ""));
  }
  void send(std::string_view bytes) { client->transport().write(bytes); }

  bight::testing::MemoryReactor reactor;
  std::shared_ptr<Collector> client;
  std::unique_ptr<bight::testing::IOPump> pump;
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_protocol_has_the_connection_from_then_on) {
  Tree tree;
  InMemory connection(tree, get("/hello") + get("/shout", asking));
  BOOST_TEST(connection.received() == textAnswer("Hello!") + switching + "hello\n");
  connection.send("abc");
  BOOST_TEST(connection.received() == "GOT abc\n");
  connection.client->transport().loseConnection();
  connection.pump->flush();
  BOOST_TEST(tree.said == "made;got abc;lost;");
}

BOOST_AUTO_TEST_CASE(what_came_behind_the_request_is_the_first_that_it_gets) {
  Tree tree;
  InMemory connection(tree, get("/shout", asking) + "early");
  BOOST_TEST(connection.received() == switching + "hello\nGOT early\n");
  connection.send("late");
  BOOST_TEST(connection.received() == "GOT late\n");
}

BOOST_AUTO_TEST_CASE(nothing_comes_while_it_has_paused) {
  Tree tree(true);
  InMemory connection(tree, get("/shout", asking) + "early");
  connection.send("late");
  BOOST_TEST(connection.received() == switching + "hello\n");
  tree.last.lock()->transport().resumeProducing();
  connection.reactor.advance(Duration(0));
  BOOST_TEST(connection.received() == "GOT early\nGOT late\n");
}

BOOST_AUTO_TEST_CASE(the_answer_may_come_later) {
  Tree tree;
  InMemory connection(tree, get("/later", asking) + "early");
  BOOST_TEST(connection.received() == "");
  tree.later->callback(Upgrade{{{"Upgrade", "shout/1"}}, std::make_shared<Shout>(tree.said)});
  BOOST_TEST(connection.received() == switching + "hello\nGOT early\n");
  InMemory other(tree, get("/later", asking));
  tree.later->callback(Response::text("Rather not."));
  BOOST_TEST(other.received() == textAnswer("Rather not."));
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_first_is_never_connected) {
  Tree tree;
  {
    InMemory connection(tree, get("/later", asking));
    connection.client->transport().loseConnection();
    connection.pump->flush();
  }
  BOOST_TEST(tree.said == "cancelled;");
}

// And over a real socket, where the client's words come in the same segment as its request.
BOOST_AUTO_TEST_CASE(it_works_over_sockets) {
  bight::http::testcases::CapturedLog captured;
  Tree tree;
  auto reactor = makeReactor();
  auto port = reactor->listenTCP(0, std::make_shared<Site>(*reactor, tree.root), {.interface = "127.0.0.1"});
  auto client = std::make_shared<Collector>(get("/shout", asking) + "early");
  struct Given : ClientFactory {
    explicit Given(std::shared_ptr<Protocol> one) : protocol(std::move(one)) {}
    std::shared_ptr<Protocol> buildProtocol(const Address&) override { return protocol; }
    std::shared_ptr<Protocol> protocol;
  };
  reactor->connectTCP("127.0.0.1", port->getHost().port(), std::make_shared<Given>(client));
  const auto until = [&](const std::string& expected) {
    for (int i = 0; i < 2000 && bight::http::testcases::withoutDates(client->received) != expected; ++i)
      reactor->iterate(std::chrono::milliseconds(5));
    BOOST_TEST(bight::http::testcases::withoutDates(client->received) == expected);
  };
  until(switching + "hello\nGOT early\n");
  client->transport().write("?");
  for (int i = 0; i < 2000 && tree.said.find("lost") == std::string::npos; ++i)
    reactor->iterate(std::chrono::milliseconds(5));
  BOOST_TEST(tree.said == "made;got early;got ?;lost;");
  BOOST_TEST(captured.text.find("What?") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
