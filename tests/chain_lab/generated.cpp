// A program as the chain lab writes it, see lab_test.py.
// clang-format off

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

#include <bight/defer_later.hpp>
#include <bight/deferred.hpp>
#include <bight/maybe_deferred.hpp>
#include <bight/reactor.hpp>

using namespace bight;
using namespace std::chrono_literals;

int main() {
  const auto reactor = makeReactor();
  Deferred<int> d;

  Deferred<std::string> d2 = d.addCallback([&reactor](int) {
    std::cout << "asking\n";
    return deferLater(*reactor, 20ms, [] { return std::string("a \"page\""); });
  });
  Deferred<int> d3 = d2.addCallbacks(
      [](const std::string&) -> int { throw std::runtime_error("cannot parse \\ it"); },
      [](const Failure& failure) {
        failure.trap<CancelledError>();
        return 0;
      });
  d3.addBoth([](Result<int> result) {
    std::cout << "cleaned up\n";
    return result;
  });
  d3.addErrback([&reactor](const Failure&) {
    return deferLater(*reactor, 20ms, []() -> int { throw std::runtime_error("and the copy is broken"); });
  });
  d3.addErrback([](const Failure&) { return succeed(3); });
  d3.addCallback([](int n) {
    std::this_thread::sleep_for(10ms);
    return n;
  });
  d3.addCallback([](int n) { return n - 2; });
  Deferred<void> d4 = d3.addCallback([](int n) { std::cout << n << '\n'; });
  d4.addErrback([](const Failure&) {});

  reactor->callLater(10ms, [&] {
    d.callback(41);
    try {
      d.callback(41);
    } catch (const AlreadyCalledError& error) {
      std::cout << error.what() << '\n';
    }
  });
  reactor->callLater(100ms, [&] { d.cancel(); });

  reactor->callLater(250ms, [&] { reactor->stop(); });
  reactor->run();
}
