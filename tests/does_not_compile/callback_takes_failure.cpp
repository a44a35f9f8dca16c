// A callback that takes a Failure: an errback added as a callback, or the two sides of addCallbacks the wrong way round.
// error: this callback takes a Failure
// error: use addErrback, or swap the arguments of addCallbacks
#include <bight/deferred.hpp>

bight::Deferred<std::string> fetch();
void report(const bight::Failure& failure);

void start(bight::Deferred<std::string> page) {
#if MISTAKE == 1
  page.addCallback(report);
#elif MISTAKE == 2
  page.addCallbacks([](bight::Failure) { return std::string("none"); }, [](std::string text) { return text; });
#elif MISTAKE == 3
  fetch().addCallback([](const bight::Failure&) {});
#else
  page.addCallbacks([](std::string text) { return text; }, [](bight::Failure) { return std::string("none"); });
  page.addErrback(report);
#endif
}
