// addTimeout on something that cannot call later.
// error: addTimeout needs a clock with callLater(duration, function): a reactor, or a testing::Clock
#include <bight/deferred.hpp>

struct Call {
  bool active() const;
  void cancel();
};
struct Clock {
  Call callLater(std::chrono::nanoseconds delay, bight::Function<void()> f);
};

void start(bight::Deferred<int> d) {
  using namespace std::chrono_literals;
#if MISTAKE == 1
  std::chrono::steady_clock clock;
  d.addTimeout(5s, clock);
#elif MISTAKE == 2
  std::chrono::steady_clock clock;
  d.addTimeout(5s, clock, [](bight::Result<int> r, std::chrono::nanoseconds) { return r; });
#else
  Clock clock;
  d.addTimeout(5s, clock);
#endif
}
