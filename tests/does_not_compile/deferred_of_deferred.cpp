// A Deferred that would carry a Deferred.
// error: there is no Deferred<Deferred<T>>
// error: returning a Deferred from a stage already flattens it
#include <bight/deferred.hpp>

bight::Deferred<int> count();

void start(bight::Deferred<void> done) {
#if MISTAKE == 1
  bight::Deferred<bight::Deferred<int>> nested;
#elif MISTAKE == 2
  bight::succeed(count());
#else
  bight::Deferred<int> flat = done.addCallback(count);
#endif
}
