#include "slow_sites.hpp"

#include <future>
#include <iostream>
#include <memory>
#include <system_error>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bight/defer_later.hpp>
#include <bight/reactor.hpp>

using namespace std::chrono_literals;

namespace {

class SlowSite : public bight::Protocol {
 public:
  SlowSite(bight::ReactorTime& clock, std::string name) : clock_(clock), name_(std::move(name)) {}

  void connectionMade() override {
    track(bight::deferLater(clock_, 100ms)).addCallback([this] {
      transport().write("the page of " + name_ + "\n");
      transport().loseConnection();
    });
  }

 private:
  bight::ReactorTime& clock_;
  std::string name_;
};

}  // namespace

SlowSites::SlowSites() {
  std::promise<void> open;
  thread_ = std::thread([this, &open] {
    const auto reactor = bight::makeReactor();
    reactor->callWhenRunning([&, this] {
      for (const char* name : {"blue", "green", "red"}) {
        const auto factory = bight::Factory::forProtocol<SlowSite>(std::ref(*reactor), name);
        const auto port = reactor->listenTCP(0, factory, {.interface = "127.0.0.1"});
        all_.push_back({name, port->getHost().port()});
      }
      reactor_ = reactor.get();
      open.set_value();
    });
    reactor->run({.installSignalHandlers = false});
  });
  open.get_future().wait();
}

SlowSites::~SlowSites() {
  reactor_->callFromThread([reactor = reactor_] { reactor->stop(); });
  thread_.join();
}

int connectTo(const Site& site) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(site.port);
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "socket");
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    close(descriptor);
    throw std::system_error(error, std::generic_category(), site.name);
  }
  return descriptor;
}

void show(const Pages& pages, std::chrono::steady_clock::time_point since) {
  for (const auto& [name, page] : pages) std::cout << name << ": " << page;
  std::cout << "in " << (std::chrono::steady_clock::now() - since) / 1ms << " ms\n";
}
