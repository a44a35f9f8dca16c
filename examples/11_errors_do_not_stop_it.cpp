// What a function throws that the reactor calls is logged, and the reactor goes on. (A108)
#include <iostream>
#include <stdexcept>

#include <bight/reactor.hpp>

using namespace bight;

// region: functions
void fallDown() {
  throw std::runtime_error("BOOM!");
}
void standUp() {
  std::cout << "Aaaand we are back!\n";
}
// endregion: functions

// region: log
void print(const LogEvent& event) {
  std::cout << event.name << ' ' << toString(event.level) << ": " << event.message << '\n';
  if (event.failure) event.failure->printBriefTraceback(std::cout);
}
// endregion: log

int main() {
  removeLogObserver(stderrLogObserver);
  addLogObserver(print);
  // region: run
  auto reactor = makeReactor();
  reactor->callWhenRunning(fallDown);
  reactor->callWhenRunning(standUp);
  reactor->callWhenRunning([&] { reactor->stop(); });
  reactor->run();
  // endregion: run
}
