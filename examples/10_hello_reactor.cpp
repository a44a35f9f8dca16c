// The smallest program with a reactor: it starts, does something, and stops. (A109)
#include <iostream>

#include <bight/reactor.hpp>

int main() {
  // region: hello
  auto reactor = bight::makeReactor();
  reactor->callWhenRunning([] { std::cout << "I like turtles\n"; });
  reactor->callWhenRunning([&] { reactor->stop(); });
  std::cout << "Starting the reactor\n";
  reactor->run();
  std::cout << "Reactor stopped\n";
  // endregion: hello
}
