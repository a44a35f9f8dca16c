// Policies around a protocol that knows nothing of them: limits, rates, time, and a look at the bytes.
#include <iostream>

#include <bight/connection_errors.hpp>
#include <bight/log.hpp>
#include <bight/policies.hpp>
#include <bight/testing.hpp>

using namespace bight;
using namespace std::chrono_literals;

class Echo : public Protocol {
  void dataReceived(std::string_view data) override { transport().write(data); }
};

// region: own
/// A policy of one's own: both directions pass through it.
class Polite : public ProtocolWrapper {
 public:
  using ProtocolWrapper::ProtocolWrapper;
  void connectionMade() override {
    transport().write("welcome! ");
    ProtocolWrapper::connectionMade();
  }
  void loseConnection() override {
    transport().write(" goodbye!");
    ProtocolWrapper::loseConnection();
  }
};
// endregion: own

int main() {
  setLogLevel("bight.policies", LogLevel::error);  // it would tell of who is refused
  testing::MemoryReactor reactor;

  // region: nested
  auto echo = wrap<Polite>(Factory::forProtocol<Echo>());
  auto slow = std::make_shared<ThrottlingFactory>(reactor, echo, ThrottleOptions{.perConnection = {.read = 1000}});
  auto patient = std::make_shared<TimeoutFactory>(reactor, slow, 60s);
  auto fair = std::make_shared<LimitConnectionsByPeer>(patient, 2);
  auto all = std::make_shared<LimitTotalConnectionsFactory>(fair, 1000);
  reactor.listenTCP(7, all);
  // endregion: nested

  auto client = std::make_shared<testing::AccumulatingProtocol>();
  auto pump = reactor.connectTo(7, client);
  client->transport().write("hello");
  pump->flush();
  std::cout << client->data() << '\n';

  client->clear();
  client->transport().write(std::string(5000, 'x'));
  for (int second = 0; second < 5; ++second) {
    pump->flush(1000);  // a network that carries 1000 bytes at a time
    std::cout << "after " << second << " s: " << client->data().size() << " bytes\n";
    reactor.advance(1s);
  }

  auto second = reactor.connectTo(7, std::make_shared<testing::AccumulatingProtocol>());
  auto third = reactor.connectTo(7, std::make_shared<testing::AccumulatingProtocol>());
  std::cout << "a third connection of the same peer: " << (third ? "accepted" : "refused") << '\n';
  reactor.advance(61s);
  pump->flush();
  std::cout << "after a minute of silence: " << (client->closed() ? "closed" : "open") << '\n';

  // region: seen
  auto seen = std::make_shared<TrafficLoggingFactory>(Factory::forProtocol<Echo>(), [](const Address&, std::uint64_t) {
    return [](std::string_view text) { std::cout << text << '\n'; };
  });
  // endregion: seen
  reactor.listenTCP(8, seen);
  auto looked = reactor.connectTo(8, client);
  client->transport().write("GET /");
  looked->flush();
}
