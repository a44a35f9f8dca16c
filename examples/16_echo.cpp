// The smallest server: what somebody sends comes back. Try it with `nc 127.0.0.1 7007`.
// region: program
#include <bight/reactor.hpp>

class Echo : public bight::Protocol {
  void dataReceived(std::string_view data) override { transport().write(data); }
};

int main() {
  auto reactor = bight::makeReactor();
  auto port = reactor->listenTCP(7007, bight::Factory::forProtocol<Echo>());
  reactor->run();
}
// endregion: program
