// A guest book on three reactors: each serves its own connections in its own thread, and they ask one another.
#include <iostream>
#include <string>
#include <vector>

#include <bight/line_receiver.hpp>
#include <bight/reactor_group.hpp>

using namespace bight;

// region: server
// The names that one reactor was told. Only its own thread touches them, so there is nothing to lock.
using Book = std::vector<std::string>;

class GuestBook : public LineOnlyReceiver {
 public:
  GuestBook(ReactorGroup& group, std::vector<Book>& books, std::size_t index)
      : group_(group), books_(books), index_(index) {}

 private:
  void lineReceived(std::string_view line) override {
    if (line != "how many?") {
      books_[index_].emplace_back(line);
      sendLine("welcome");
      return;
    }
    // Each is asked in its own thread; the answers come back into this one.
    auto sizes = group_.deferToEach([&books = books_](Reactor&, std::size_t index) { return books[index].size(); });
    track(std::move(sizes)).addCallback([this](const std::vector<std::size_t>& counts) {
      std::size_t all = 0;
      for (const std::size_t each : counts) all += each;
      sendLine(std::to_string(all) + " guests on " + std::to_string(counts.size()) + " reactors");
    });
  }

  ReactorGroup& group_;
  std::vector<Book>& books_;
  std::size_t index_;
};
// endregion: server

// Says one line and fires with the answer.
class Visitor : public LineOnlyReceiver {
 public:
  Visitor(const std::string& line, const Promise<std::string>& answer) : line_(line), answer_(answer) {}

 private:
  void connectionMade() override { sendLine(line_); }
  void lineReceived(std::string_view line) override {
    transport().loseConnection();
    answer_.callback(std::string(line));
  }
  std::string line_;
  Promise<std::string> answer_;
};

// region: group
Deferred<void> visit(ReactorGroup& group, std::uint16_t port) {
  const auto say = [&](const std::string& line) {
    Deferred<std::string> answer;
    group[0].connectTCP("127.0.0.1", port, ClientFactory::forProtocol<Visitor>(line, answer.promise()));
    return answer;
  };
  for (int guest = 0; guest < 30; ++guest) co_await say("guest " + std::to_string(guest));
  std::cout << co_await say("how many?") << '\n';
  group.stop();
}

int main() {
  ReactorGroup group(3);
  std::vector<Book> books(group.size());
  group.each([](Reactor&, std::size_t index) { std::cout << "reactor " << index << " is ready\n"; });
  const auto port = group.listenTCP(
      0, [&](Reactor&, std::size_t i) { return Factory::forProtocol<GuestBook>(std::ref(group), std::ref(books), i); },
      {.interface = "127.0.0.1"});
  group.callWhenRunning([&] { visit(group, port->getHost().port()); });
  group.run();
}
// endregion: group
