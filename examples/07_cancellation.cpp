// Giving up: cancel(), timeouts, and Deferreds that end with their owner.
#include <chrono>
#include <iostream>
#include <string>

#include <bight/deferred.hpp>
#include <bight/testing/clock.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: canceller
Promise<std::string> connection;

Deferred<std::string> fetch(const std::string& url) {
  Deferred<std::string> d([url] { std::cout << "closing the connection for " << url << '\n'; });
  connection = d.promise();
  return d;
}
// endregion: canceller

// region: scope
class Window {
 public:
  explicit Window(std::string title) : title_(std::move(title)) {}
  void load() {
    scope_.track(fetch("picture")).addCallback([this](const std::string& s) {
      std::cout << title_ << ": " << s << '\n';
    });
  }

 private:
  std::string title_;
  CancelScope scope_;  // the last member: it ends first
};
// endregion: scope

int main() {
  {
    // region: cancel
    Deferred<std::string> page = fetch("slow.example");
    page.addErrback([](const Failure& f) {
      f.trap<CancelledError>();  // anything else goes on down the chain
      return std::string("given up");
    });
    page.addCallback([](const std::string& s) { std::cout << s << '\n'; });
    page.cancel();
    // endregion: cancel
  }
  {
    // region: timeout
    testing::Clock clock;  // or a reactor
    fetch("slower.example")
        .addTimeout(5s, clock)
        .addCallback([](const std::string& s) { std::cout << s << '\n'; })
        .addErrback([](const Failure& f) { std::cout << f.typeName() << ": " << f.getErrorMessage() << '\n'; });
    clock.advance(5s);
    // endregion: timeout
  }
  {
    // region: in-time
    testing::Clock clock;
    fetch("fast.example").addTimeout(5s, clock).addCallback([](const std::string& s) { std::cout << s << '\n'; });
    connection.callback("in time");
    std::cout << clock.getDelayedCalls().size() << " timers left\n";
    // endregion: in-time
  }
  {
    // region: owner
    Window window("holiday");
    window.load();
  }  // closed before the picture came: its callback will not run
  // endregion: owner
}
