#include <bight/looping_call.hpp>

#include <bight/errors.hpp>
#include <bight/reactor.hpp>
#include <bight/task.hpp>
#include <bight/testing/clock.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "backends.hpp"

namespace looping_call_test {

using namespace bight;
using namespace std::chrono_literals;
using testing::Clock;
namespace data = boost::unit_test::data;

/// What has become of a Deferred.
struct Outcome {
  bool fired = false;
  std::optional<Failure> failure;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // what it watches may end after it
  void watch(Deferred<void> deferred) {
    const std::weak_ptr<bool> here = alive;
    std::move(deferred).addCallbacks(
        [this, here] {
          if (here.lock()) fired = true;
        },
        [this, here](Failure f) {
          if (here.lock()) failure = f;
        });
  }
};

BOOST_AUTO_TEST_SUITE(DeferLaterTest)

BOOST_AUTO_TEST_CASE(fires_after_its_time_with_what_the_function_returns) {  // B44
  Clock clock;
  int got = 0;
  deferLater(clock, 1s, [] { return 42; }).addCallback([&](int value) { got = value; });
  clock.advance(999ms);
  BOOST_TEST(got == 0);
  clock.advance(1ms);
  BOOST_TEST(got == 42);
}

BOOST_AUTO_TEST_CASE(a_function_that_returns_a_deferred_is_waited_for) {  // B44
  Clock clock;
  int got = 0;
  deferLater(clock, 1s, [&] { return deferLater(clock, 1s, [] { return 7; }); }).addCallback([&](int v) { got = v; });
  clock.pump({1s, 1s});
  BOOST_TEST(got == 7);
}

BOOST_AUTO_TEST_CASE(cancelling_leaves_nothing_on_the_clock) {  // B44
  Clock clock;
  bool called = false;
  std::optional<Failure> failure;
  auto d = deferLater(clock, 1s, [&] { called = true; });
  d.addErrback([&](Failure f) { failure = f; });
  d.cancel();
  BOOST_TEST(clock.getDelayedCalls().empty());
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST((failure->check<CancelledError>() != nullptr));
  clock.advance(2s);
  BOOST_TEST(!called);
}

BOOST_AUTO_TEST_CASE(what_the_function_throws_is_the_failure) {
  Clock clock;
  std::optional<Failure> failure;
  deferLater(clock, 1s, [] { throw std::runtime_error("late"); }).addErrback([&](Failure f) { failure = f; });
  clock.advance(1s);
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST(failure->getErrorMessage() == "late");
}

BOOST_AUTO_TEST_CASE(a_timeout_over_the_clock_cancels_and_leaves_nothing_behind) {  // A46, B43
  Clock clock;
  std::optional<Failure> failure;
  deferLater(clock, 10s).addTimeout(1s, clock).addErrback([&](Failure f) { failure = f; });
  clock.advance(1s);
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST((failure->check<TimeoutError>() != nullptr));
  BOOST_TEST(clock.getDelayedCalls().empty());
}

BOOST_DATA_TEST_CASE(a_timeout_over_a_reactor_works_the_same, data::make(tests::backends()), backend) {
  auto reactor = makeReactor(backend);
  std::optional<Failure> failure;
  deferLater(*reactor, 1h).addTimeout(1ms, *reactor).addErrback([&](Failure f) {
    failure = f;
    reactor->stop();
  });
  reactor->run({.installSignalHandlers = false});
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST((failure->check<TimeoutError>() != nullptr));
  BOOST_TEST(reactor->getDelayedCalls().empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(LoopingCallTest)

BOOST_AUTO_TEST_CASE(calls_at_once_and_then_at_each_interval) {  // B45
  Clock clock;
  std::vector<long> at;
  LoopingCall loop(clock, [&] { at.push_back(clock.seconds() / 1ms); });
  Outcome outcome;
  outcome.watch(loop.start(1s));
  BOOST_TEST(loop.running());
  BOOST_TEST((loop.interval() == 1s));
  clock.pump({500ms, 500ms, 1s, 1s});
  BOOST_TEST(at == std::vector<long>({0, 1000, 2000, 3000}), boost::test_tools::per_element());
  BOOST_TEST(!outcome.fired);
  loop.stop();
  BOOST_TEST(outcome.fired);
  BOOST_TEST(!loop.running());
  BOOST_TEST(clock.getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(keeps_its_phase_and_skips_what_was_missed) {  // B45
  Clock clock;
  std::vector<long> at;
  LoopingCall loop(clock, [&] { at.push_back(clock.seconds() / 1ms); });
  Outcome outcome;
  outcome.watch(loop.start(1s));
  clock.pump({3700ms, 300ms, 1s});
  BOOST_TEST(at == std::vector<long>({0, 3700, 4000, 5000}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(may_wait_for_its_first_interval) {
  Clock clock;
  int calls = 0;
  LoopingCall loop(clock, [&] { ++calls; });
  Outcome outcome;
  outcome.watch(loop.start(1s, false));
  BOOST_TEST(calls == 0);
  clock.advance(1s);
  BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(waits_for_the_deferred_of_its_function) {  // B45
  Clock clock;
  std::vector<Promise<int>> waiting;
  LoopingCall loop(clock, [&] {
    Deferred<int> d;
    waiting.push_back(d.promise());
    return d;
  });
  Outcome outcome;
  outcome.watch(loop.start(1s));
  clock.advance(2500ms);
  BOOST_TEST(waiting.size() == 1);
  waiting[0].callback(1);
  clock.advance(500ms);
  BOOST_TEST(waiting.size() == 2);
  loop.stop();
  BOOST_TEST(!outcome.fired);
  waiting[1].callback(2);
  BOOST_TEST(outcome.fired);
}

BOOST_AUTO_TEST_CASE(ends_with_what_the_function_throws_or_fails_with) {  // B45
  for (const bool deferred : {false, true}) {
    Clock clock;
    LoopingCall loop(clock, [&]() -> Deferred<void> {
      if (deferred) return fail<void>(std::runtime_error("BOOM!"));
      throw std::runtime_error("BOOM!");
    });
    Outcome outcome;
    outcome.watch(loop.start(1s));
    BOOST_REQUIRE(outcome.failure.has_value());
    BOOST_TEST(outcome.failure->getErrorMessage() == "BOOM!");
    BOOST_TEST(!loop.running());
    BOOST_TEST(clock.getDelayedCalls().empty());
  }
}

BOOST_AUTO_TEST_CASE(interval_zero_is_once_in_every_turn) {  // B45
  auto reactor = makeReactor();
  int calls = 0;
  LoopingCall loop(*reactor, [&] { ++calls; });
  Outcome outcome;
  outcome.watch(loop.start(0s, false));
  for (int turn = 1; turn <= 5; ++turn) {
    reactor->iterate();
    BOOST_TEST(calls == turn);
  }
  loop.stop();
}

BOOST_AUTO_TEST_CASE(reset_begins_the_interval_anew) {  // B45
  Clock clock;
  std::vector<long> at;
  LoopingCall loop(clock, [&] { at.push_back(clock.seconds() / 1ms); });
  Outcome outcome;
  outcome.watch(loop.start(1s));
  clock.advance(600ms);
  loop.reset();
  clock.pump({900ms, 100ms, 1s});
  BOOST_TEST(at == std::vector<long>({0, 1600, 2600}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(with_count_tells_how_many_intervals_have_passed) {  // B45
  Clock clock;
  std::vector<std::int64_t> counts;
  LoopingCall loop = LoopingCall::withCount(clock, [&](std::int64_t count) { counts.push_back(count); });
  Outcome outcome;
  outcome.watch(loop.start(1s));
  clock.pump({1s, 3500ms, 500ms, 1s});
  BOOST_TEST(counts == std::vector<std::int64_t>({1, 1, 3, 1, 1}), boost::test_tools::per_element());
  loop.stop();
  counts.clear();
  Outcome second;
  second.watch(loop.start(2s, false));
  clock.pump({2s, 2s});
  BOOST_TEST(counts == std::vector<std::int64_t>({1, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(misuse_is_refused) {  // B45
  Clock clock;
  LoopingCall loop(clock, [] {});
  BOOST_CHECK_THROW(loop.stop(), std::logic_error);
  BOOST_CHECK_THROW(loop.reset(), std::logic_error);
  BOOST_CHECK_THROW(static_cast<void>(loop.start(-1s)), std::invalid_argument);
  Outcome outcome;
  outcome.watch(loop.start(1s));
  BOOST_CHECK_THROW(static_cast<void>(loop.start(1s)), std::logic_error);
  loop.stop();
  BOOST_CHECK_THROW(loop.stop(), std::logic_error);
  outcome.watch(loop.start(1s));  // again is fine
}

BOOST_AUTO_TEST_CASE(stops_from_inside_its_function) {
  Clock clock;
  int calls = 0;
  LoopingCall* self = nullptr;
  LoopingCall loop(clock, [&] {
    if (++calls == 2) self->stop();
  });
  self = &loop;
  Outcome outcome;
  outcome.watch(loop.start(1s));
  clock.pump({1s, 1s, 1s});
  BOOST_TEST(calls == 2);
  BOOST_TEST(outcome.fired);
}

BOOST_AUTO_TEST_CASE(destroying_one_that_runs_ends_it_also_from_inside) {
  Clock clock;
  Outcome outer;
  {
    LoopingCall loop(clock, [] {});
    outer.watch(loop.start(1s));
  }
  BOOST_REQUIRE(outer.failure.has_value());
  BOOST_TEST((outer.failure->check<CancelledError>() != nullptr));
  BOOST_TEST(clock.getDelayedCalls().empty());

  Outcome inner;
  int calls = 0;
  std::unique_ptr<LoopingCall> loop;
  loop = std::make_unique<LoopingCall>(clock, [&] {
    if (++calls == 2) loop.reset();
  });
  inner.watch(loop->start(1s));
  clock.pump({1s, 1s});
  BOOST_TEST(calls == 2);
  BOOST_TEST(inner.failure.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace looping_call_test
