// A Deferred fired with what is not a T, or with nothing.
// error: callback() takes the T of this Deferred<T>, or what converts to it | a Deferred<void> is fired without a value: callback()
#include <bight/deferred.hpp>

void start(bight::Deferred<int> d, bight::Promise<int> p, bight::Deferred<void> done) {
#if MISTAKE == 1
  d.callback(std::string("three"));
#elif MISTAKE == 2
  p.callback(std::string("three"));
#elif MISTAKE == 3
  done.callback(3);
#else
  d.callback(3);
  p.callback(3);
  done.callback();
#endif
}
