// A supervised client that survives its server's restarts: three lives of a server, and one ClientService that notices each of them.
#include <iostream>

#include <bight/client_service.hpp>
#include <bight/defer_later.hpp>
#include <bight/endpoints.hpp>
#include <bight/line_receiver.hpp>
#include <bight/react.hpp>

using namespace bight;
using namespace std::chrono_literals;

struct Greeter : Protocol {
  explicit Greeter(const int& l) : life(l) {}
  void connectionMade() override { transport().write("welcome to life " + std::to_string(life) + "\r\n"); }
  const int& life;
};

/// Prints what it hears; `hears()` fires at the first line.
class Listener : public LineOnlyReceiver {
 public:
  Deferred<void> hears() {
    Deferred<void> heard;
    heard_ = heard.promise();
    return heard;
  }

 private:
  void lineReceived(std::string_view line) override {
    std::cout << line << '\n';
    heard_.callback();
  }
  void connectionLost(const Failure&) override { std::cout << "lost it\n"; }
  Promise<void> heard_;
};

// region: client
std::shared_ptr<ClientService> makeClient(Reactor& reactor, const std::string& where) {
  ClientServiceOptions options;
  options.retryPolicy = backoffPolicy({.initialDelay = 10ms, .maxDelay = 100ms, .jitter = [] { return 0ms; }});
  // Nobody is told of the connection before the server has said something.
  options.prepareConnection = [](const std::shared_ptr<Protocol>& protocol) {
    return static_cast<Listener&>(*protocol).hears();
  };
  return std::make_shared<ClientService>(clientFromString(reactor, where), Factory::forProtocol<Listener>(), reactor,
                                         std::move(options));
}
// endregion: client

// region: lives
Deferred<void> live(Reactor& reactor) {
  int life = 1;
  auto factory = Factory::forProtocol<Greeter>(std::cref(life));
  auto port = reactor.listenTCP(0, factory, {.interface = "127.0.0.1"});
  const auto number = port->getHost().port();
  auto client = makeClient(reactor, "tcp:127.0.0.1:" + std::to_string(number));
  client->startService();

  for (;;) {
    auto connection = co_await client->whenConnected();
    if (life == 3) break;
    co_await port->stopListening();
    auto gone = connection->whenLost();
    connection->transport().abortConnection();  // the server dies …
    co_await std::move(gone);
    co_await deferLater(reactor, 50ms);  // … the client knocks in vain, again and again …
    ++life;
    port->startListening();  // … and the server is back
  }
  co_await client->stopService();
  std::cout << "stopped after " << life << " lives\n";
}
// endregion: lives

int main() {
  setLogLevel("bight.service", LogLevel::warn);  // it would tell of each attempt
  return react(live);
}
