// Blocking work in threads, while the reactor goes on.
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include <bight/reactor.hpp>
#include <bight/task.hpp>

using namespace bight;

// A long calculation: it knows nothing of reactors.
long sumOfSquares(long n) {
  long sum = 0;
  for (long i = 1; i <= n; ++i) sum += i * i;
  return sum;
}

// region: blocking
// Old code in a thread of its own, which asks the reactor's world for something and waits for the answer.
std::string askFromThread(ReactorThreads& reactor) {
  return blockingCallFromThread(reactor, [] { return succeed(std::string("the reactor's answer")); });
}
// endregion: blocking

// region: program
Deferred<void> program(Reactor& reactor) {
  // In a thread; the result comes back here, in the reactor's thread.
  const long sum = co_await deferToThread(reactor, [] { return sumOfSquares(1000); });
  std::cout << "sum of squares: " << sum << '\n';

  // Several at once, each in a thread of its own.
  std::vector<Deferred<long>> parts;
  for (const long n : {10, 20, 30}) parts.push_back(deferToThread(reactor, [n] { return sumOfSquares(n); }));
  const std::vector<long> sums = co_await gatherResults(std::move(parts));
  std::cout << "all together: " << std::accumulate(sums.begin(), sums.end(), 0L) << '\n';

  // What the function throws is the failure of the Deferred.
  co_await deferToThread(reactor, [] { throw std::runtime_error("the disk is full"); }).addErrback([](Failure failure) {
    std::cout << "it failed: " << failure.getErrorMessage() << '\n';
  });

  std::cout << co_await deferToThread(reactor, [&reactor] { return askFromThread(reactor); }) << '\n';
}
// endregion: program

int main() {
  return react(program);
}
