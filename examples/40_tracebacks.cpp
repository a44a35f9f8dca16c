// An error that crosses a timer, a thread, two returned Deferreds, a gathering and a coroutine, and tells of all of them.
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <bight/defer_later.hpp>
#include <bight/deferred.hpp>
#include <bight/reactor.hpp>
#include <bight/threads.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: way
std::string readDisk() {
  throw std::runtime_error("the disk is full");
}

/// A timer, and then a thread: two Deferreds that are returned.
Deferred<std::string> load(Reactor& reactor) {
  return deferLater(reactor, 1ms)  //
      .addCallback([&reactor] { return deferToThread(reactor, readDisk); })
      .addCallback([](const std::string& text) { return text + "!"; });
}

/// A coroutine in between.
Deferred<std::string> page(Reactor& reactor) {
  std::string text = co_await load(reactor);
  co_return "<p>" + text;
}

void showAll(Reactor& reactor) {
  std::vector<Deferred<std::string>> pages;
  pages.push_back(succeed(std::string("<p>ready")));
  pages.push_back(page(reactor));
  gatherResults(std::move(pages), true)
      .addCallback([](const std::vector<std::string>& all) { std::cout << all.size() << " pages\n"; })
      .addErrback([](const Failure& failure) { std::cout << failure.getTraceback(); })
      .addBoth([&reactor] { reactor.stop(); });
}
// endregion: way

int main() {
  const auto reactor = makeReactor();
  reactor->callWhenRunning([&reactor] { showAll(*reactor); });
  reactor->run();

  // region: path
  // The same as values, for a log of one's own.
  fail<int>(std::runtime_error("refused"))
      .addCallback([](int n) { return n + 1; })
      .addErrback([](const Failure& failure) {
        for (const FailureStep& step : failure.path())
          std::cout << (step.kind == FailureStep::Kind::skipped ? "skipped" : "fired or created") << " in line "
                    << (step.at.line() > 0 ? "N" : "?") << '\n';
        return 0;
      });
  // endregion: path
}
