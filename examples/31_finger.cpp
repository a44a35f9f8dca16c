// A finger server (RFC 1288): one line asks, one answer comes, and that was it. Users are looked up by a Deferred.
#include <functional>
#include <iostream>
#include <map>

#include <bight/defer_later.hpp>
#include <bight/line_receiver.hpp>
#include <bight/policies.hpp>
#include <bight/reactor.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: server
/// Knows the users, after a while: as if it had to ask a database.
class Users {
 public:
  explicit Users(ReactorTime& clock) : clock_(clock) {}
  Deferred<std::string> status(std::string user) {
    return deferLater(clock_, 10ms, [this, user] {
      const auto found = statuses_.find(user);
      if (found == statuses_.end()) throw std::out_of_range("finger: " + user + ": no such user");
      return found->second;
    });
  }

 private:
  ReactorTime& clock_;
  std::map<std::string, std::string> statuses_{{"ann", "Happy and well"}, {"bob", "On the road"}};
};

class Finger : public LineOnlyReceiver {
 public:
  explicit Finger(Users& users) : users_(users) {}
  void connectionMade() override { setMaxLength(64); }
  void lineReceived(std::string_view user) override {
    // Tracked: whoever hangs up cancels the look-up.
    track(users_.status(std::string(user)))
        .addErrback([](const Failure& failure) { return failure.getErrorMessage(); })
        .addCallback([this](const std::string& answer) {
          sendLine(answer);
          transport().loseConnection();
        });
  }

 private:
  Users& users_;
};
// endregion: server

class Asker : public LineOnlyReceiver {
 public:
  Asker(std::string user, std::function<void()> done) : user_(std::move(user)), done_(std::move(done)) {}
  void connectionMade() override { sendLine(user_); }
  void lineReceived(std::string_view line) override { std::cout << user_ << ": " << line << '\n'; }
  void connectionLost(const Failure&) override { done_(); }

 private:
  std::string user_;
  std::function<void()> done_;
};

int main() {
  auto reactor = makeReactor();
  Users users(*reactor);
  auto finger = std::make_shared<TimeoutFactory>(*reactor, Factory::forProtocol<Finger>(std::ref(users)), 30s);
  auto port = reactor->listenTCP(0, finger, {.interface = "127.0.0.1"});
  const auto ask = [&](const char* user, std::function<void()> then) {
    reactor->connectTCP("127.0.0.1", port->getHost().port(), ClientFactory::forProtocol<Asker>(user, std::move(then)));
  };
  ask("ann", [&] { ask("carol", [&] { reactor->stop(); }); });
  reactor->run();
}
