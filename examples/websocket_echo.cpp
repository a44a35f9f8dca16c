// A WebSocket server that sends every message back, as it came: text or bytes, compressed where the client can.
//
//   websocket_echo --port 9001        then: new WebSocket("ws://127.0.0.1:9001/"), or a conformance suite
#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>

#include <bight/http/server.hpp>
#include <bight/reactor.hpp>
#include <bight/websocket.hpp>

using namespace bight;

namespace {

// region: echo
class Echo : public websocket::Protocol {
  void onMessage(std::string_view payload, bool isBinary) override {
    sendMessage(payload, isBinary);
    if (bufferedAmount() <= mostWaiting) return;
    // The client sends faster than it reads: it has to wait until it has read.
    pauseProducing();
    track(drained()).addCallbacks([this] { resumeProducing(); }, [](const Failure&) {});
  }

  static constexpr std::size_t mostWaiting = 1 << 20;
};
// endregion: echo

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sends every WebSocket message back.");
  std::uint16_t port = 0;
  app.add_option("--port", port, "where to listen; 0: any free port");
  std::string interface = "127.0.0.1";
  app.add_option("--interface", interface, "the address to listen on");
  CLI11_PARSE(app, argc, argv);

  // region: site
  auto reactor = makeReactor();
  const websocket::Options options{.maxMessage = 32 << 20,
                                   .maxBuffered = 128 << 20,
                                   .deflate = websocket::DeflateOptions{},
                                   .allowedOrigins = {"*"}};
  auto echo = std::make_shared<websocket::Resource>(*reactor, [] { return std::make_shared<Echo>(); }, options);
  websocket::closeAtShutdown(*reactor, echo);
  auto site = std::make_shared<http::Site>(*reactor, echo);
  auto listening = reactor->listenTCP(port, site, {.interface = interface});
  // endregion: site
  std::cout << "ws://" << interface << ":" << listening->getHost().port() << "/" << std::endl;
  reactor->run();
}
