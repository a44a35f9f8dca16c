// A Deferred that would carry a Failure as its value.
// error: there is no Deferred<Failure>
// error: write fail<T>(failure)
#include <bight/deferred.hpp>

void start() {
#if MISTAKE == 1
  bight::Deferred<bight::Failure> d;
#elif MISTAKE == 2
  bight::succeed(bight::Failure(std::runtime_error("refused")));
#else
  bight::fail<int>(bight::Failure(std::runtime_error("refused")));
#endif
}
