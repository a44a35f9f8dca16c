// A process monitor: it starts programs, starts those again that end badly, and says what they say.
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <bight/process_output.hpp>
#include <bight/reactor.hpp>

using namespace bight;

// region: monitored
class Monitored : public ProcessProtocol {
 public:
  Monitored(Reactor& reactor, std::string name, std::string script, int attempt = 1)
      : reactor_(reactor), name_(std::move(name)), script_(std::move(script)), attempt_(attempt) {}

  void start() {
    reactor_.spawnProcess(shared_from_this(), "sh", {"sh", "-c", script_},
                          {.env = {{{"ATTEMPT", std::to_string(attempt_)}, {"PATH", "/usr/bin:/bin"}}}});
  }

 private:
  void outReceived(std::string_view data) override { std::cout << name_ << " says: " << data; }
  void errReceived(std::string_view data) override { std::cout << name_ << " complains: " << data; }

  void processEnded(const Failure& reason) override {
    std::cout << name_ << ": " << reason.getErrorMessage() << '\n';
    if (reason.check<ProcessDone>() || attempt_ == 3) return reactor_.stop();
    std::make_shared<Monitored>(reactor_, name_, script_, attempt_ + 1)->start();
  }

  Reactor& reactor_;
  std::string name_;
  std::string script_;
  int attempt_;
};
// endregion: monitored

void begin(Reactor& reactor) {
  // region: output
  getProcessOutput(reactor, "echo", {"the", "monitor", "begins"}).addCallback([&](const std::string& text) {
    std::cout << text;
    const auto worker =
        std::make_shared<Monitored>(reactor, "worker", "echo attempt $ATTEMPT; test $ATTEMPT = 3 || kill -SEGV $$");
    worker->start();
  });
  // endregion: output
}

int main() {
  auto reactor = makeReactor();
  reactor->callWhenRunning([&] {
    // region: code
    getProcessOutputAndValue(*reactor, "grep", {"bight", "/dev/null"}).addCallback([&](const ProcessOutput& ended) {
      if (ended.code != 0) std::cout << "grep has found nothing: its exit code is " << ended.code << '\n';
      begin(*reactor);
    });
    // endregion: code
    // region: errors
    try {
      reactor->spawnProcess(std::make_shared<Monitored>(*reactor, "", ""), "no-such-program");
    } catch (const SpawnError& error) {
      std::cout << error.what() << '\n';
    }
    // endregion: errors
  });
  reactor->run();
}
