// A chat over lines that ends in order: at shutdown everybody is told, and gatherResults() waits until all have gone.
#include <iostream>
#include <map>
#include <optional>

#include <bight/defer_later.hpp>
#include <bight/line_receiver.hpp>
#include <bight/reactor.hpp>

using namespace bight;

// region: room
struct Guest;
struct Room : Factory {
  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;
  Deferred<void> close();
  std::map<int, Guest*> guests;
};
struct Guest : LineOnlyReceiver {
  Guest(Room& room, int number) : room_(room), number_(number) {}
  void connectionMade() override { room_.guests[number_] = this; }
  void lineReceived(std::string_view line) override {
    for (const auto& [number, guest] : room_.guests)
      if (guest != this) guest->sendLine(line);
  }
  void connectionLost(const Failure&) override {
    room_.guests.erase(number_);
    if (gone_) gone_->callback(number_);
  }
  /// Fires when the guest has gone.
  Deferred<int> dismiss() {
    sendLine("goodbye, the chat closes");
    Deferred<int> gone;
    gone_ = gone.promise();
    return gone;
  }
  Room& room_;
  int number_;
  std::optional<Promise<int>> gone_;
};

std::shared_ptr<Protocol> Room::buildProtocol(const Address&) {
  return std::make_shared<Guest>(*this, static_cast<int>(guests.size()) + 1);
}
Deferred<void> Room::close() {
  std::vector<Deferred<int>> farewells;
  for (const auto& [number, guest] : guests) farewells.push_back(guest->dismiss());
  return gatherResults(std::move(farewells)).addCallback([](const std::vector<int>& gone) {
    std::cout << "all " << gone.size() << " guests have gone\n";
  });
}
// endregion: room

struct Visitor : LineOnlyReceiver {
  explicit Visitor(Reactor& reactor) : reactor_(reactor) {}
  void lineReceived(std::string_view line) override {
    std::cout << line << '\n';
    if (line == "hello") reactor_.stop();
    if (line.starts_with("goodbye")) transport().loseConnection();
  }
  Reactor& reactor_;
};

int main() {
  auto reactor = makeReactor();
  auto room = std::make_shared<Room>();
  auto port = reactor->listenTCP(0, room, {.interface = "127.0.0.1"});
  // region: shutdown
  // Nobody new comes in, everybody leaves; and one more turn, in which the last connection is put away.
  reactor->addSystemEventTrigger(Phase::before, "shutdown", [&] {
    return port->stopListening().addCallback([&] { return room->close(); }).addCallback([&] {
      return deferLater(*reactor, Duration(0), [] {});
    });
  });
  // endregion: shutdown
  for (int i = 0; i < 2; ++i)
    reactor->connectTCP("127.0.0.1", port->getHost().port(), ClientFactory::forProtocol<Visitor>(std::ref(*reactor)));
  reactor->callLater(std::chrono::milliseconds(60), [&] { room->guests.at(1)->lineReceived("hello"); });
  reactor->run();
}
