// Sending much to somebody who reads slowly, without keeping it all: by waiting for drained(), and with a producer.
#include <iostream>

#include <bight/reactor.hpp>

using namespace bight;

constexpr std::size_t portion = 100'000;
constexpr int portions = 200;
// region: drained
class ByWaiting : public Protocol {
  void connectionMade() override { send(); }

  Deferred<void> send() {
    const auto self = shared_from_this();
    for (int i = 0; i < portions; ++i) {
      transport().write(std::string(portion, 'w'));
      co_await transport().drained();
    }
    transport().loseConnection();
  }
};
// endregion: drained

// region: pull
class Portions : public PullProducer {
 public:
  explicit Portions(Transport& consumer) : consumer_(&consumer) {}

  void resumeProducing() override {
    if (left_-- > 0) return consumer_->write(std::string(portion, 'p'));
    consumer_->unregisterProducer();
  }
  void stopProducing() override { std::cout << "they went away\n"; }

 private:
  Ref<Transport> consumer_;
  int left_ = portions;
};

class ByProducing : public Protocol {
  void connectionMade() override {
    transport().registerProducer(std::make_shared<Portions>(transport()));
    transport().loseConnection();  // goes on until the producer is done
  }
};
// endregion: pull

class Counts : public Protocol {
 public:
  Counts(std::string what, Reactor& reactor, int& running)
      : what_(std::move(what)), reactor_(reactor), running_(running) {}
  void dataReceived(std::string_view data) override { bytes_ += data.size(); }
  void connectionLost(const Failure&) override {
    std::cout << what_ << ": " << bytes_ << " bytes\n";
    if (--running_ == 0) reactor_.stop();
  }

 private:
  std::string what_;
  Reactor& reactor_;
  int& running_;
  std::size_t bytes_ = 0;
};

int main() {
  auto reactor = makeReactor();
  int running = 1;
  const auto fetch = [&](std::shared_ptr<Factory> factory, const char* what) {
    auto port = reactor->listenTCP(0, std::move(factory), {.interface = "127.0.0.1"});
    reactor->connectTCP("127.0.0.1", port->getHost().port(),
                        ClientFactory::forProtocol<Counts>(what, std::ref(*reactor), std::ref(running)));
  };
  fetch(Factory::forProtocol<ByWaiting>(), "waiting");
  reactor->run();
  reactor = makeReactor();
  running = 1;
  fetch(Factory::forProtocol<ByProducing>(), "producing");
  reactor->run();
}
