// A million links, in every direction, on a stack of 512 KiB (A26, A79, A92). What recursed with the length would need a hundred times as much.
#include <bight/deferred.hpp>

#include <pthread.h>

#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>
#include <vector>

BOOST_AUTO_TEST_SUITE(BoundedStack)

using namespace bight;

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr int links = 100'000;  // its frames and its memory are several times as large
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr int links = 100'000;
#else
constexpr int links = 1'000'000;
#endif
#else
constexpr int links = 1'000'000;
#endif

void onSmallStack(std::function<void()> work) {
  pthread_attr_t attributes;
  BOOST_REQUIRE(pthread_attr_init(&attributes) == 0);
  BOOST_REQUIRE(pthread_attr_setstacksize(&attributes, 512 * 1024) == 0);
  pthread_t thread;
  const auto run = [](void* f) -> void* {
    (*static_cast<std::function<void()>*>(f))();
    return nullptr;
  };
  BOOST_REQUIRE(pthread_create(&thread, &attributes, run, &work) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

Deferred<int> plusOne(Deferred<int> d) {
  const int value = co_await std::move(d);
  co_return value + 1;
}

}  // namespace

BOOST_AUTO_TEST_CASE(returned_already_fired) {
  int result = 0;
  onSmallStack([&] {
    Deferred<int> d;
    for (int i = 0; i < links; ++i) d.addCallback([](int n) { return succeed(n + 1); });
    d.addCallback([&](int n) { result = n; });
    d.callback(0);
  });
  BOOST_TEST(result == links);
}

BOOST_AUTO_TEST_CASE(fired_from_the_innermost) {
  int result = 0;
  onSmallStack([&] {
    Deferred<int> innermost;
    const Promise<int> p = innermost.promise();
    Deferred<int> d = std::move(innermost);
    for (int i = 0; i < links; ++i)
      d = succeed(0)
              .addCallback([inner = std::move(d)](int) mutable { return std::move(inner); })
              .addCallback([](int n) { return n + 1; });
    d.addCallback([&](int n) { result = n; });
    p.callback(0);
  });
  BOOST_TEST(result == links);
}

BOOST_AUTO_TEST_CASE(a_failure_from_the_innermost) {
  bool failed = false;
  onSmallStack([&] {
    Deferred<int> innermost;
    const Promise<int> p = innermost.promise();
    Deferred<int> d = std::move(innermost);
    for (int i = 0; i < links; ++i)
      d = succeed(0).addCallback([inner = std::move(d)](int) mutable { return std::move(inner); });
    d.addErrback([&](const Failure&) {
      failed = true;
      return 0;
    });
    p.errback(std::runtime_error("x"));
  });
  BOOST_TEST(failed);
}

// The consumer of A92
BOOST_AUTO_TEST_CASE(user_recursion_through_ready_results) {
  int got = 0;
  onSmallStack([&] {
    DeferredQueue<int> queue;
    for (int i = 0; i < links; ++i) queue.put(i);
    std::function<void(int)> next = [&](int) {
      if (++got < links) queue.get().addCallback(next);
    };
    queue.get().addCallback(next);
  });
  BOOST_TEST(got == links);
}

BOOST_AUTO_TEST_CASE(awaits_of_ready_results) {
  int result = 0;
  onSmallStack([&] {
    auto body = []() -> Deferred<int> {
      int sum = 0;
      for (int i = 0; i < links; ++i) {
        const int one = co_await succeed(1);
        sum += one;
      }
      co_return sum;
    };
    body().addCallback([&](int n) { result = n; });
  });
  BOOST_TEST(result == links);
}

BOOST_AUTO_TEST_CASE(coroutines_that_await_each_other) {
  int result = 0;
  onSmallStack([&] {
    Deferred<int> innermost;
    const Promise<int> p = innermost.promise();
    Deferred<int> d = std::move(innermost);
    for (int i = 0; i < links; ++i) d = plusOne(std::move(d));
    d.addCallback([&](int n) { result = n; });
    p.callback(0);
  });
  BOOST_TEST(result == links);
}

BOOST_AUTO_TEST_CASE(coroutines_and_callbacks_in_turn) {
  int result = 0;
  onSmallStack([&] {
    Deferred<int> innermost;
    const Promise<int> p = innermost.promise();
    Deferred<int> d = std::move(innermost);
    for (int i = 0; i < links; ++i) d = plusOne(std::move(d)).addCallback([](int n) { return n + 1; });
    d.addCallback([&](int n) { result = n; });
    p.callback(0);
  });
  BOOST_TEST(result == 2 * links);
}

BOOST_AUTO_TEST_CASE(promises_that_fire_the_next) {
  int result = 0;
  onSmallStack([&] {
    Deferred<int> first;
    Deferred<int> last = std::move(first);
    const Promise<int> p = last.promise();
    for (int i = 0; i < links; ++i) {
      Deferred<int> next;
      std::move(last).chainTo(next.promise());
      last = std::move(next);
    }
    last.addCallback([&](int n) { result = n; });
    p.callback(7);
  });
  BOOST_TEST(result == 7);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_row_that_owns_the_next) {
  int destroyed = 0;
  onSmallStack([&] {
    struct Counted {
      int* count;
      explicit Counted(int* c) : count(c) {}
      Counted(Counted&& o) noexcept : count(std::exchange(o.count, nullptr)) {}
      Counted& operator=(Counted&&) = delete;
      ~Counted() {
        if (count) ++*count;
      }
    };
    Deferred<int> d;
    for (int i = 0; i < links; ++i) {
      Deferred<int> owner;
      owner.addCallback([inner = std::move(d), c = Counted(&destroyed)](int n) { return n; });
      d = std::move(owner);
    }
  });
  BOOST_TEST(destroyed == links);
}

BOOST_AUTO_TEST_CASE(a_row_that_is_abandoned) {
  bool abandoned = false;
  onSmallStack([&] {
    auto p = std::make_unique<Promise<int>>();
    Deferred<int> innermost;
    *p = innermost.promise();
    Deferred<int> d = std::move(innermost);
    for (int i = 0; i < links; ++i)
      d = succeed(0).addCallback([inner = std::move(d)](int) mutable { return std::move(inner); });
    d.addErrback([&](const Failure& f) {
      abandoned = f.check<AbandonedError>() != nullptr;
      return 0;
    });
    p.reset();
  });
  BOOST_TEST(abandoned);
}

BOOST_AUTO_TEST_SUITE_END()
