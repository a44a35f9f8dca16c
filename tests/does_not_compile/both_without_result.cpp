// The function of addBoth takes the bare value.
// error: the function of addBoth takes a Result<T>, by value or as const&, or nothing
#include <bight/deferred.hpp>

void start(bight::Deferred<int> d) {
#if MISTAKE == 1
  d.addBoth([](int n) { return n; });
#elif MISTAKE == 2
  d.addBoth([](const bight::Failure& f) { return f; });
#else
  d.addBoth([](bight::Result<int> r) { return r; });
  d.addBoth([](const bight::Result<int>& r) { return r; });
  d.addBoth([] {});
#endif
}
