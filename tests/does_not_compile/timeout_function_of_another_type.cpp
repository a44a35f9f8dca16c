// The function of addTimeout does not take what it is given.
// error: onTimeoutCancel takes a Result<T> and the limit as std::chrono::nanoseconds
#include <bight/deferred.hpp>

struct Call {
  bool active() const;
  void cancel();
};
struct Clock {
  Call callLater(std::chrono::nanoseconds delay, bight::Function<void()> f);
};

void start(bight::Deferred<int> d, Clock& clock) {
  using namespace std::chrono_literals;
#if MISTAKE == 1
  d.addTimeout(5s, clock, [](int n) { return n; });
#elif MISTAKE == 2
  d.addTimeout(5s, clock, [] { return 0; });
#else
  d.addTimeout(5s, clock, [](bight::Result<int> r, std::chrono::nanoseconds) { return r; });
#endif
}
