// A callback with a parameter where the chain carries no value.
// error: this callback has a parameter, but the chain carries no value here (Deferred<void>)
// error: let it take nothing
// error: use addErrback, or swap the arguments of addCallbacks
#include <bight/deferred.hpp>

bight::Deferred<int> count();

void start(bight::Deferred<void> done) {
#if MISTAKE == 1
  done.addCallback([](int n) { return n + 1; });
#elif MISTAKE == 2
  count().addCallback([](int) {}).addCallback([](int n) { return n + 1; });
#elif MISTAKE == 3
  done.addCallbacks([](auto value) { return value.size(); }, [](const bight::Failure&) {});
#else
  done.addCallback([] {});
  count().addCallback([](int n) { return n; }).addCallback([](int n) { return n + 1; });
#endif
}
