// Timers of every kind, on a clock that is moved by hand: so they take no time, and always print the same.
#include <iostream>

#include <bight/task.hpp>
#include <bight/testing/clock.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: take-a-clock
class Patience {
 public:
  explicit Patience(ReactorTime& clock) : clock_(clock) {
    timeout_ = clock_.callLater(10s, [] { std::cout << "I give up\n"; });
  }
  void somethingHappened() { timeout_.reset(10s); }

 private:
  ReactorTime& clock_;
  DelayedCall timeout_;
};
// endregion: take-a-clock

// region: coroutine
Deferred<void> countdown(ReactorTime& clock) {
  for (int n = 3; n > 0; --n) {
    std::cout << n << "...\n";
    co_await deferLater(clock, 1s);
  }
  std::cout << "lift-off\n";
}
// endregion: coroutine

int main() {
  testing::Clock clock;

  // region: call-later
  DelayedCall tea = clock.callLater(180s, [] { std::cout << "tea is ready\n"; });
  DelayedCall egg = clock.callLater(300s, [] { std::cout << "never said\n"; });
  tea.delay(60s);  // 240 s in all
  egg.cancel();
  clock.advance(239s);
  std::cout << "at " << clock.seconds() / 1s << " s: " << tea.toString() << '\n';
  clock.advance(1s);
  // endregion: call-later

  // region: looping
  LoopingCall beat(clock, [&] { std::cout << "beat at " << clock.seconds() / 1s << " s\n"; });
  beat.start(10s).addCallback([] { std::cout << "the beat has ended\n"; });
  clock.advance(10s);
  clock.advance(25s);  // one is late, one is skipped: the phase is kept
  clock.advance(5s);
  beat.stop();
  // endregion: looping

  // region: patience
  Patience patience(clock);
  clock.advance(9s);
  patience.somethingHappened();
  clock.advance(9s);
  std::cout << "still here\n";
  clock.advance(1s);
  // endregion: patience

  Deferred<void> start = countdown(clock);
  clock.pump({1s, 1s, 1s});
  // region: steps
  Cooperator cooperator(clock);
  int left = 3;
  cooperator
      .coiterate([&]() -> Step {
        if (left == 0) return Step::done();
        std::cout << "one of " << left-- << '\n';
        return deferLater(clock, 1s);  // or Step::more()
      })
      .addCallback([] { std::cout << "all done\n"; });
  clock.pump({0s, 1s, 1s, 1s});
  // endregion: steps
}
