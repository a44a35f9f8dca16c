// Echoes lines, each with a write of its own, to be measured beside others:  line_server PORT
#include <iostream>
#include <memory>
#include <string>

#include <bight/line_receiver.hpp>
#include <bight/reactor.hpp>

namespace {

class LineEcho final : public bight::LineOnlyReceiver {
 public:
  void lineReceived(std::string_view line) override { sendLine(line); }
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: line_server PORT\n";
    return 2;
  }
  const auto reactor = bight::makeReactor();
  const auto port = reactor->listenTCP(std::stoi(argv[1]), bight::Factory::forProtocol<LineEcho>(),
                                       {.interface = "127.0.0.1", .backlog = 4096});
  reactor->run();
  return 0;
} catch (const std::exception& e) {
  std::cerr << "line_server: " << e.what() << "\n";
  return 2;
}
