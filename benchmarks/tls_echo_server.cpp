// An echo server over TLS, to be measured beside others:  tls_echo_server PORT
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include <bight/protocol.hpp>
#include <bight/reactor.hpp>
#include <bight/tls.hpp>

namespace {

class Echo final : public bight::Protocol {
 public:
  void dataReceived(std::string_view data) override { transport().write(data); }
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: tls_echo_server PORT\n";
    return 2;
  }
  const auto reactor = bight::makeReactor();
  const bight::tls::ServerContext context({.identities = {bight::tls::selfSigned({"localhost", "127.0.0.1"})}});
  const auto factory = bight::tls::wrapServer(*reactor, bight::Factory::forProtocol<Echo>(), context);
  const auto port = reactor->listenTCP(std::stoi(argv[1]), factory, {.interface = "127.0.0.1", .backlog = 4096});
  reactor->run();
  return 0;
} catch (const std::exception& e) {
  std::cerr << "tls_echo_server: " << e.what() << "\n";
  return 2;
}
