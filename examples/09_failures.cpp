// A Failure is an exception as a value: looked at without throwing, passed on, and never lost.
#include <iostream>
#include <stdexcept>
#include <string>

#include <bight/deferred.hpp>

using namespace bight;

// region: types
struct NetworkError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Refused : NetworkError {
  explicit Refused(int p) : NetworkError("refused on port " + std::to_string(p)), port(p) {}
  int port;
};
// endregion: types

int main() {
  // region: check
  const Failure f(Refused(80));
  std::cout << f.typeName() << ": " << f.getErrorMessage() << '\n';
  if (f.check<NetworkError>()) std::cout << "it is a NetworkError\n";  // base classes count
  if (const Refused* refused = f.get<Refused>()) std::cout << "port " << refused->port << '\n';
  // endregion: check

  // region: trap
  // An errback says what it can handle; everything else goes on as the very same failure.
  fail<int>(Refused(80))
      .addErrback([](const Failure& e) {
        e.trap<std::logic_error>();
        return 1;
      })
      .addErrback([](const Failure& e) {
        e.trap<NetworkError>();
        return 2;
      })
      .addCallback([](int n) { std::cout << "handled by the " << (n == 1 ? "first" : "second") << '\n'; });
  // endregion: trap

  // region: without-throwing
  // Returning a Failure does what throwing does, and is about twenty times cheaper.
  succeed(-1)
      .addCallback([](int n) -> Result<int> {
        if (n < 0) return Failure(std::invalid_argument("a negative number"));
        return n;
      })
      .addErrback([](const Failure& e) {
        std::cout << e.getErrorMessage() << '\n';
        return 0;
      });
  // endregion: without-throwing

  // region: cause
  // The failure that was being handled stays with the one that replaced it.
  fail<int>(Refused(443))
      .addErrback([](const Failure&) -> int { throw std::runtime_error("and the cache is empty"); })
      .addErrback([](const Failure& e) {
        e.printTraceback(std::cout);
        return 0;
      });
  // endregion: cause
}
