// A port forwarder: whoever connects here is connected there. The server is told by a PROXY header who it was.
#include <iostream>

#include <bight/endpoints.hpp>
#include <bight/haproxy.hpp>
#include <bight/line_receiver.hpp>
#include <bight/port_forward.hpp>
#include <bight/reactor.hpp>

using namespace bight;

class Greeter : public LineOnlyReceiver {
  void lineReceived(std::string_view line) override {
    const bool forwarded = HAProxyWrappingFactory::headerOf(transport()) != nullptr;
    std::cout << "the server was asked by " << transport().getPeer().host() << (forwarded ? ", forwarded\n" : "\n");
    sendLine("hello " + std::string(line));
    transport().loseConnection();
  }
};

class Caller : public LineOnlyReceiver {
 public:
  explicit Caller(Reactor& reactor) : reactor_(reactor) {}
  void connectionMade() override { sendLine("world"); }
  void lineReceived(std::string_view line) override { std::cout << "the answer: " << line << '\n'; }
  void connectionLost(const Failure&) override { reactor_.stop(); }

 private:
  Reactor& reactor_;
};

int main() {
  auto reactor = makeReactor();
  const ListenOptions here{.interface = "127.0.0.1"};

  // region: behind
  // A proxy may say who the client is; nobody else may.
  HAProxyOptions trust;
  trust.trusted = [](const Address& proxy) { return proxy.host() == "127.0.0.1"; };
  auto greeters = std::make_shared<HAProxyWrappingFactory>(*reactor, Factory::forProtocol<Greeter>(), trust);
  auto server = reactor->listenTCP(0, greeters, here);
  // endregion: behind

  // region: forwarder
  auto there = clientFromString(*reactor, "tcp:127.0.0.1:" + std::to_string(server->getHost().port()));
  auto forwarder = reactor->listenTCP(
      0, std::make_shared<PortForwardFactory>(*reactor, std::move(there), PortForwardOptions{.proxyHeader = 2}), here);
  // endregion: forwarder

  reactor->connectTCP("127.0.0.1", forwarder->getHost().port(), ClientFactory::forProtocol<Caller>(std::ref(*reactor)));
  reactor->run();
}
