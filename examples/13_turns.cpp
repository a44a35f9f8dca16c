// What runs in which turn of the loop, and the phases of a reactor's life.
#include <iostream>

#include <bight/reactor.hpp>
#include <bight/task.hpp>

using namespace bight;
using namespace std::chrono_literals;

int main() {
  auto reactor = makeReactor();
  const auto say = [&](const char* what) {
    std::cout << (reactor->running() ? "running  " : "not yet  ") << what << '\n';
  };

  // region: life
  reactor->addSystemEventTrigger(Phase::before, "startup", [&] { say("before startup"); });
  reactor->addSystemEventTrigger(Phase::after, "startup", [&] { say("after startup"); });
  reactor->addSystemEventTrigger(Phase::before, "shutdown", [&] {
    say("before shutdown: wait for me");
    return deferLater(*reactor, 1ms, [&] { say("now"); });
  });
  // endregion: life

  // region: turns
  reactor->callLater(0s, [&] {
    say("turn 1, a timer");
    reactor->callLater(0s, [&] { say("turn 2, a timer that a timer made"); });
    reactor->callFromThread([&] { say("turn 2, a call from a thread: these come first"); });
    reactor->callWhenRunning([&] { say("turn 1, at once: it runs already"); });
  });
  reactor->callLater(0s, [&] { say("turn 1, the timer behind it"); });
  reactor->callLater(5ms, [&] {
    reactor->stop();
    say("stop() has only been noted");
  });
  // endregion: turns
  reactor->run();
}
