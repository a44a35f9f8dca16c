#include <bight/cancel_scope.hpp>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "unhandled_fixture.hpp"

namespace cancel_scope_test {

using namespace bight;
using namespace std::chrono_literals;

namespace {

/// The smallest clock that addTimeout accepts.
struct ManualClock {
  struct State {
    std::chrono::nanoseconds at;
    Function<void()> call;
  };
  struct Call {
    std::shared_ptr<State> state;
    bool active() const { return static_cast<bool>(state->call); }
    void cancel() { state->call = nullptr; }
  };
  Call callLater(std::chrono::nanoseconds delay, Function<void()> f) {
    calls.push_back(std::make_shared<State>(State{now + delay, std::move(f)}));
    return {calls.back()};
  }
  void advance(std::chrono::nanoseconds by) {
    now += by;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (!calls[i]->call || calls[i]->at > now) continue;
      Function<void()> call = std::exchange(calls[i]->call, nullptr);
      call();
    }
  }
  std::size_t pending() const {
    std::size_t n = 0;
    for (const auto& c : calls) n += c->call ? 1 : 0;
    return n;
  }
  std::chrono::nanoseconds now{0};
  std::vector<std::shared_ptr<State>> calls;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(CancelScopeSuite, UnhandledCounter)

BOOST_AUTO_TEST_CASE(its_end_cancels_what_is_not_finished) {
  std::string got;
  Deferred<int> d;
  const auto p = d.promise();
  {
    CancelScope scope;
    scope.track(std::move(d)).addErrback([&](const Failure& f) {
      got += f.check<CancelledError>() ? "cancelled" : "?";
      return 0;
    });
    BOOST_TEST(!scope.empty());
  }
  BOOST_TEST(got == "cancelled");
  p.callback(1);  // swallowed
}

BOOST_AUTO_TEST_CASE(what_has_finished_is_forgotten) {
  CancelScope scope;
  scope.track(succeed(1)).addCallback([](int) {});
  BOOST_TEST(scope.empty());
}

BOOST_AUTO_TEST_CASE(stages_added_after_tracking_are_covered_too) {
  bool ran = false;
  Deferred<int> first;
  Deferred<int> second;
  const auto p1 = first.promise();
  const auto p2 = second.promise();
  {
    CancelScope scope;
    scope.track(std::move(first))
        .addCallback([&](int) { return std::move(second); })
        .addErrback([](const Failure&) { return 0; })
        .addCallback([&](int) { ran = true; });
    p1.callback(1);  // now it waits for the second
    ran = false;
    scope.cancel();
    BOOST_TEST(ran);  // the recovery ran while the scope lived
    ran = false;
  }
  BOOST_TEST(!ran);
}

// An errback that recovers by waiting for something else waits in vain.
BOOST_AUTO_TEST_CASE(nothing_runs_once_it_has_ended) {
  Deferred<int> never;
  const auto p = never.promise();
  Deferred<int> d;
  const auto producer = d.promise();
  bool ran = false;
  const auto owned = std::make_shared<int>();
  {
    CancelScope scope;
    scope.track(std::move(d))
        .addErrback([&](const Failure&) { return std::move(never); })
        .addCallback([&ran, owned](int) { ran = true; });
  }
  BOOST_TEST(owned.use_count() == 1);
  p.callback(1);
  BOOST_TEST(!ran);
  BOOST_TEST(count() == 0U);
}

BOOST_AUTO_TEST_CASE(its_owner_may_die_in_a_tracked_stage) {
  struct Owner {
    CancelScope scope;
    int value = 7;
  };
  auto owner = std::make_unique<Owner>();
  Deferred<int> d;
  const auto p = d.promise();
  bool later = false;
  owner->scope.track(std::move(d))
      .addCallback([&](int n) {
        owner.reset();
        return n;
      })
      .addCallback([&](int) { later = true; });
  p.callback(1);
  BOOST_TEST(!owner);
  BOOST_TEST(!later);
}

BOOST_AUTO_TEST_CASE(a_coroutine_is_cancelled_where_it_waits) {
  std::string got;
  Deferred<int> inner;
  const auto p = inner.promise();
  auto body = [&](Deferred<int> d) -> Deferred<void> {
    try {
      static_cast<void>(co_await std::move(d));
    } catch (const CancelledError&) {
      got = "cancelled";
    }
  };
  {
    CancelScope scope;
    scope.track(body(std::move(inner)));
  }
  BOOST_TEST(got == "cancelled");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(Timeout, UnhandledCounter)

// A45, A46
BOOST_AUTO_TEST_CASE(time_runs_out) {
  ManualClock clock;
  Deferred<int> d;
  const auto p = d.promise();
  std::string got;
  d.addTimeout(5s, clock);
  d.addErrback([&](const Failure& f) {
    got = f.getErrorMessage();
    BOOST_TEST(f.check<TimeoutError>());
    BOOST_TEST((f.get<TimeoutError>()->limit() == 5s));
    return 0;
  });
  clock.advance(4s);
  BOOST_TEST(got == "");
  clock.advance(1s);
  BOOST_TEST(got == "Deferred timed out after 5 s");
}

// A46: what the canceller says stands, and an errback before may recover
BOOST_AUTO_TEST_CASE(another_outcome_of_the_cancelling_is_passed_on) {
  ManualClock clock;
  Deferred<int> value([](const Promise<int>& p) { p.callback(3); });
  const auto keep = value.promise();
  int got = 0;
  value.addTimeout(1s, clock).addCallback([&](int n) { got = n; });
  clock.advance(1s);
  BOOST_TEST(got == 3);
  Deferred<int> recovered;
  const auto keep2 = recovered.promise();
  recovered.addErrback([](const Failure&) { return 4; });
  recovered.addTimeout(1s, clock).addCallback([&](int n) { got = n; });
  clock.advance(1s);
  BOOST_TEST(got == 4);
}

// A47
BOOST_AUTO_TEST_CASE(on_timeout_cancel_decides) {
  ManualClock clock;
  Deferred<int> d;
  const auto p = d.promise();
  int got = 0;
  d.addTimeout(2s, clock, [](const Result<int>& r, std::chrono::nanoseconds limit) {
    return r ? -1 : static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) * 10;
  });
  d.addCallback([&](int n) { got = n; });
  clock.advance(2s);
  BOOST_TEST(got == 20);
}

// A48
BOOST_AUTO_TEST_CASE(no_delayed_call_is_left) {
  ManualClock clock;
  Deferred<int> d;
  d.addTimeout(2s, clock);
  BOOST_TEST(clock.pending() == 1U);
  d.callback(1);
  BOOST_TEST(clock.pending() == 0U);
  {
    succeed(1).addTimeout(2s, clock);
  }
  BOOST_TEST(clock.pending() == 0U);
  Promise<int> p;
  {
    Deferred<int> dropped;
    dropped.addTimeout(2s, clock);
  }
  BOOST_TEST(clock.pending() == 0U);
  Deferred<int> cancelled;
  const auto keep = cancelled.promise();
  cancelled.addTimeout(2s, clock);
  std::string type;
  cancelled.addErrback([&](const Failure& f) {
    type = f.typeName();
    return 0;
  });
  cancelled.cancel();
  BOOST_TEST(type == "bight::CancelledError");
  BOOST_TEST(clock.pending() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cancel_scope_test
