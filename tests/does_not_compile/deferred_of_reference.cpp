// A Deferred that would carry a reference, or something const.
// error: a Deferred carries a value: no reference, no const
#include <bight/deferred.hpp>

void start() {
#if MISTAKE == 1
  bight::Deferred<int&> d;
#elif MISTAKE == 2
  bight::Deferred<const int> d;
#else
  bight::Deferred<int*> d;
#endif
}
