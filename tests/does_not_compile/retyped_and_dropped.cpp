// A callback on a named Deferred gives it another type, and the handle for that is dropped.
// warning: keep the returned Deferred to go on
#include <bight/deferred.hpp>

void start(bight::Deferred<int> n) {
#if MISTAKE == 1
  n.addCallback([](int i) { return std::to_string(i); });
#elif MISTAKE == 2
  n.addCallbacks([](int i) { return std::to_string(i); }, [](const bight::Failure&) { return "none"; });
#elif MISTAKE == 3
  n.addCallback([](int i) { return bight::succeed(std::to_string(i)); });
#else
  bight::Deferred<std::string> text = n.addCallback([](int i) { return std::to_string(i); });
  text.addCallback([](std::string) {});
#endif
}
