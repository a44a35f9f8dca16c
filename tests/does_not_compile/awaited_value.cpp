// A81: awaiting what is no Deferred.
// error: awaitable type ‘int’ is not a structure | member reference base type 'int' is not a structure or union
#include <bight/deferred.hpp>

bight::Deferred<int> start() {
#if MISTAKE == 1
  const int n = co_await 3;
#else
  const int n = co_await bight::succeed(3);
#endif
  co_return n + 1;
}
