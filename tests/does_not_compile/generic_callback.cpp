// A generic lambda whose body does not suit the value: the error is in the user's line. clang goes on after it.
// error: <stdin>:8:
// second: this callback cannot be called with the chain's current result T
#include <bight/deferred.hpp>

void start(bight::Deferred<int> d) {
#if MISTAKE == 1
  d.addCallback([](auto text) { (void)text.size(); });
#else
  // Never asked whether it would take a Failure, for which this body is wrong.
  d.addCallback([](auto n) { return n + 1; });
#endif
}
