// A WebSocket server and a client in one program: a coroutine at each end, and a Protocol for those who would rather be told.
#include <iostream>
#include <memory>
#include <string>

#include <bight/http/server.hpp>
#include <bight/reactor.hpp>
#include <bight/websocket.hpp>

using namespace bight;

namespace {

// region: session
/// One visitor, from its coming to its going.
Deferred<void> greet(websocket::Connection visitor) {
  co_await visitor.send("Who are you?");
  const websocket::Message name = co_await visitor.receive();
  co_await visitor.send("Good morning, " + name.payload + "!");
}  // and the connection is closed
// endregion: session

// region: client
Deferred<void> visit(Reactor& reactor, std::string url) {
  websocket::Connection host = co_await websocket::connect(reactor, url + "greet");
  const websocket::Message question = co_await host.receive();
  std::cout << question.payload << '\n';
  co_await host.send("Ada");
  const websocket::Message greeting = co_await host.receive();
  std::cout << greeting.payload << '\n';
  const websocket::Closed closed = co_await host.whenClosed();
  std::cout << "closed with " << closed.code << (closed.wasClean ? ", in order\n" : ", somehow\n");
}
// endregion: client

// region: protocol
class Counter : public websocket::Protocol {
  void onOpen() override { sendMessage("count me down from 3"); }
  void onMessage(std::string_view payload, bool) override {
    const int number = std::stoi(std::string(payload));
    if (number > 0) {
      sendMessage(std::to_string(number - 1));
    } else {
      sendClose(4000, "lift off");
    }
  }
};
// endregion: protocol

// region: told
class Crew : public websocket::Protocol {
  void onMessage(std::string_view payload, bool) override {
    std::cout << payload << '\n';
    if (payload.size() > 1) payload = "3";
    sendMessage(payload);
  }
  void onClose(bool, std::uint16_t code, std::string_view reason) override {
    std::cout << code << ": " << reason << '\n';
  }
};
// endregion: told

}  // namespace

int main() {
  auto reactor = makeReactor();
  // region: server
  auto root = std::make_shared<http::Directory>();
  root->putChild("greet", websocket::serve(*reactor, greet));
  root->putChild("count", std::make_shared<websocket::Resource>(*reactor, [] { return std::make_shared<Counter>(); }));
  auto port = reactor->listenTCP(0, std::make_shared<http::Site>(*reactor, root), {.interface = "127.0.0.1"});
  // endregion: server
  const std::string url = "ws://127.0.0.1:" + std::to_string(port->getHost().port()) + "/";
  visit(*reactor, url)
      .addCallback([&] { return websocket::connect(*reactor, url + "count", std::make_shared<Crew>()); })
      .addCallback([](const std::shared_ptr<Crew>& crew) { return crew->whenLost(); })
      .addBoth([&] { reactor->stop(); });
  reactor->run();
}
