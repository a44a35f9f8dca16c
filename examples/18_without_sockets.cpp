// How a protocol is tested: without sockets, without waiting, and with its input cut in every way.
#include <iostream>
#include <string>

#include <bight/connection_errors.hpp>
#include <bight/line_receiver.hpp>
#include <bight/testing.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: under-test
/// Adds the numbers of a line; hangs up on whoever says nothing for a minute.
class Adder : public LineReceiver {
 public:
  explicit Adder(ReactorTime& clock) : clock_(clock) {}

  void connectionMade() override {
    patience_ = clock_.callLater(60s, [this] { transport().abortConnection(); });
  }
  void lineReceived(std::string_view line) override {
    patience_.reset(60s);
    const auto plus = line.find('+');
    if (plus == std::string_view::npos) return sendLine("say a+b");
    sendLine(
        std::to_string(std::stoi(std::string(line.substr(0, plus))) + std::stoi(std::string(line.substr(plus + 1)))));
  }
  void connectionLost(const Failure&) override {
    if (patience_.active()) patience_.cancel();
  }

 private:
  ReactorTime& clock_;
  DelayedCall patience_;
};
// endregion: under-test

int main() {
  testing::Clock clock;
  // region: string-transport
  int right = 0;
  testing::eachFeeding("1+2\r\nwhat?\r\n40+2\r\n", [&](const auto& pieces) {
    auto adder = std::make_shared<Adder>(clock);
    auto transport = makeRef<testing::StringTransport>();
    adder->makeConnection(*transport);
    for (auto piece : pieces) adder->dataReceived(piece);
    if (transport->value() == "3\r\nsay a+b\r\n42\r\n") ++right;
    transport->lose(*adder, Failure(ConnectionDone()));
  });
  std::cout << right << " ways to cut the input, " << clock.getDelayedCalls().size() << " timers left\n";
  // endregion: string-transport

  // region: pump
  auto client = std::make_shared<testing::AccumulatingProtocol>();
  testing::IOPump pump(client, std::make_shared<Adder>(clock));
  client->transport().write("20+3\r\n");
  pump.flush();
  std::cout << "the client got " << client->data().size() << " bytes\n";
  clock.advance(61s);
  pump.flush();
  std::cout << client->closedReason()->typeName() << '\n';
  // endregion: pump
}
