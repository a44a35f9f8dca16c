// What firing means: once, at once, and nothing that goes wrong is lost. (A7, A111, A112)
#include <iostream>
#include <stdexcept>

#include <bight/deferred.hpp>

using namespace bight;

int main() {
  {
    // region: order
    // Before the firing or after it: the same functions run in the same order on the same values.
    Deferred<int> d;
    d.addCallback([](int n) {
      std::cout << "added before: " << n << '\n';
      return n + 1;
    });
    d.callback(1);
    d.addCallback([](int n) {
      std::cout << "added after: " << n << '\n';
      return n + 1;
    });
    std::cout << "addCallback has returned\n";
    // endregion: order
  }
  {
    // region: twice
    Deferred<int> d;
    d.callback(1);
    try {
      d.callback(2);
    } catch (const AlreadyCalledError& e) {
      std::cout << e.what() << '\n';
    }
    // endregion: twice
  }
  {
    // region: unhandled
    setUnhandledFailureHook([](const UnhandledFailure& unhandled) { std::cout << describe(unhandled); });
    {
      Deferred<int> d;
      d.addCallback([](int) { throw std::runtime_error("beyond the last stage"); });
      d.callback(1);
      std::cout << "the program goes on\n";
    }  // the last handle goes: nobody can handle it any more
    std::cout << "and on\n";
    // endregion: unhandled
  }
  {
    // region: abandoned
    // A producer that goes without firing is a failure too: nothing waits for ever in silence.
    Deferred<int> d;
    d.addErrback([](const Failure& f) {
      std::cout << f.getErrorMessage() << '\n';
      return 0;
    });
    {
      const Promise<int> producer = d.promise();
    }
    // endregion: abandoned
  }
}
