// A Deferred copied.
// error: use of deleted function | call to deleted constructor | overload resolution selected deleted operator
// shown: a Deferred is move-only: std::move it, or share its promise()
#include <bight/deferred.hpp>

void keep(bight::Deferred<int> d);

void start(bight::Deferred<int> d) {
#if MISTAKE == 1
  bight::Deferred<int> copy = d;
#elif MISTAKE == 2
  keep(d);
#elif MISTAKE == 3
  bight::Deferred<int> other;
  other = d;
#elif MISTAKE == 4
  bight::gatherResults(d, bight::succeed(1));
#else
  keep(std::move(d));
#endif
}
