// A callback that cannot take what the chain carries.
// error: this callback cannot be called with the chain's current result T
// error: let it take T by value, const T&, T&&, or nothing
#include <bight/deferred.hpp>

std::size_t lengthOf(const std::string& text);
bight::Deferred<int> countPages();

void measure(bight::Deferred<int> pages) {
#if MISTAKE == 1
  pages.addCallback([](const std::string& text) { (void)text; });
#elif MISTAKE == 2
  countPages().addCallback(lengthOf);
#elif MISTAKE == 3
  pages.addCallbacks(lengthOf, [](const bight::Failure&) {});
#elif MISTAKE == 4
  countPages().addCallback([](int a, int b) { return a + b; }).addCallback([](int n) { return n + 1; });
#else
  pages.addCallback([](int n) { return n + 1; });
  pages.addCallback([](const int& n) { return n + 1; });
  pages.addCallback([](int&& n) { return n + 1; });
  pages.addCallback([](int& n) { return n + 1; });
  pages.addCallback([](long n) { return static_cast<int>(n); });
  pages.addCallback([] {});
#endif
}
