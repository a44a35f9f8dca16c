// What is known stands in one place and has three doors: finger asks, a line sets, and a browser may look.
#include <iostream>

#include <unistd.h>

#include <bight/http/server.hpp>
#include <bight/line_receiver.hpp>
#include <bight/react.hpp>
#include <bight/task.hpp>

#include "slow_sites.hpp"

using namespace bight;

// region: users
class Users {
 public:
  Deferred<std::string> status(const std::string& user) const {
    const auto found = statuses_.find(user);
    if (found == statuses_.end()) return fail<std::string>(std::out_of_range("no such user"));
    return succeed(found->second);
  }
  void set(const std::string& user, std::string status) { statuses_[user] = std::move(status); }

 private:
  std::map<std::string, std::string> statuses_;
};
// endregion: users

// region: finger
class Finger : public LineOnlyReceiver {
 public:
  explicit Finger(const Users& users) : users_(users) {}
  void lineReceived(std::string_view user) override {
    track(users_.status(std::string(user)))
        .addErrback([](const Failure& failure) { return failure.getErrorMessage(); })
        .addCallback([this](const std::string& answer) {
          sendLine(answer);
          transport().loseConnection();
        });
  }

 private:
  const Users& users_;
};
// endregion: finger

// region: setting
class Setting : public LineOnlyReceiver {
 public:
  explicit Setting(Users& users) : users_(users) {}
  void lineReceived(std::string_view line) override {
    const auto space = line.find(' ');
    if (space == std::string_view::npos) return sendLine("say: user status");
    users_.set(std::string(line.substr(0, space)), std::string(line.substr(space + 1)));
    transport().loseConnection();
  }

 private:
  Users& users_;
};
// endregion: setting

// region: web
Deferred<http::Response> page(const Users& users, const http::Request& request) {
  return users.status(std::string(request.queryForm().get("user").value_or("")))
      .addCallback([](const std::string& status) { return http::Response::text(status + "\n"); })
      .addErrback([](const Failure& failure) { return http::Response::error(404, failure.getErrorMessage()); });
}
// endregion: web

// region: ask
/// A client of the simplest kind, for a thread: it waits.
std::string ask(const Site& site, const std::string& question) {
  const int descriptor = connectTo(site);
  std::string answer = write(descriptor, question.data(), question.size()) > 0 ? "" : "?";
  char byte = 0;
  while (read(descriptor, &byte, 1) == 1) {
    if (byte != '\r') answer += byte;  // lines end with "\r\n" on the wire
  }
  close(descriptor);
  const auto head = answer.find("\n\n");  // of HTTP
  return head == std::string::npos ? answer : answer.substr(head + 2);
}
// endregion: ask

// region: program
Deferred<void> program(Reactor& reactor) {
  Users users;
  const ListenOptions local{.interface = "127.0.0.1"};
  const auto web = http::on("GET", [&users](http::Request& request) { return page(users, request); });
  const auto asking = reactor.listenTCP(0, Factory::forProtocol<Finger>(std::ref(users)), local);
  const auto setting = reactor.listenTCP(0, Factory::forProtocol<Setting>(std::ref(users)), local);
  const auto looking = reactor.listenTCP(0, std::make_shared<http::Site>(reactor, web), local);
  const auto at = [&reactor](const std::shared_ptr<Port>& door, std::string question) {
    const Site site{"door", door->getHost().port()};
    return deferToThread(reactor, [site, question = std::move(question)] { return ask(site, question); });
  };
  const std::string before = co_await at(asking, "ann\r\n");
  std::cout << "finger: " << before;
  co_await at(setting, "ann Happy and well\r\n");
  const std::string after = co_await at(asking, "ann\r\n");
  std::cout << "finger: " << after;
  const std::string seen = co_await at(looking, "GET /?user=ann HTTP/1.0\r\n\r\n");
  std::cout << "web: " << seen;
  co_await asking->stopListening();
  co_await setting->stopListening();
  co_await looking->stopListening();
}
// endregion: program

int main() {
  return react(program);
}
