// Three pages with a reactor, and with nothing but functions that are called back.
#include <functional>

#include <bight/reactor.hpp>

#include "slow_sites.hpp"

using namespace bight;

// region: protocol
class Getting : public Protocol {
 public:
  explicit Getting(std::function<void(std::string)> done) : done_(std::move(done)) {}
  void dataReceived(std::string_view data) override { page_ += data; }
  void connectionLost(const Failure&) override { done_(page_); }

 private:
  std::function<void(std::string)> done_;
  std::string page_;
};
// endregion: protocol

int main() {
  const SlowSites sites;
  const auto start = std::chrono::steady_clock::now();
  // region: all
  auto reactor = makeReactor();
  Pages pages;
  for (const Site& site : sites.all()) {
    const auto arrived = [&, name = site.name](std::string page) {
      pages[name] = std::move(page);
      if (pages.size() == sites.all().size()) reactor->stop();  // the last one turns off the light
    };
    reactor->connectTCP("127.0.0.1", site.port, ClientFactory::forProtocol<Getting>(arrived));
  }
  reactor->run();
  show(pages, start);
  // endregion: all
}
