// Coroutines: the same Deferreds, written as if one could wait.
#include <iostream>
#include <stdexcept>
#include <string>

#include <bight/deferred.hpp>

using namespace bight;

struct NotFound : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// region: body
Deferred<std::string> title(Deferred<std::string> page) {
  std::cout << "the body starts at once\n";
  const std::string html = co_await std::move(page);  // a failure is thrown here
  const std::size_t begin = html.find("<h1>");
  if (begin == std::string::npos) co_return Failure(NotFound("a page without a heading"));
  co_return html.substr(begin + 4, html.find("</h1>") - begin - 4);
}
// endregion: body

// region: catching
Deferred<void> show(Deferred<std::string> page) {
  std::string text;
  try {
    text = co_await title(std::move(page));  // coroutines wait for coroutines
  } catch (const NotFound& e) {
    text = "(" + std::string(e.what()) + ")";
  }
  std::cout << "title: " << text << '\n';
}
// endregion: catching

// region: cancelled
Deferred<int> stubborn(Deferred<int> first, Deferred<int> second) {
  try {
    const int n = co_await std::move(first);
    co_return n;
  } catch (const CancelledError&) {
    std::cout << "cancelled; trying something else\n";
  }
  const int n = co_await std::move(second);  // not in the catch: C++ does not allow that
  co_return n;
}
// endregion: cancelled

int main() {
  // region: use
  Deferred<std::string> page;
  const Promise<std::string> server = page.promise();
  show(std::move(page)).addCallback([] { std::cout << "shown\n"; });
  std::cout << "meanwhile\n";
  server.callback("<html><h1>Welcome</h1></html>");

  show(succeed(std::string("<html></html>")));
  show(fail<std::string>(std::runtime_error("no route"))).addErrback([](const Failure& f) {
    std::cout << "failed: " << f.getErrorMessage() << '\n';
  });
  // endregion: use

  // region: cancel
  Deferred<int> first, second;
  const Promise<int> a = first.promise(), b = second.promise();
  Deferred<int> d = stubborn(std::move(first), std::move(second));
  d.cancel();  // a request: the body may catch it and go on
  b.callback(2);
  d.addCallback([](int n) { std::cout << "got " << n << '\n'; });
  // endregion: cancel
}
