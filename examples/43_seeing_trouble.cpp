// A server with a command that blocks: who did it, what a watchdog sees meanwhile, and the counters afterwards.
#include <atomic>
#include <iostream>
#include <string>

#include <bight/line_receiver.hpp>
#include <bight/log.hpp>
#include <bight/reactor.hpp>
#include <bight/watchdog.hpp>

using namespace std::chrono_literals;

std::atomic<bool> barked{false};

// region: trouble
/// Does what no protocol may: it computes while everybody waits.
class Clerk : public bight::LineReceiver {
  void lineReceived(std::string_view line) override {
    while (line == "count the stars" && !barked) {
    }
    sendLine("done: " + std::string(line));
  }
};
// endregion: trouble

class Customer : public bight::LineReceiver {
 public:
  explicit Customer(bight::Function<void()> whenServed) : whenServed_(std::move(whenServed)) {}
  void connectionMade() override { sendLine("count the stars"); }
  void lineReceived(std::string_view line) override {
    std::cout << line << "\n";
    whenServed_();
  }

 private:
  bight::Function<void()> whenServed_;
};

class Customers : public bight::ClientFactory {
 public:
  explicit Customers(std::shared_ptr<bight::Protocol> one) : one_(std::move(one)) {}
  std::shared_ptr<bight::Protocol> buildProtocol(const bight::Address&) override { return one_; }

 private:
  std::shared_ptr<bight::Protocol> one_;
};

int main() {
  bight::removeLogObserver(bight::stderrLogObserver);
  bight::addLogObserver([](const bight::LogEvent& event) {
    // Without the numbers, which differ from run to run.
    if (event.message.find("Clerk, connected to 127.0.0.1") != std::string_view::npos)
      std::cout << "the log names the Clerk\n";
  });

  // region: watch
  const auto reactor = bight::makeReactor();
  reactor->setSlowCallbackLimit(50ms);
  const bight::Watchdog watchdog(*reactor, {.limit = 100ms, .whenStuck = [](const bight::StuckReport& report) {
                                              for (const auto& line : report.stack)
                                                if (line.find("Clerk::lineReceived") != std::string::npos)
                                                  std::cout << "the watchdog sees Clerk::lineReceived\n";
                                              barked = true;
                                            }});
  // endregion: watch

  const auto port = reactor->listenTCP(0, bight::Factory::forProtocol<Clerk>(), {.interface = "127.0.0.1"});
  const auto customer = std::make_shared<Customer>([&] { reactor->stop(); });
  reactor->connectTCP("127.0.0.1", port->getHost().port(), std::make_shared<Customers>(customer));
  reactor->run();

  // region: counters
  const auto c = reactor->counters();
  std::cout << c.connectionsOpened << " connections, " << c.connections() << " open, " << c.bytesIn << " bytes in, "
            << c.bytesOut << " out; " << (c.slowCallbacks > 0 ? "somebody was slow" : "nobody was slow") << "\n";
  // endregion: counters
}
