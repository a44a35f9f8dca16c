// Echo over TLS, both ends in one program, with certificates that are made while it runs. In a second connection the
// client asks for a name that the server's certificate does not have.
#include <bight/reactor.hpp>
#include <bight/tls.hpp>

#include <iostream>
#include <memory>
#include <string>
#include <string_view>

namespace tls = bight::tls;

// region: protocols
/// A protocol does not notice that its transport encrypts.
class Echo : public bight::Protocol {
  void dataReceived(std::string_view data) override { transport().write(data); }
};

/// Or it asks who is there.
class Greeter : public bight::Protocol, public tls::HandshakeListener {
  void connectionMade() override { transport().write("hello"); }  // leaves when the server is verified
  void handshakeCompleted() override {
    const auto& connection = *tls::Connection::of(transport());
    std::cout << "talking " << tls::toString(*connection.version()) << " with "
              << connection.peerCertificate()->subject() << "\n";
  }
  void dataReceived(std::string_view data) override {
    std::cout << "echo: " << data << "\n";
    transport().loseConnection();
  }
};
// endregion: protocols

/// Makes one connection after the other.
class Clients : public bight::ClientFactory {
 public:
  explicit Clients(bight::Function<void()> next) : next_(std::move(next)) {}
  std::shared_ptr<bight::Protocol> buildProtocol(const bight::Address&) override { return std::make_shared<Greeter>(); }
  void clientConnectionLost(bight::Connector&, const bight::Failure& reason) override {
    std::cout << "ended: " << reason.getErrorMessage() << "\n";
    next_();
  }

 private:
  bight::Function<void()> next_;
};

int main() {
  const auto reactor = bight::makeReactor();
  const tls::ThrowawayAuthority authority;

  // region: server
  const tls::ServerContext serverContext({.identities = {authority.issue({"localhost"})}});
  const auto echo = tls::wrapServer(*reactor, bight::Factory::forProtocol<Echo>(), serverContext);
  const auto port = reactor->listenTCP(0, echo, {.interface = "127.0.0.1"});
  // endregion: server

  const tls::ClientContext clientContext({.trust = authority.trust()});
  const auto connect = [&](const std::string& hostname, bight::Function<void()> next) {
    // region: client
    const auto clients = std::make_shared<Clients>(std::move(next));
    reactor->connectTCP("127.0.0.1", port->getHost().port(),
                        tls::wrapClient(*reactor, clients, clientContext, hostname));
    // endregion: client
  };
  connect("localhost", [&] { connect("mail.example", [&] { reactor->stop(); }); });
  reactor->run();
}
