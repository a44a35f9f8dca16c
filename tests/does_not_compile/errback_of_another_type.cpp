// An errback after which the chain would carry one type or another.
// error: this errback returns another type than the success path carries
// error: T, something convertible to T, Failure, Result<T>, Deferred<T>, or nothing
#include <bight/deferred.hpp>

bight::Deferred<std::string> fetch();

void start(bight::Deferred<int> n, bight::Deferred<void> done) {
#if MISTAKE == 1
  n.addErrback([](const bight::Failure&) { return std::string("none"); });
#elif MISTAKE == 2
  done.addErrback([](const bight::Failure&) { return 0; });
#elif MISTAKE == 3
  fetch().addErrback([](const bight::Failure&) { return bight::succeed(1); });
#elif MISTAKE == 4
  n.addCallbacks([](int i) { return std::to_string(i); }, [](const bight::Failure&) { return 0; });
#elif MISTAKE == 5
  fetch().addErrback([](const bight::Failure& f) -> bight::Result<int> { return f; });
#else
  n.addErrback([](const bight::Failure&) { return 0; });
  n.addErrback([](const bight::Failure&) { return 0L; });
  n.addErrback([](const bight::Failure& f) { return f; });
  n.addErrback([](const bight::Failure& f) -> bight::Result<int> { return f; });
  n.addErrback([](const bight::Failure&) { return bight::succeed(0); });
  n.addErrback([](const bight::Failure&) {});
  fetch().addErrback([](const bight::Failure&) { return "none"; });
#endif
}
