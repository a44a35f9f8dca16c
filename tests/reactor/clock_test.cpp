#include <bight/testing/clock.hpp>

#include <bight/reactor_errors.hpp>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <stdexcept>
#include <vector>

#include <bight/coroutine.hpp>
#include <bight/defer_later.hpp>
#include <bight/testing/log_capture.hpp>

namespace clock_test {

using namespace bight;
using namespace std::chrono_literals;
using testing::Clock;
const auto nothing = [] {};

/// Waits again whatever the waiting ended with.
Deferred<void> waitForEver(Clock& clock, int& ends) {
  for (;;) {
    try {
      co_await deferLater(clock, 1s);
    } catch (const AbandonedError&) {
      ++ends;
    }
  }
}
BOOST_AUTO_TEST_SUITE(ClockTest)

BOOST_AUTO_TEST_CASE(starts_at_zero_and_moves_only_by_hand) {  // B43
  Clock clock;
  BOOST_TEST(clock.seconds().count() == 0);
  clock.advance(1500ms);
  clock.pump({1s, 2s});
  BOOST_TEST((clock.seconds() == 4500ms));
  BOOST_CHECK_THROW(clock.advance(-1s), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(calls_what_is_due_in_order_of_time_and_then_of_scheduling) {  // B14
  Clock clock;
  std::vector<int> calls;
  for (int i = 0; i < 100; ++i) clock.callLater(2s, [&calls, i] { calls.push_back(i); });
  clock.callLater(1s, [&] { calls.push_back(-1); });
  clock.callLater(3s, [&] { calls.push_back(1000); });
  clock.advance(2s);
  BOOST_REQUIRE(calls.size() == 101);
  BOOST_TEST(calls[0] == -1);
  for (int i = 0; i < 100; ++i) BOOST_TEST(calls[static_cast<std::size_t>(i + 1)] == i);
  BOOST_TEST(clock.getDelayedCalls().size() == 1);
}

BOOST_AUTO_TEST_CASE(runs_what_is_scheduled_for_now_during_the_same_advance) {  // B43
  Clock clock;
  int depth = 0;
  Function<void()> again = [&] {
    if (++depth < 5) clock.callLater(0s, [&] { again(); });
  };
  clock.callLater(1s, [&] { again(); });
  clock.advance(1s);
  BOOST_TEST(depth == 5);
}

BOOST_AUTO_TEST_CASE(an_exception_comes_out_of_advance_and_later_calls_stay_due) {
  Clock clock;
  int calls = 0;
  clock.callLater(1s, [] { throw std::runtime_error("BOOM!"); });
  clock.callLater(1s, [&] { ++calls; });
  BOOST_CHECK_THROW(clock.advance(1s), std::runtime_error);
  BOOST_TEST(calls == 0);
  clock.advance(0s);
  BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(a_call_in_the_past_or_of_nothing_is_refused) {  // B17
  Clock clock;
  BOOST_CHECK_THROW(clock.callLater(-1ns, nothing), std::invalid_argument);
  BOOST_CHECK_THROW(clock.callLater(1s, Function<void()>()), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(DelayedCallTest)

BOOST_AUTO_TEST_CASE(tells_its_time_and_whether_it_is_active) {  // B18
  Clock clock;
  clock.advance(1s);
  DelayedCall call = clock.callLater(2s, nothing);
  BOOST_TEST((call.getTime() == 3s));
  BOOST_TEST(call.active());
  BOOST_TEST(call.toString() == "<DelayedCall in 2 s>");
  clock.advance(2s);
  BOOST_TEST(!call.active());
  BOOST_TEST((call.getTime() == 3s));
  BOOST_TEST(call.toString() == "<DelayedCall called>");
}

BOOST_AUTO_TEST_CASE(cancel_takes_it_back_and_destroys_what_it_captured) {
  Clock clock;
  auto captured = std::make_shared<int>(1);
  DelayedCall call = clock.callLater(1s, [captured] { BOOST_ERROR("it was cancelled"); });
  BOOST_TEST(captured.use_count() == 2);
  call.cancel();
  BOOST_TEST(captured.use_count() == 1);
  BOOST_TEST(!call.active());
  BOOST_TEST(call.toString() == "<DelayedCall cancelled>");
  BOOST_TEST(clock.getDelayedCalls().empty());  // B20
  clock.advance(2s);
}

BOOST_AUTO_TEST_CASE(misuse_says_whether_it_was_called_or_cancelled) {  // B18
  Clock clock;
  DelayedCall called = clock.callLater(1s, nothing);
  DelayedCall cancelled = clock.callLater(1s, nothing);
  cancelled.cancel();
  clock.advance(1s);
  BOOST_CHECK_THROW(called.cancel(), AlreadyCalled);
  BOOST_CHECK_THROW(called.reset(1s), AlreadyCalled);
  BOOST_CHECK_THROW(called.delay(1s), AlreadyCalled);
  BOOST_CHECK_THROW(cancelled.cancel(), AlreadyCancelled);
  BOOST_CHECK_THROW(cancelled.reset(1s), AlreadyCancelled);
  BOOST_CHECK_THROW(cancelled.delay(1s), AlreadyCancelled);
  DelayedCall never;
  BOOST_TEST(!never.active());
  BOOST_CHECK_THROW(never.cancel(), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_call_that_cancels_itself_while_it_runs_is_told_that_it_was_called) {  // B18
  Clock clock;
  DelayedCall call;
  bool told = false;
  call = clock.callLater(1s, [&] {
    BOOST_TEST(!call.active());
    BOOST_CHECK_THROW(call.cancel(), AlreadyCalled);
    told = true;
  });
  clock.advance(1s);
  BOOST_TEST(told);
}

BOOST_AUTO_TEST_CASE(reset_counts_from_now_and_delay_from_the_old_time) {  // B18, B19
  Clock clock;
  std::vector<char> calls;
  DelayedCall a = clock.callLater(5s, [&] { calls.push_back('a'); });
  DelayedCall b = clock.callLater(5s, [&] { calls.push_back('b'); });
  clock.callLater(5s, [&] { calls.push_back('c'); });
  clock.advance(1s);
  a.reset(6s);
  BOOST_TEST((a.getTime() == 7s));
  b.delay(-3s);
  BOOST_TEST((b.getTime() == 2s));
  b.delay(1s);
  BOOST_TEST((b.getTime() == 3s));
  clock.advance(2s);
  BOOST_TEST(calls == std::vector<char>({'b'}), boost::test_tools::per_element());
  clock.advance(4s);
  BOOST_TEST(calls == std::vector<char>({'b', 'c', 'a'}), boost::test_tools::per_element());
  DelayedCall d = clock.callLater(1s, nothing);
  BOOST_CHECK_THROW(d.reset(-1s), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(reset_to_the_same_time_goes_behind_what_is_there) {  // B14
  Clock clock;
  std::vector<char> calls;
  DelayedCall a = clock.callLater(1s, [&] { calls.push_back('a'); });
  clock.callLater(1s, [&] { calls.push_back('b'); });
  a.reset(1s);
  clock.advance(1s);
  BOOST_TEST(calls == std::vector<char>({'b', 'a'}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(outlives_its_clock_as_cancelled) {
  DelayedCall call;
  auto captured = std::make_shared<int>(1);
  {
    Clock clock;
    call = clock.callLater(1s, [captured] {});
  }
  BOOST_TEST(captured.use_count() == 1);
  BOOST_TEST(!call.active());
  BOOST_CHECK_THROW(call.cancel(), AlreadyCancelled);
}

BOOST_AUTO_TEST_CASE(ends_also_if_every_call_that_it_takes_back_makes_another) {
  const testing::LogCapture log;
  int ends = 0;
  DelayedCall last;
  {
    Clock clock;
    waitForEver(clock, ends);
    last = clock.getDelayedCalls().front();
  }
  BOOST_TEST(ends == 16);
  BOOST_TEST(log.contains("makes a new delayed call whenever one is cancelled"));
  BOOST_TEST(!last.active());
}

BOOST_AUTO_TEST_CASE(a_call_may_hold_its_own_handle) {
  Clock clock;
  auto handle = std::make_shared<DelayedCall>();
  std::weak_ptr<DelayedCall> gone = handle;
  *handle = clock.callLater(1s, [handle] {});
  DelayedCall& last = *handle;
  handle.reset();
  last.cancel();  // destroys the handle that it was called through
  BOOST_TEST(gone.expired());
}

BOOST_AUTO_TEST_CASE(distant_and_endless_delays_do_not_overflow) {  // B13
  Clock clock;
  clock.advance(1s);
  DelayedCall call = clock.callLater(Duration::max(), nothing);
  BOOST_TEST((call.getTime() == Duration::max()));
  call.delay(1s);
  BOOST_TEST((call.getTime() == Duration::max()));
  call.delay(Duration::min());
  clock.advance(1s);
  BOOST_TEST(!call.active());
}

BOOST_AUTO_TEST_CASE(many_timers_in_random_order_are_called_as_a_stable_sort_would) {  // B14
  Clock clock;
  std::uint32_t state = 12345;
  const auto random = [&] { return state = state * 1664525u + 1013904223u; };
  struct Made {
    DelayedCall call;
    Duration at;
    int order;
    bool cancelled = false;
  };
  std::vector<Made> made;
  std::vector<int> called;
  int order = 0;
  for (int i = 0; i < 3000; ++i) {
    const int id = i;
    const Duration at((random() >> 16) % 200);
    made.push_back({clock.callLater(at, [&called, id] { called.push_back(id); }), at, order++});
    if (i % 3 == 0) {
      Made& other = made[(random() >> 8) % made.size()];
      if (!other.cancelled) {
        other.at = Duration((random() >> 16) % 200);
        other.call.reset(other.at);
        other.order = order++;
      }
    }
    if (i % 5 == 0) {
      Made& other = made[(random() >> 8) % made.size()];
      if (!other.cancelled) {
        other.call.cancel();
        other.cancelled = true;
      }
    }
  }
  std::vector<int> expected;
  for (int i = 0; i < 3000; ++i) {
    if (!made[static_cast<std::size_t>(i)].cancelled) expected.push_back(i);
  }
  std::sort(expected.begin(), expected.end(), [&](int a, int b) {
    const Made& x = made[static_cast<std::size_t>(a)];
    const Made& y = made[static_cast<std::size_t>(b)];
    return x.at != y.at ? x.at < y.at : x.order < y.order;
  });
  clock.advance(1s);
  BOOST_TEST(called == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace clock_test
