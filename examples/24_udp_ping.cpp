// How far away is a UDP port? A server that sends back what comes, and a client that asks again when an answer is lost, in one program.
#include <iostream>
#include <memory>
#include <string>

#include <bight/react.hpp>
#include <bight/reactor.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: server
class Echo : public DatagramProtocol {
  void datagramReceived(std::string_view data, const Address& from) override { transport().write(data, from); }
};
// endregion: server

// region: client
class Ping : public DatagramProtocol {
 public:
  Ping(Reactor& reactor, Address server) : reactor_(reactor), server_(std::move(server)) {}

  void startProtocol() override {
    transport().connect(server_);  // a connected port is told if nobody listens there
    ask();
  }
  void datagramReceived(std::string_view data, const Address& from) override {
    if (data != std::to_string(number_)) return;  // an answer that we did not wait for any more
    const auto took = reactor_.seconds() - asked_;
    std::cout << "answer " << data << " from " << from.host() << (took < 1s ? ", in time\n" : ", late\n");
    patience_.cancel();
    if (++number_ <= 3) return ask();
    done_.callback();
  }
  void connectionRefused() override {
    std::cout << "nobody listens there\n";
    patience_.cancel();
    done_.callback();
  }

  // region: done
  Deferred<void> done() {
    Deferred<void> later;
    done_ = later.promise();  // stays here, to fire it; the Deferred goes to whoever waits
    return later;
  }
  // endregion: done

 private:
  void ask() {
    asked_ = reactor_.seconds();
    transport().write(std::to_string(number_));
    patience_ = reactor_.callLater(1s, [this] { ask(); });  // it may be lost: ask again
  }

  Reactor& reactor_;
  const Address server_;
  Promise<void> done_;
  int number_ = 1;
  Duration asked_{};
  DelayedCall patience_;
};
// endregion: client

Deferred<void> play(Reactor& reactor) {
  // region: ports
  const auto server = reactor.listenUDP(0, std::make_shared<Echo>(), {.interface = "127.0.0.1"});
  const auto ping = std::make_shared<Ping>(reactor, server->getHost());
  Deferred<void> done = ping->done();
  reactor.listenUDP(0, ping, {.interface = "127.0.0.1"});
  co_await std::move(done);
  // endregion: ports
  co_await server->stopListening();
  const auto late = std::make_shared<Ping>(reactor, server->getHost());
  Deferred<void> refused = late->done();
  reactor.listenUDP(0, late, {.interface = "127.0.0.1"});  // asks a port that is closed
  co_await std::move(refused);
}

int main() {
  return react(play);
}
