#include <bight/cooperator.hpp>

#include <bight/reactor.hpp>
#include <bight/task.hpp>
#include <bight/testing/clock.hpp>
#include <boost/test/unit_test.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(CooperatorTest)

using namespace bight;
using namespace std::chrono_literals;
using testing::Clock;

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
  template <class E>
  bool failedWith() const {
    return failure && failure->check<E>();
  }
};

/// A Cooperator whose slices are `steps` long.
struct Sliced {
  Clock clock;
  Cooperator cooperator;
  explicit Sliced(int steps)
      : cooperator(clock,
                   [steps]() -> Cooperator::SliceIsOver { return [left = steps]() mutable { return --left <= 0; }; }) {}
};

/// Notes its letter, `times` times.
Function<Step()> noting(std::string& trace, char letter, int times) {
  return [&trace, letter, times]() mutable {
    if (times-- == 0) return Step::done();
    trace += letter;
    return Step::more();
  };
}

BOOST_AUTO_TEST_CASE(tasks_take_turns_and_slices_end) {  // B46
  Sliced s(3);
  std::string trace;
  Outcome a;
  a.watch(s.cooperator.coiterate(noting(trace, 'a', 3)));
  s.cooperator.cooperate(noting(trace, 'b', 2));
  BOOST_TEST(trace == "");
  // Each advance of zero would run slices for ever: look after each.
  std::vector<std::string> slices;
  while (!s.clock.getDelayedCalls().empty()) {
    DelayedCall next = s.clock.getDelayedCalls().front();
    static_cast<void>(next);
    s.clock.advance(0s);
  }
  BOOST_TEST(trace == "ababa");
  BOOST_TEST(a.fired);
}

BOOST_AUTO_TEST_CASE(a_slice_leaves_the_reactor_to_others) {  // B46
  auto reactor = makeReactor();
  Cooperator cooperator(*reactor,
                        []() -> Cooperator::SliceIsOver { return [left = 3]() mutable { return --left <= 0; }; });
  std::string trace;
  cooperator.cooperate(noting(trace, 'a', 100));
  reactor->iterate();
  BOOST_TEST(trace == "aaa");
  reactor->iterate();
  BOOST_TEST(trace == "aaaaaa");
}

