// A callback may return another Deferred: the chain waits for it, and goes on with its result.
#include <iostream>
#include <string>

#include <bight/deferred.hpp>

using namespace bight;

// region: services
// Two services that take their time. Here "later" is when main() says so.
Promise<int> lookup;
Promise<std::string> download;

Deferred<int> findNumber(const std::string& name) {
  std::cout << "looking up " << name << '\n';
  Deferred<int> d;
  lookup = d.promise();
  return d;
}
Deferred<std::string> fetchPage(int number) {
  std::cout << "fetching page " << number << '\n';
  Deferred<std::string> d;
  download = d.promise();
  return d;
}
// endregion: services

int main() {
  // region: pipeline
  // string -> int -> string -> size_t -> nothing: each handle has the type of its place in the chain.
  findNumber("home")
      .addCallback(fetchPage)
      .addErrback([](const Failure& f) { return "<h1>" + f.getErrorMessage() + "</h1>"; })
      .addCallback([](const std::string& page) { return page.size(); })
      .addCallback([](std::size_t size) { std::cout << size << " bytes\n"; });
  std::cout << "waiting\n";
  lookup.callback(7);
  download.callback("<h1>Welcome</h1>");
  // endregion: pipeline

  // region: named
  // The same line by line. A callback that changes the type gives a new handle; the old name stays the head.
  Deferred<int> d;
  Deferred<std::string> text = d.addCallback([](int n) { return std::string(static_cast<std::size_t>(n), '*'); });
  text.addCallback([](const std::string& s) { std::cout << s << '\n'; });
  d.callback(5);
  // endregion: named

  // region: both
  // addBoth sees either: here it tidies up and passes the result on.
  succeed(3)
      .addBoth([](Result<int> result) {
        std::cout << (result ? "closing after a value\n" : "closing after a failure\n");
        return result;
      })
      .addCallback([](int n) { std::cout << "still " << n << '\n'; });
  // endregion: both
}
