// A finger server (RFC 1288) grows by one idea at a time: one line asks for a user, one line answers. Tried without a network.
#include <functional>
#include <iostream>
#include <map>

#include <bight/line_receiver.hpp>
#include <bight/task.hpp>
#include <bight/testing.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: nobody
class Nobody : public Protocol {
  void connectionMade() override { transport().loseConnection(); }
};
// endregion: nobody

// region: polite
class Polite : public LineOnlyReceiver {
  void lineReceived(std::string_view) override {
    sendLine("no such user");
    transport().loseConnection();
  }
};
// endregion: polite

// region: knows
using Users = std::map<std::string, std::string, std::less<>>;

class Knows : public LineOnlyReceiver {
 public:
  explicit Knows(const Users& users) : users_(users) {}
  void lineReceived(std::string_view user) override {
    const auto found = users_.find(user);
    sendLine(found == users_.end() ? "no such user" : found->second);
    transport().loseConnection();
  }

 private:
  const Users& users_;  // belongs to all connections
};
// endregion: knows

// region: asks
using LookUp = std::function<Deferred<std::string>(std::string)>;

class Asks : public LineOnlyReceiver {
 public:
  explicit Asks(LookUp lookUp) : lookUp_(std::move(lookUp)) {}
  void lineReceived(std::string_view user) override {
    track(lookUp_(std::string(user)))
        .addErrback([](const Failure&) { return std::string("no such user"); })
        .addCallback([this](const std::string& answer) {
          sendLine(answer);
          transport().loseConnection();
        });
  }

 private:
  LookUp lookUp_;
};
// endregion: asks

void print(const char* when, const testing::AccumulatingProtocol& client) {
  std::string said = client.data();
  std::erase(said, '\r');
  std::cout << when << said << (client.closed() ? "(closed)\n" : "(open)\n");
}

void tryOut(std::shared_ptr<Protocol> server, testing::Clock& clock) {
  auto client = std::make_shared<testing::AccumulatingProtocol>();
  testing::IOPump pump(client, std::move(server));
  client->transport().write("ann\r\n");
  pump.flush();
  print("at once: ", *client);
  if (client->closed()) return;
  clock.advance(1s);
  pump.flush();
  print("later: ", *client);
}

int main() {
  testing::Clock clock;
  const Users users{{"ann", "Happy and well"}};
  const auto lookUp = [&](const std::string& user) {
    return deferLater(clock, 1s, [&users, user] { return users.at(user); });  // as if it asked a database
  };
  tryOut(std::make_shared<Nobody>(), clock);
  tryOut(std::make_shared<Polite>(), clock);
  tryOut(std::make_shared<Knows>(users), clock);
  tryOut(std::make_shared<Asks>(lookUp), clock);
}
