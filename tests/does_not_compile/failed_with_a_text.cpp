// A Deferred failed with a text instead of an exception (A5).
// error: write std::runtime_error(text)
#include <bight/deferred.hpp>

void start(bight::Deferred<int> d, bight::Promise<int> p) {
#if MISTAKE == 1
  d.errback("no route");
#elif MISTAKE == 2
  p.errback("no route");
#elif MISTAKE == 3
  bight::fail<int>("no route");
#elif MISTAKE == 4
  const bight::Failure failure("no route");
#elif MISTAKE == 5
  d.errback(std::string("no route"));
#else
  d.errback(std::runtime_error("no route"));
  p.errback(std::runtime_error("no route"));
  bight::fail<int>(std::runtime_error("no route"));
#endif
}
