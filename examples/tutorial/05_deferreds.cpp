// Three pages, each a Deferred: made of callbacks once, and then used, as a chain and in a coroutine.
#include <iostream>

#include <bight/endpoints.hpp>
#include <bight/react.hpp>

#include "slow_sites.hpp"

using namespace bight;
using namespace std::chrono_literals;

// region: protocol
class Getting : public Protocol {
 public:
  Deferred<std::string> page() {
    Deferred<std::string> d([this] { transport().abortConnection(); });  // what to do if somebody gives up
    promise_ = d.promise();
    return d;
  }
  void dataReceived(std::string_view data) override { page_ += data; }
  void connectionLost(const Failure& reason) override {
    if (promise_.called()) return;  // it was cancelled: nobody waits any more
    if (!reason.check<ConnectionDone>()) return promise_.errback(reason);
    promise_.callback(std::move(page_));
  }

 private:
  Promise<std::string> promise_;
  std::string page_;
};
// endregion: protocol

// region: get
Deferred<std::string> get(Reactor& reactor, const Site& site) {
  TCP4ClientEndpoint endpoint(reactor, "127.0.0.1", site.port);
  return connectProtocol(endpoint, std::make_shared<Getting>())
      .addCallback([](const std::shared_ptr<Getting>& getting) { return getting->page(); });
}
// endregion: get

// region: all
Deferred<void> getAll(Reactor& reactor, const std::vector<Site>& sites, Pages& pages) {
  std::vector<Deferred<void>> stored;
  for (const Site& site : sites) {
    stored.push_back(
        get(reactor, site).addTimeout(5s, reactor).addCallback([&pages, name = site.name](std::string page) {
          pages[name] = std::move(page);
        }));
  }
  return gatherResults(std::move(stored));
}
// endregion: all

// region: coroutine
Deferred<void> program(Reactor& reactor, const std::vector<Site>& sites) {
  Pages pages;
  auto start = std::chrono::steady_clock::now();
  co_await getAll(reactor, sites, pages);  // all at once
  show(pages, start);

  start = std::chrono::steady_clock::now();
  for (const Site& site : sites) {
    pages[site.name] = co_await get(reactor, site);  // one after the other
  }
  show(pages, start);

  const Site nowhere{"nowhere", 1};
  try {
    co_await get(reactor, nowhere);
  } catch (const ConnectError& error) {
    std::cout << nowhere.name << ": " << error.what() << '\n';
  }
}
// endregion: coroutine

int main() {
  const SlowSites sites;
  return react([&](Reactor& reactor) { return program(reactor, sites.all()); });
}
