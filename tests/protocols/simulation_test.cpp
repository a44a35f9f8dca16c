// Whole protocols on the simulated reactor, under many seeds: lines, a Site and its clients, TLS.
#include <bight/testing/simulated_network.hpp>

#include <memory>
#include <string>
#include <vector>

#include <bight/http/server.hpp>
#include <bight/line_receiver.hpp>

#include "http/site_fixture.hpp"
#include "tls/tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(simulation)

using namespace bight;
using namespace std::chrono_literals;
using testing::Cutting;
using testing::SimulatedNetwork;

namespace simulation_test {

void must(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

/// A client that says something and keeps the answer.
class Asker : public Protocol {
 public:
  explicit Asker(std::string question) : question_(std::move(question)) {}
  void connectionMade() override { transport().write(question_); }
  void dataReceived(std::string_view data) override {
    answer += data;
    if (onData) onData(*this);
  }
  void connectionLost(const Failure& reason) override { lost = reason; }
  using Protocol::transport;

  std::string answer;
  std::optional<Failure> lost;
  std::function<void(Asker&)> onData;

 private:
  const std::string question_;
};

class AskerFactory : public ClientFactory {
 public:
  explicit AskerFactory(std::shared_ptr<Asker> asker) : asker_(std::move(asker)) {}
  std::shared_ptr<Protocol> buildProtocol(const Address&) override { return asker_; }
  void clientConnectionFailed(Connector&, const Failure&) override { ended = true; }
  void clientConnectionLost(Connector&, const Failure&) override { ended = true; }
  bool ended = false;

 private:
  const std::shared_ptr<Asker> asker_;
};

class Reverser : public LineReceiver {
  void lineReceived(std::string_view line) override { sendLine(std::string(line.rbegin(), line.rend())); }
};

}  // namespace simulation_test

using namespace simulation_test;

BOOST_AUTO_TEST_CASE(lines_are_lines_however_they_are_cut) {
  std::string said;
  std::string wanted;
  for (int i = 0; i < 60; ++i) {
    const std::string line = "line " + std::string(static_cast<std::size_t>(i) * 3, '.') + std::to_string(i);
    said += line + "\r\n";
    wanted += std::string(line.rbegin(), line.rend()) + "\r\n";
  }
  testing::forEachSeed(60, [&](std::uint64_t seed) {
    SimulatedNetwork network(
        {.seed = seed, .cutting = seed % 6 == 0 ? Cutting::bytes : Cutting::random, .window = 2000});
    auto reactor = network.makeReactor();
    reactor->listenTCP(7, Factory::forProtocol<Reverser>());
    auto asker = std::make_shared<Asker>(said);
    reactor->connectTCP("localhost", 7, std::make_shared<AskerFactory>(asker));
    must(network.runUntil([&] { return asker->answer.size() == wanted.size(); }), "answers are missing");
    must(asker->answer == wanted, "the answers are others");
  });
}

// Pipelined requests, one of them answered later; some connections are reset. What has come is always the beginning of
// what must come, and a connection that nobody uses is closed when its time is over.
BOOST_AUTO_TEST_CASE(a_site_answers_in_order_and_closes_who_is_idle) {
  const std::string hello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string later = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string post = "POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n" + std::string(30000, 'p');
  using bight::http::testcases::textAnswer;
  const std::string wanted =
      textAnswer("Hello!") + textAnswer("now") + textAnswer("30000") + textAnswer(std::string(90000, 'x'));
  const auto run = [&](std::uint64_t seed) {
    SimulatedNetwork network({.seed = seed, .reset = 0.004});
    auto server = network.makeReactor("10.0.0.1");
    auto client = network.makeReactor("10.0.0.2");
    auto root = std::make_shared<http::Directory>();
    root->putChild("hello", http::on("GET", [](http::Request&) { return http::Response::text("Hello!"); }));
    root->putChild("size", http::on("POST", [](http::Request& request) {
                     return http::Response::text(std::to_string(request.body().size()));
                   }));
    root->putChild("large",
                   http::on("GET", [](http::Request&) { return http::Response::text(std::string(90000, 'x')); }));
    root->putChild("later", http::on("GET", [&](http::Request&) {
                     Deferred<http::Response> answer;
                     server->callLater(3s, [promise = answer.promise()] {
                       if (!promise.called()) promise.callback(http::Response::text("now"));
                     });
                     return answer;
                   }));
    auto port = server->listenTCP(80, std::make_shared<http::Site>(*server, root));
    std::vector<std::shared_ptr<Asker>> askers;
    for (int i = 0; i < 4; ++i) {
      askers.push_back(std::make_shared<Asker>(hello + later + post + "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
      client->connectTCP("10.0.0.1", 80, std::make_shared<AskerFactory>(askers.back()));
    }
    network.advance(60s);
    int whole = 0;
    for (const auto& asker : askers) {
      const std::string got = bight::http::testcases::withoutDates(asker->answer);
      if (got == wanted) {
        ++whole;
        continue;
      }
      must(asker->lost && asker->lost->check<ConnectionLost>(), "an answer is missing without a reset");
      // The cut may have been in a date, of which the beginning is left then.
      const std::string_view line = std::string_view(got).substr(got.rfind('\n') + 1);
      const bool inDate = std::string_view("Date: ").starts_with(line);
      must(wanted.starts_with(std::string_view(got).substr(0, got.size() - (inDate ? line.size() : 0))),
           "what came is not the beginning of what was to come");
    }
    network.advance(5min);  // SiteOptions::idleTimeout
    for (const auto& asker : askers) must(asker->lost.has_value(), "an idle connection stays open");
    port->stopListening();
    must(network.openSockets() == 0, "a socket was left open");
    return std::pair(network.trace(), whole);
  };
  int whole = 0;
  testing::forEachSeed(60, [&](std::uint64_t seed) { whole += run(seed).second; });
  BOOST_TEST(whole > 0);
  BOOST_TEST((run(5) == run(5)));  // also through all of HTTP
}

// C43: handshakes, data and close_notify through any cuts; a reset is never taken for an end.
BOOST_AUTO_TEST_CASE(tls_holds_what_it_promises) {
  const tls::ServerContext serverContext(tls_test::serverOptions());
  const tls::ClientContext clientContext(tls_test::clientOptions());
  int whole = 0;
  testing::forEachSeed(25, [&](std::uint64_t seed) {
    SimulatedNetwork network(
        {.seed = seed, .cutting = seed % 8 == 0 ? Cutting::bytes : Cutting::random, .reset = 0.005});
    auto server = network.makeReactor("10.0.0.1");
    auto client = network.makeReactor("10.0.0.2");
    const std::string said = tls_test::text(50'000);
    class Echo : public Protocol {
      void dataReceived(std::string_view data) override { transport().write(data); }
    };
    server->listenTCP(443, tls::wrapServer(*server, Factory::forProtocol<Echo>(), serverContext));
    auto asker = std::make_shared<Asker>(said);
    const auto factory = std::make_shared<AskerFactory>(asker);
    asker->onData = [&](Asker& it) {
      if (it.answer.size() == said.size()) it.transport().loseConnection();
    };
    client->connectTCP("10.0.0.1", 443, tls::wrapClient(*client, factory, clientContext, "a.example"));
    must(network.runUntil([&] { return factory->ended; }), "it waits for ever");
    must(said.starts_with(asker->answer), "other bytes came");
    const bool all = asker->answer == said;
    must(all || !asker->lost || asker->lost->check<ConnectionLost>(), "a cut was taken for an end");
    whole += all ? 1 : 0;
  });
  BOOST_TEST(whole > 0);
}

BOOST_AUTO_TEST_SUITE_END()
