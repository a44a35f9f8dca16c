// A Deferred fired with a Deferred (A5).
// error: a Deferred is not a result
#include <bight/deferred.hpp>

bight::Deferred<int> count();

void start(bight::Deferred<int> d, bight::Promise<int> p) {
#if MISTAKE == 1
  d.callback(count());
#elif MISTAKE == 2
  p.callback(count());
#else
  d.callback(1);
  count().chainTo(p);
#endif
}
