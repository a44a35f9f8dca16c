// A conversation over standard input and output. Try it by hand; with its input closed it only greets.
#include <iostream>
#include <memory>
#include <string>

#include <bight/line_receiver.hpp>
#include <bight/reactor.hpp>
#include <bight/standard_io.hpp>

using namespace bight;

// region: console
class Console : public LineReceiver {
 public:
  explicit Console(Reactor& reactor) : reactor_(reactor) { setDelimiter("\n"); }

 private:
  void connectionMade() override { sendLine("Say something; \"bye\" ends it."); }
  void lineReceived(std::string_view line) override {
    sendLine("You said: " + std::string(line));
    if (line == "bye") transport().loseConnection();
  }
  void connectionLost(const Failure& reason) override {
    std::cerr << "The end: " << reason.getErrorMessage() << '\n';
    reactor_.stop();
  }

  Reactor& reactor_;
};

int main() {
  auto reactor = makeReactor();
  const StandardIO console(*reactor, std::make_shared<Console>(*reactor));
  reactor->run();
}
// endregion: console
