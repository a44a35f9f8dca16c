// A chat of lines: whoever connects is in the room, and what one says all others hear. Two guests talk, then the last one turns off the light.
#include <iostream>
#include <set>

#include <bight/line_receiver.hpp>
#include <bight/reactor.hpp>

using namespace bight;

// region: room
class Guest;

struct Room : Factory {
  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;
  std::set<Guest*> guests;
};

class Guest : public LineOnlyReceiver {
 public:
  explicit Guest(Room& room) : room_(room) {}

  void connectionMade() override { room_.guests.insert(this); }
  void lineReceived(std::string_view line) override {
    for (Guest* guest : room_.guests)
      if (guest != this) guest->sendLine(line);
  }
  void connectionLost(const Failure&) override { room_.guests.erase(this); }

 private:
  Room& room_;
};

std::shared_ptr<Protocol> Room::buildProtocol(const Address&) {
  return std::make_shared<Guest>(*this);
}
// endregion: room

// region: client
class Talker : public LineOnlyReceiver {
 public:
  Talker(std::string name, Reactor& reactor) : name_(std::move(name)), reactor_(reactor) {}

  void connectionMade() override {
    if (name_ == "Bob") sendLine("hello, I am Bob");
  }
  void lineReceived(std::string_view line) override {
    std::cout << name_ << " hears: " << line << '\n';
    if (name_ == "Ann") sendLine("hello Bob, I am Ann, and must go");
    transport().loseConnection();
  }
  void connectionLost(const Failure& reason) override {
    std::cout << name_ << " has left: " << reason.getErrorMessage() << '\n';
    if (name_ == "Bob") reactor_.stop();
  }

 private:
  std::string name_;
  Reactor& reactor_;
};
// endregion: client

int main() {
  auto reactor = makeReactor();
  auto room = std::make_shared<Room>();
  auto port = reactor->listenTCP(0, room, {.interface = "127.0.0.1"});
  const auto join = [&](const char* name) {
    reactor->connectTCP("127.0.0.1", port->getHost().port(),
                        ClientFactory::forProtocol<Talker>(name, std::ref(*reactor)));
  };
  join("Ann");
  reactor->callLater(std::chrono::milliseconds(50), [&] { join("Bob"); });
  reactor->run();
}
