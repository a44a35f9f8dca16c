// An errback that does not take a Failure.
// error: an errback takes a Failure, by value or as const Failure&
#include <bight/deferred.hpp>

bight::Deferred<int> count();

void start(bight::Deferred<int> n) {
#if MISTAKE == 1
  n.addErrback([] { return 0; });
#elif MISTAKE == 2
  n.addErrback([](const std::runtime_error&) { return 0; });
#elif MISTAKE == 3
  count().addCallbacks([](int i) { return i; }, [](int i) { return i; });
#elif MISTAKE == 4
  n.addErrback([](bight::Failure&) { return 0; });
#else
  n.addErrback([](const bight::Failure&) { return 0; });
  n.addErrback([](bight::Failure) { return 0; });
  n.addErrback([](auto failure) { return failure.template check<std::runtime_error>() ? 0 : 1; });
#endif
}
