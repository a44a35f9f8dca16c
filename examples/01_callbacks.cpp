// A Deferred is a result that is not there yet. Whoever wants it adds functions; whoever has it fires. (A106)
#include <iostream>
#include <stdexcept>

#include <bight/deferred.hpp>

using namespace bight;

// region: functions
void cb(int result) {
  std::cout << "WHOA, NICE!\n" << result << '\n';
}
void eb(const Failure& error) {
  std::cout << "OMG NOOO!\n" << error << '\n';
}
// endregion: functions

int main() {
  {
    // region: callback
    Deferred<int> d;
    d.addCallbacks(cb, eb);
    d.callback(42);  // fire!
    // endregion: callback
  }
  {
    // region: errback
    Deferred<int> d;
    d.addCallbacks(cb, eb);
    d.errback(std::runtime_error("BOOM!"));  // fire!
    // endregion: errback
  }
}
