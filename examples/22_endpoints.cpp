// Where to listen and to connect, from strings: a server that shouts back, a client that finds it, and what is said about mistakes.
#include <iostream>

#include <bight/endpoints.hpp>
#include <bight/line_receiver.hpp>
#include <bight/react.hpp>
#include <bight/tls.hpp>

using namespace bight;

class Shouting : public LineReceiver {
  void lineReceived(std::string_view line) override { sendLine(std::string(line) + "!"); }
};

/// Asks once; `answer` fires with what comes back.
class Asking : public LineReceiver {
 public:
  Deferred<std::string> ask(std::string_view question) {
    sendLine(question);
    Deferred<std::string> answer;
    answer_ = answer.promise();
    return answer;
  }

 private:
  void lineReceived(std::string_view line) override { answer_.callback(std::string(line)); }
  Promise<std::string> answer_;
};

// region: mistakes
void tryString(Reactor& reactor, const char* description) {
  try {
    std::cout << clientFromString(reactor, description)->toString() << '\n';
  } catch (const EndpointSyntaxError& e) {
    std::cout << e.what() << '\n';
  }
}
// endregion: mistakes

// region: both
Deferred<void> talk(Reactor& reactor, std::string where) {
  auto server = serverFromString(reactor, where);
  auto port = co_await server->listen(Factory::forProtocol<Shouting>());
  const auto number = std::to_string(port->getHost().port());

  auto client = clientFromString(reactor, "tcp:localhost:" + number + ":timeout=5");
  auto asking = co_await connectProtocol(*client, std::make_shared<Asking>());
  auto answer = co_await asking->ask("is anybody there");
  std::cout << answer << '\n';

  co_await port->stopListening();
  try {
    co_await connectProtocol(*client, std::make_shared<Asking>());
  } catch (const ConnectError&) {
    std::cout << "now nobody is\n";
  }
}
// endregion: both

int main(int argc, char** argv) {
  return react([&](Reactor& reactor) {
    tryString(reactor, "tcp:example.org:80");
    tryString(reactor, "tcp:\\:\\:1:80:timeout=2.5");
    tryString(reactor, "tls:example.org:443");  // because tls.hpp is included
    tryString(reactor, "tcp:example.org:http");
    tryString(reactor, "tcp:example.org:80:timeout=soon");
    tryString(reactor, "example.org:80");
    return talk(reactor, argc > 1 ? argv[1] : "tcp:0:interface=127.0.0.1");
  });
}
