// Three pages at once: each is stored when it comes; when all are there they are printed. The sites are in this very
// program, so that there is always something to fetch; the second time one of the addresses is wrong. (A110)
#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <bight/connection_errors.hpp>
#include <bight/http/server.hpp>
#include <bight/reactor.hpp>
#include <bight/task.hpp>

using namespace bight;

// region: get
/// Asks for one page in the oldest way, and has the answer when the server closes the connection.
class Get : public Protocol {
 public:
  explicit Get(Promise<std::string> done) : done_(std::move(done)) {}
  void connectionMade() override { transport().write("GET / HTTP/1.0\r\n\r\n"); }
  void dataReceived(std::string_view data) override { answer_ += data; }
  void connectionLost(const Failure& reason) override {
    if (!reason.check<ConnectionDone>()) return done_.errback(reason);
    done_.callback(answer_.substr(answer_.find("\r\n\r\n") + 4));
  }

 private:
  Promise<std::string> done_;
  std::string answer_;
};

struct GetFactory : ClientFactory {
  Deferred<std::string> page;
  Promise<std::string> done = page.promise();
  std::shared_ptr<Protocol> buildProtocol(const Address&) override { return std::make_shared<Get>(done); }
  void clientConnectionFailed(Connector&, const Failure& reason) override { done.errback(reason); }
};

Deferred<std::string> get(ReactorTCP& reactor, const Address& site) {
  auto factory = std::make_shared<GetFactory>();
  reactor.connectTCP(site.host(), site.port(), factory);
  return std::move(factory->page);
}
// endregion: get

// region: all
using Homepages = std::map<std::string, std::string>;

Deferred<void> fetchAll(Reactor& reactor, const std::map<std::string, Address>& sites, Homepages& homepages) {
  std::vector<Deferred<void>> responses;
  for (const auto& [name, address] : sites) {
    responses.push_back(get(reactor, address)
                            .addTimeout(std::chrono::seconds(5), reactor)
                            .addCallback([&homepages, site = name](std::string html) { homepages[site] = html; }));
  }
  return gatherResults(std::move(responses), true);
}

Deferred<void> everything(Reactor& reactor) {
  std::map<std::string, Address> sites;
  for (std::string name : {"blue", "green", "red"}) {
    auto page = http::on("GET", [name](http::Request&) { return http::Response::html("<h1>" + name + "</h1>"); });
    auto port = reactor.listenTCP(0, std::make_shared<http::Site>(reactor, page), {.interface = "127.0.0.1"});
    sites.emplace(name, port->getHost());
  }
  Homepages homepages;
  co_await fetchAll(reactor, sites, homepages);
  for (const auto& [name, html] : homepages) std::cout << name << ": " << html << '\n';
  sites.insert_or_assign("green", *Address::parse("127.0.0.1", 1));  // nobody listens there
  co_await fetchAll(reactor, sites, homepages).addErrback([](const Failure& failure) {
    const FirstError& first = *failure.get<FirstError>();
    std::cout << "number " << first.index() << " failed: " << first.subFailure().typeName() << '\n';
  });
}
// endregion: all

int main() {
  return react([](Reactor& reactor) { return everything(reactor); });
}
