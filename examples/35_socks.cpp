// A SOCKS server that lets its clients go where they may, and a client that goes through it.
#include <iostream>

#include <bight/endpoints.hpp>
#include <bight/line_receiver.hpp>
#include <bight/reactor.hpp>
#include <bight/socks.hpp>
#include <bight/testing.hpp>

using namespace bight;

class Greeter : public LineOnlyReceiver {
  void lineReceived(std::string_view line) override { sendLine("hello " + std::string(line)); }
};

class Caller : public LineOnlyReceiver {
 public:
  Deferred<std::string> ask(std::string_view question) {
    sendLine(question);
    return answer_.get();
  }
  void lineReceived(std::string_view line) override { answer_.put(std::string(line)); }

 private:
  DeferredQueue<std::string> answer_;
};

Deferred<void> call(Reactor& reactor, std::shared_ptr<ClientEndpoint> proxy, std::string host, int port) {
  try {
    // region: client
    socks::ClientEndpoint endpoint(reactor, std::move(proxy), host, port, {.user = "ann", .password = "secret"});
    auto caller = co_await connectProtocol(endpoint, std::make_shared<Caller>());
    // endregion: client
    const auto answer = co_await caller->ask("world");
    std::cout << host << ": " << answer << '\n';
    caller->transport().loseConnection();
  } catch (const std::exception& error) {
    std::cout << host << ": " << error.what() << '\n';
  }
}

int main() {
  auto reactor = makeReactor();
  auto names = std::make_shared<testing::MemoryNameResolver>();  // so that this program needs no network
  names->add("greeter.example", {"127.0.0.1"});
  names->add("inside.example", {"10.1.2.3"});
  reactor->installNameResolver(names);
  auto greeter = reactor->listenTCP(0, Factory::forProtocol<Greeter>(), {.interface = "127.0.0.1"});

  // region: server
  socks::ServerOptions options;
  options.allow = [](const socks::Request& request) { return request.user == "ann"; };
  options.allowAddress = [](const Address& address) { return !address.host().starts_with("10."); };
  options.authenticate = [](const std::string& user, const std::string& password) {
    return user == "ann" && password == "secret";
  };
  auto server = reactor->listenTCP(0, std::make_shared<socks::ServerFactory>(*reactor, std::move(options)),
                                   {.interface = "127.0.0.1"});
  // endregion: server

  const auto proxy = std::make_shared<HostnameEndpoint>(*reactor, "127.0.0.1", server->getHost().port());
  setLogLevel("bight.socks", LogLevel::warn);
  call(*reactor, proxy, "greeter.example", greeter->getHost().port())
      .addCallback([&] { return call(*reactor, proxy, "inside.example", 80); })
      .addBoth([&] { reactor->stop(); });
  reactor->run();
}
