#include <bight/lock.hpp>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include <bight/queue.hpp>
#include <bight/semaphore.hpp>

#include "unhandled_fixture.hpp"

namespace lock_test {

using namespace bight;

namespace {

/// Two wait; the first, when it is told that they wait in vain, cancels the second. @return what each was told
template <class Owner, class Ask>
std::string cancelledByOneAnother(std::unique_ptr<Owner> owner, Ask ask) {
  std::string told;
  auto first = ask(*owner);
  auto second = ask(*owner);
  second.addBoth([&](auto result) { told += result.failure().template check<CancelledError>() ? " cancelled" : " ?"; });
  first.addBoth([&](auto result) {
    told += result.failure().template check<AbandonedError>() ? "abandoned" : "?";
    second.cancel();
  });
  owner.reset();
  return told;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(DeferredLockSuite, UnhandledCounter)

// A72
BOOST_AUTO_TEST_CASE(one_at_a_time_in_the_order_of_asking) {
  DeferredLock lock;
  std::string got;
  lock.acquire().addCallback([&](DeferredLock* l) { got += l == &lock ? "a" : "?"; });
  lock.acquire().addCallback([&] { got += "b"; });
  lock.acquire().addCallback([&] { got += "c"; });
  BOOST_TEST(got == "a");
  lock.release();
  BOOST_TEST(got == "ab");
  BOOST_TEST(lock.locked());
  lock.release();
  lock.release();
  BOOST_TEST(got == "abc");
  BOOST_TEST(!lock.locked());
  BOOST_CHECK_THROW(lock.release(), std::logic_error);
}

// A73
BOOST_AUTO_TEST_CASE(a_cancelled_wait_leaves_the_line) {
  DeferredLock lock;
  std::string got;
  auto held = lock.acquire();
  auto b = lock.acquire();
  b.addErrback([&](const Failure& f) {
    got += f.check<CancelledError>() ? "cancelled " : "?";
    return &lock;
  });
  lock.acquire().addCallback([&] { got += "c"; });
  b.cancel();
  held.cancel();  // it has it
  BOOST_TEST(lock.locked());
  lock.release();
  BOOST_TEST(got == "cancelled c");
}

// A74
BOOST_AUTO_TEST_CASE(run_holds_it_until_the_result_is_there) {
  DeferredLock lock;
  Deferred<int> working;
  const auto p = working.promise();
  int result = 0;
  lock.run([&] { return std::move(working); }).addCallback([&](int n) { result = n; });
  BOOST_TEST(lock.locked());
  p.callback(5);
  BOOST_TEST(result == 5);
  BOOST_TEST(!lock.locked());
  bool failed = false;
  lock.run([]() -> int { throw std::runtime_error("x"); }).addErrback([&](const Failure&) {
    failed = true;
    return 0;
  });
  BOOST_TEST(failed);
  BOOST_TEST(!lock.locked());
}

BOOST_AUTO_TEST_CASE(a_cancelled_run_that_waits_in_line_releases_nothing) {
  DeferredLock lock;
  auto held = lock.acquire();
  bool ran = false;
  auto second = lock.run([&] { ran = true; });
  second.addErrback([](const Failure&) {});
  second.cancel();
  BOOST_TEST(lock.locked());
  BOOST_TEST(!ran);
  lock.release();
  BOOST_TEST(!lock.locked());
}

BOOST_AUTO_TEST_CASE(who_waits_when_it_dies_is_told) {
  auto lock = std::make_unique<DeferredLock>();
  auto held = lock->acquire();
  bool abandoned = false;
  lock->acquire().addErrback([&](const Failure& f) {
    abandoned = f.check<AbandonedError>() != nullptr;
    return static_cast<DeferredLock*>(nullptr);
  });
  lock.reset();
  BOOST_TEST(abandoned);
}

BOOST_AUTO_TEST_CASE(who_is_told_that_it_dies_may_cancel_others_in_line) {
  auto lock = std::make_unique<DeferredLock>();
  auto held = lock->acquire();
  BOOST_TEST(cancelledByOneAnother(std::move(lock), [](auto& l) { return l.acquire(); }) == "abandoned cancelled");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(DeferredSemaphoreSuite, UnhandledCounter)

// A75
BOOST_AUTO_TEST_CASE(so_many_at_a_time) {
  BOOST_CHECK_THROW(DeferredSemaphore(0), std::invalid_argument);
  DeferredSemaphore two(2);
  std::string got;
  for (const char* name : {"a", "b", "c"}) two.acquire().addCallback([&got, name] { got += name; });
  BOOST_TEST(got == "ab");
  BOOST_TEST(two.tokens() == 0U);
  two.release();
  BOOST_TEST(got == "abc");
  two.release();
  two.release();
  BOOST_TEST(two.tokens() == 2U);
  BOOST_CHECK_THROW(two.release(), std::logic_error);
  int result = 0;
  two.run([] { return 4; }).addCallback([&](int n) { result = n; });
  BOOST_TEST(result == 4);
  BOOST_TEST(two.tokens() == two.limit());
}

BOOST_AUTO_TEST_CASE(who_is_told_that_it_dies_may_cancel_others_in_line) {
  auto one = std::make_unique<DeferredSemaphore>(1);
  auto held = one->acquire();
  BOOST_TEST(cancelledByOneAnother(std::move(one), [](auto& s) { return s.acquire(); }) == "abandoned cancelled");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(DeferredQueueSuite, UnhandledCounter)

// A76
BOOST_AUTO_TEST_CASE(first_in_first_out_on_both_sides) {
  DeferredQueue<int> queue;
  std::string got;
  queue.put(1);
  queue.put(2);
  for (const char* name : {"a", "b", "c", "d"})
    queue.get().addCallback([&got, name](int n) { got += name + std::to_string(n); });
  BOOST_TEST(got == "a1b2");
  BOOST_TEST(queue.waiting() == 2U);
  queue.put(3);
  queue.put(4);
  BOOST_TEST(got == "a1b2c3d4");
}

BOOST_AUTO_TEST_CASE(its_limits_are_told_at_the_call) {
  DeferredQueue<int> queue(1, 1);
  queue.put(1);
  BOOST_CHECK_THROW(queue.put(2), QueueOverflow);
  auto first = queue.get();
  auto waiting = queue.get();
  BOOST_CHECK_THROW(static_cast<void>(queue.get()), QueueUnderflow);
  queue.put(3);
  int got = 0;
  waiting.addCallback([&](int n) { got = n; });
  BOOST_TEST(got == 3);
}

BOOST_AUTO_TEST_CASE(no_value_is_lost_to_a_cancelled_wait) {
  DeferredQueue<int> queue;
  auto a = queue.get();
  int got = 0;
  queue.get().addCallback([&](int n) { got = n; });
  a.cancel();
  queue.put(7);
  BOOST_TEST(got == 7);
}

BOOST_AUTO_TEST_CASE(who_is_told_that_it_dies_may_cancel_others_in_line) {
  const auto get = [](auto& queue) { return queue.get(); };
  BOOST_TEST(cancelledByOneAnother(std::make_unique<DeferredQueue<int>>(), get) == "abandoned cancelled");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lock_test
