// A day of trouble in a moment: two machines, a network between them that fails, and a hundred ways in which it may go.
#include <iostream>

#include <bight/client_service.hpp>
#include <bight/endpoints.hpp>
#include <bight/line_receiver.hpp>
#include <bight/log.hpp>
#include <bight/testing.hpp>
#include <bight/timeout_mixin.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: under-test
/// Says how much it was; hangs up on whoever asks nothing for five minutes.
class Meter : public LineReceiver, public TimeoutMixin {
 public:
  explicit Meter(ReactorTime& clock) : TimeoutMixin(clock) {}
  void connectionMade() override { setTimeout(5min); }
  void lineReceived(std::string_view) override {
    resetTimeout();
    sendLine("5 kWh");
  }
};

/// Reads the meter every minute.
class Reader : public LineReceiver {
 public:
  Reader(ReactorTime& clock, int& readings) : clock_(clock), readings_(readings) {}
  void connectionMade() override { ask(); }
  void lineReceived(std::string_view) override {
    ++readings_;
    next_ = clock_.callLater(1min, [this] { ask(); });
  }
  void connectionLost(const Failure&) override {
    if (next_.active()) next_.cancel();
  }

 private:
  void ask() { sendLine("how much?"); }
  ReactorTime& clock_;
  int& readings_;
  DelayedCall next_;
};
// endregion: under-test

// region: day
/// One day with this seed. @return how often the meter was read
int day(std::uint64_t seed) {
  testing::SimulatedNetwork network({.seed = seed, .reset = 0.001});
  auto server = network.makeReactor("10.0.0.1");
  auto client = network.makeReactor("10.0.0.2");
  network.names().add("meter.example", {"10.0.0.1"});
  auto port = server->listenTCP(7000, Factory::forProtocol<Meter>(std::ref(*server)));
  int readings = 0;
  auto service =
      std::make_shared<ClientService>(std::make_shared<HostnameEndpoint>(*client, "meter.example", 7000),
                                      Factory::forProtocol<Reader>(std::ref(*client), std::ref(readings)), *client);
  service->startService();
  network.advance(12h);
  network.partition("10.0.0.1", "10.0.0.2");  // two hours without a network
  network.advance(2h);
  network.heal("10.0.0.1", "10.0.0.2");
  network.advance(10h);
  auto stopped = service->stopService();
  network.advance(1h);
  // 22 hours have 1320 minutes, and after a failure the client must be back soon.
  if (readings < 1300) throw std::runtime_error("only " + std::to_string(readings) + " readings");
  if (network.openSockets() != 1) throw std::runtime_error("a socket was left open");  // the port's
  return readings;
}
// endregion: day

int main() {
  setLogLevel("", LogLevel::critical);
  // region: seeds
  testing::forEachSeed(100, [](std::uint64_t seed) { day(seed); });
  const int once = day(1);
  const int again = day(1);
  std::cout << "a hundred days went well; the first, twice: " << (once == again ? "the same" : "others") << '\n';
  // endregion: seeds
}