BOOST_AUTO_TEST_CASE(a_slice_of_real_time_ends) {
  auto reactor = makeReactor();
  Cooperator cooperator(*reactor);
  long steps = 0;
  auto task = cooperator.cooperate([&] {
    ++steps;
    return Step::more();
  });
  reactor->iterate();
  BOOST_TEST(steps > 0);
  task->stop();
  BOOST_TEST(reactor->getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(a_deferred_pauses_its_task_only) {  // B46
  Sliced s(100);
  std::string trace;
  std::optional<Promise<int>> promise;
  bool asked = false;
  Outcome outcome;
  outcome.watch(s.cooperator.coiterate([&]() -> Step {
    if (asked) return Step::done();
    asked = true;
    Deferred<int> d;
    promise = d.promise();
    return d;
  }));
  s.cooperator.cooperate(noting(trace, 'b', 3));
  s.clock.advance(0s);
  BOOST_TEST(trace == "bbb");
  BOOST_TEST(!outcome.fired);
  BOOST_TEST(s.clock.getDelayedCalls().empty());
  promise->callback(1);
  s.clock.advance(0s);
  BOOST_TEST(outcome.fired);
}

BOOST_AUTO_TEST_CASE(a_task_whose_deferreds_are_ready_does_not_starve_the_others) {
  Sliced s(10);
  std::string trace;
  s.cooperator.cooperate(noting(trace, 'a', 5));
  int left = 5;
  s.cooperator.cooperate([&]() -> Step {
    if (left-- == 0) return Step::done();
    trace += 'b';
    return succeed(1);
  });
  s.clock.advance(0s);
  BOOST_TEST(trace == "ababababab");
}

BOOST_AUTO_TEST_CASE(a_step_that_throws_or_whose_deferred_fails_ends_the_task) {  // B46
  for (const bool deferred : {false, true}) {
    Sliced s(10);
    Outcome outcome;
    auto task = s.cooperator.cooperate([&]() -> Step {
      if (deferred) return fail<int>(std::runtime_error("BOOM!"));
      throw std::runtime_error("BOOM!");
    });
    outcome.watch(task->whenDone());
    s.clock.advance(0s);
    BOOST_REQUIRE(outcome.failure.has_value());
    BOOST_TEST(outcome.failure->getErrorMessage() == "BOOM!");
    BOOST_CHECK_THROW(task->stop(), TaskFailed);
    Outcome late;
    late.watch(task->whenDone());
    BOOST_TEST(late.failure.has_value());
  }
}

BOOST_AUTO_TEST_CASE(pause_and_resume_count) {  // B46
  Sliced s(1);
  std::string trace;
  auto task = s.cooperator.cooperate(noting(trace, 'a', 2));
  BOOST_CHECK_THROW(task->resume(), NotPaused);
  task->pause();
  task->pause();
  task->resume();
  BOOST_TEST(s.clock.getDelayedCalls().empty());
  s.clock.advance(0s);
  BOOST_TEST(trace == "");
  task->resume();
  s.clock.advance(0s);
  BOOST_TEST(trace == "aa");
  BOOST_CHECK_THROW(task->pause(), TaskDone);
}

BOOST_AUTO_TEST_CASE(a_task_can_be_stopped_also_while_it_waits_or_steps) {  // B46
  Sliced s(10);
  std::string trace;
  Outcome outcome;
  auto task = s.cooperator.cooperate(noting(trace, 'a', 100000));
  outcome.watch(task->whenDone());
  task->stop();
  BOOST_TEST(outcome.failedWith<TaskStopped>());
  BOOST_CHECK_THROW(task->stop(), TaskStopped);
  BOOST_TEST(s.clock.getDelayedCalls().empty());

  Deferred<int> wait;
  auto promise = wait.promise();
  auto waiting = s.cooperator.cooperate([&]() -> Step { return std::move(wait); });
  s.clock.advance(0s);
  waiting->stop();
  promise.callback(1);
  s.clock.advance(0s);

  std::shared_ptr<CooperativeTask> self;
  int steps = 0;
  self = s.cooperator.cooperate([&] {
    ++steps;
    self->stop();
    return Step::more();
  });
  s.clock.advance(0s);
  BOOST_TEST(steps == 1);
}

BOOST_AUTO_TEST_CASE(stopping_or_destroying_the_cooperator_ends_every_task) {  // B46
  Outcome paused;
  Outcome active;
  Outcome late;
  Outcome last;
  std::string trace;
  {
    Sliced s(10);
    auto task = s.cooperator.cooperate(noting(trace, 'a', 3));
    task->pause();
    paused.watch(task->whenDone());
    active.watch(s.cooperator.coiterate(noting(trace, 'b', 3)));
    s.cooperator.stop();
    BOOST_TEST(!s.cooperator.running());
    BOOST_TEST(paused.failedWith<SchedulerStopped>());
    BOOST_TEST(active.failedWith<SchedulerStopped>());
    BOOST_CHECK_THROW(task->stop(), SchedulerStopped);
    late.watch(s.cooperator.coiterate(noting(trace, 'c', 3)));
    BOOST_TEST(late.failedWith<SchedulerStopped>());
    s.cooperator.start();
    last.watch(s.cooperator.coiterate(noting(trace, 'd', 1000)));
  }
  BOOST_TEST(last.failedWith<SchedulerStopped>());
  BOOST_TEST(trace == "");
}

BOOST_AUTO_TEST_CASE(a_step_may_destroy_its_cooperator) {
  Clock clock;
  auto cooperator = std::make_unique<Cooperator>(clock);
  Outcome outcome;
  outcome.watch(cooperator->coiterate([&] {
    cooperator.reset();
    return Step::more();
  }));
  clock.advance(0s);
  BOOST_TEST(outcome.failedWith<SchedulerStopped>());
}

BOOST_AUTO_TEST_CASE(tasks_over_one_source_limit_what_is_under_way) {  // B46
  Sliced s(1000);
  int source = 100;
  int underWay = 0;
  int most = 0;
  int done = 0;
  const auto worker = [&]() -> Step {
    if (source == 0) return Step::done();
    --source;
    most = std::max(most, ++underWay);
    return deferLater(s.clock, 1s, [&] {
      --underWay;
      ++done;
    });
  };
  std::vector<Deferred<void>> all;
  for (int i = 0; i < 5; ++i) all.push_back(s.cooperator.coiterate(worker));
  for (int i = 0; i < 30; ++i) s.clock.advance(1s);
  BOOST_TEST(done == 100);
  BOOST_TEST(most == 5);
}

BOOST_AUTO_TEST_SUITE_END()
