// execute() of a function that returns a Deferred.
// error: for a function that returns a Deferred use maybeDeferred
#include <bight/deferred.hpp>

bight::Deferred<int> count();

void start() {
#if MISTAKE == 1
  bight::execute(count);
#else
  bight::maybeDeferred(count);
  bight::execute([] { return 3; });
#endif
}
