// A named Deferred awaited without giving it away.
// error: co_await consumes the Deferred: write co_await std::move(d)
#include <bight/deferred.hpp>

bight::Deferred<int> start(bight::Deferred<int> d) {
#if MISTAKE == 1
  const int n = co_await d;
#else
  const int n = co_await std::move(d);
#endif
  co_return n + 1;
}
