// What people give to the functions of reactors, endpoints, services and sites instead of what these want.
// package: protocols
// error 1: connectTCP wants a shared_ptr to a ClientFactory: ClientFactory::forProtocol
// error 2: listenTCP wants a shared_ptr to a Factory, which makes a protocol for each connection: Factory::forProtocol
// error 3: listenTCP and its like return the port at once, there is nothing to await
// error 4: prepareConnection is a function that takes a const std::shared_ptr<Protocol>&
// error 5: connectProtocol wants a shared_ptr to a Protocol; a factory goes to endpoint.connect()
// error 6: wants a function that makes a factory for each reactor
// error 7: must return a shared_ptr to a Factory
// error 8: a function given to a ReactorGroup takes (Reactor&, std::size_t), (Reactor&) or nothing
// error 9: deferToReactor(asking, asked, f) calls f without arguments
// error 10: the function given to http::on takes (http::Request&) and returns
// error 11: the function given to http::on takes (http::Request&) and returns
#include <memory>
#include <string>
#include <string_view>

#include <bight/client_service.hpp>
#include <bight/endpoints.hpp>
#include <bight/http/resource.hpp>
#include <bight/reactor.hpp>
#include <bight/reactor_group.hpp>

using namespace bight;

struct Mine : Protocol {
  void dataReceived(std::string_view) override {}
};

Deferred<void> make(Reactor& reactor, ReactorGroup& group, std::shared_ptr<ClientEndpoint> endpoint) {
#if MISTAKE == 1
  reactor.connectTCP("localhost", 7, Factory::forProtocol<Mine>());
#else
  reactor.connectTCP("localhost", 7, ClientFactory::forProtocol<Mine>());
#endif
#if MISTAKE == 2
  reactor.listenTCP(7, std::make_shared<Mine>());
#else
  reactor.listenTCP(7, Factory::forProtocol<Mine>());
#endif
#if MISTAKE == 3
  auto port = co_await reactor.listenTCP(7, Factory::forProtocol<Mine>());
#else
  auto port = reactor.listenTCP(7, Factory::forProtocol<Mine>());
#endif
  ClientServiceOptions options;
#if MISTAKE == 4
  options.prepareConnection = [](const std::shared_ptr<Mine>&) {};
#else
  options.prepareConnection = [](const std::shared_ptr<Protocol>&) {};
#endif
#if MISTAKE == 5
  connectProtocol(endpoint, Factory::forProtocol<Mine>());
#else
  connectProtocol(endpoint, std::make_shared<Mine>());
  connectProtocol(*endpoint, std::make_shared<Mine>());
#endif
#if MISTAKE == 6
  group.listenTCP(7, Factory::forProtocol<Mine>());
#elif MISTAKE == 7
  group.listenTCP(7, [](Reactor&) { return std::make_shared<Mine>(); });
#else
  group.listenTCP(7, [](Reactor&) { return Factory::forProtocol<Mine>(); });
#endif
#if MISTAKE == 8
  group.deferToReactor(1, [](std::string) { return 7; });
#else
  group.deferToReactor(1, [](Reactor&) { return 7; });
#endif
#if MISTAKE == 9
  deferToReactor(reactor, reactor, [](Reactor&) { return 7; });
#else
  deferToReactor(reactor, reactor, [] { return 7; });
#endif
#if MISTAKE == 10
  http::on("GET", [](http::Request&) { return std::string("hello"); });
#elif MISTAKE == 11
  http::Methods().on("GET", [](http::Request&) { return 200; });
#else
  http::on("GET", [](http::Request&) { return http::Response::text("hello"); });
#endif
  co_await port->stopListening();
}
