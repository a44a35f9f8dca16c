// What the tests of child processes share: a child that remembers, and a reactor that has it.
#pragma once

#include <bight/process.hpp>
#include <bight/reactor.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backends.hpp"

namespace bight::tests::process {

using namespace std::chrono_literals;

/// Remembers what happened to a child, in order, and does what the test wants done.
class Child : public ProcessProtocol {
 public:
  void connectionMade() override {
    events.push_back("made");
    if (onMade) onMade(*this);
  }
  void childDataReceived(int fd, std::string_view data) override {
    bytes[fd] += data;
    if (onData) onData(*this, fd);
  }
  void childConnectionLost(int fd) override { events.push_back("lost " + std::to_string(fd)); }
  void processExited(const Failure& why) override {
    events.push_back("exited");
    exitReason = why;
    if (onExited) onExited(*this);
  }
  void processEnded(const Failure& why) override {
    events.push_back("ended");
    reason = why;
    if (onEnded) onEnded(*this);
  }

  using ProcessProtocol::track;
  bool ended() const { return reason.has_value(); }
  int code() const {
    return reason && reason->get<ProcessTerminated>() ? *reason->get<ProcessTerminated>()->exitCode() : 0;
  }
  int signal() const {
    const auto* it = reason ? reason->get<ProcessTerminated>() : nullptr;
    return it ? it->signal().value_or(0) : 0;
  }

  std::map<int, std::string> bytes;
  std::vector<std::string> events;
  std::optional<Failure> exitReason;
  std::optional<Failure> reason;
  std::function<void(Child&)> onMade;
  std::function<void(Child&, int)> onData;
  std::function<void(Child&)> onExited;
  std::function<void(Child&)> onEnded;
};

/// Turns the loop until `done()`; the limit is only there so that a broken test ends.
template <class Done>
void spin(Reactor& reactor, Done&& done) {
  const auto limit = std::chrono::steady_clock::now() + 5s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > limit) BOOST_FAIL("what the test waits for does not happen");
    reactor.iterate(20ms);
  }
}

struct Here {
  explicit Here(const std::string& backend) : reactor(makeReactor(backend)), child(std::make_shared<Child>()) {}

  Ref<ProcessTransport> spawn(const std::string& executable, std::vector<std::string> args,
                              ProcessOptions options = {.env = inheritEnvironment}) {
    return reactor->spawnProcess(child, executable, std::move(args), options);
  }
  /// A shell that runs `script`.
  Ref<ProcessTransport> shell(const std::string& script, ProcessOptions options = {.env = inheritEnvironment}) {
    return spawn("sh", {"sh", "-c", script}, std::move(options));
  }
  void untilEnded() {
    spin(*reactor, [this] { return child->ended(); });
  }
  template <class T>
  Result<T> await(Deferred<T> deferred) {
    std::optional<Result<T>> result;
    std::move(deferred).addBoth([&](Result<T> r) { result.emplace(std::move(r)); });
    spin(*reactor, [&] { return result.has_value(); });
    return std::move(*result);
  }

  std::unique_ptr<Reactor> reactor;
  std::shared_ptr<Child> child;
};

}  // namespace bight::tests::process
