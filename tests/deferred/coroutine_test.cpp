#include <bight/coroutine.hpp>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "unhandled_fixture.hpp"

namespace coroutine_test {

using namespace bight;

namespace {

struct Steps : UnhandledCounter {
  std::string text;
  void step(const std::string& what) { text += (text.empty() ? "" : ", ") + what; }
};

/// Says when it dies.
struct Local {
  Steps& steps;
  std::string name;
  Local(Steps& s, std::string n) : steps(s), name(std::move(n)) {}
  Local(const Local&) = delete;
  Local& operator=(const Local&) = delete;
  ~Local() { steps.step("~" + name); }
};

Deferred<int> plusOne(Deferred<int> d) {
  const int value = co_await std::move(d);
  co_return value + 1;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(Coroutine, Steps)

// A78
BOOST_AUTO_TEST_CASE(the_body_starts_at_once_and_has_fired_if_it_never_waits) {
  auto body = [this]() -> Deferred<int> {
    step("body");
    const int value = co_await succeed(1);
    co_return value + 1;
  };
  auto d = body();
  BOOST_TEST(text == "body");
  BOOST_TEST(d.called());
  std::move(d).addCallback([&](int n) { step(std::to_string(n)); });
  BOOST_TEST(text == "body, 2");
}

// A80
BOOST_AUTO_TEST_CASE(a_failure_is_thrown_at_the_wait_with_its_own_type) {
  auto body = [](Deferred<int> d) -> Deferred<std::string> {
    std::string what;
    try {
      static_cast<void>(co_await std::move(d));
    } catch (const std::out_of_range& e) {
      what = e.what();
    }
    co_return "caught " + what;
  };
  Deferred<int> d;
  const auto p = d.promise();
  body(std::move(d)).addCallback([&](const std::string& s) { step(s); });
  p.errback(std::out_of_range("x"));
  BOOST_TEST(text == "caught x");
}

BOOST_AUTO_TEST_CASE(what_the_body_throws_or_returns_as_a_failure_is_its_failure) {
  auto throws = [](Deferred<void> d) -> Deferred<int> {
    co_await std::move(d);
    throw std::runtime_error("thrown");
  };
  auto returns = [](Deferred<void> d) -> Deferred<int> {
    co_await std::move(d);
    co_return Failure(std::runtime_error("returned"));
  };
  auto result = []() -> Deferred<int> { co_return Result<int>(7); };
  auto report = [this](const Failure& f) {
    step(f.getErrorMessage());
    return 0;
  };
  Deferred<void> d;
  const auto p = d.promise();
  throws(std::move(d)).addErrback(report);
  p.callback();
  returns(succeed()).addErrback(report);
  result().addCallback([this](int n) { step(std::to_string(n)); });
  BOOST_TEST(text == "thrown, returned, 7");
}

// A89: the frame has gone before the callbacks run
BOOST_AUTO_TEST_CASE(local_variables_die_in_order_before_the_callbacks_run) {
  auto body = [this](Deferred<int> d) -> Deferred<int> {
    const Local first(*this, "first");
    const int value = co_await std::move(d);
    const Local second(*this, "second");
    co_return value;
  };
  Deferred<int> d;
  const auto p = d.promise();
  body(std::move(d)).addCallback([this](int) { step("callback"); });
  p.callback(1);
  BOOST_TEST(text == "~second, ~first, callback");
}

// A83
BOOST_AUTO_TEST_CASE(cancelling_cancels_what_the_body_waits_for) {
  auto body = [this](Deferred<int> d) -> Deferred<int> {
    const Local local(*this, "local");
    const int value = co_await std::move(d);
    co_return value;
  };
  Deferred<int> inner([this](const Promise<int>& p) {
    step("canceller");
    p.errback(CancelledError("mine"));
  });
  const auto p = inner.promise();
  auto d = body(std::move(inner));
  d.addErrback([this](const Failure& f) {
    step(f.getErrorMessage());
    return 0;
  });
  d.cancel();
  BOOST_TEST(text == "canceller, ~local, mine");
}

// A83, A87: stacked; A84: catching it and waiting again
BOOST_AUTO_TEST_CASE(cancellation_is_a_request_that_the_body_may_survive) {
  Deferred<int> first;
  Deferred<int> second;
  const auto p1 = first.promise();
  const auto p2 = second.promise();
  auto body = [this](Deferred<int> a, Deferred<int> b) -> Deferred<int> {
    try {
      static_cast<void>(co_await std::move(a));
    } catch (const CancelledError&) {
      step("caught1");
    }
    try {
      static_cast<void>(co_await std::move(b));
    } catch (const CancelledError&) {
      step("caught2");
    }
    co_return 3;
  };
  auto outer = plusOne(body(std::move(first), std::move(second)));
  outer.addCallback([this](int n) { step(std::to_string(n)); });
  outer.cancel();
  BOOST_TEST(text == "caught1");
  BOOST_TEST(!outer.called());
  outer.cancel();
  BOOST_TEST(text == "caught1, caught2, 4");
}

// A85
BOOST_AUTO_TEST_CASE(a_cancelled_wait_that_takes_its_time_is_waited_for) {
  Deferred<int> cleaning;
  const auto cleaned = cleaning.promise();
  Deferred<int> slow;
  const auto p = slow.promise();
  slow.addErrback([&](const Failure&) { return std::move(cleaning); });  // the cancelled one tidies up first
  auto d = plusOne(std::move(slow));
  d.addCallback([this](int n) { step(std::to_string(n)); });
  d.cancel();
  BOOST_TEST(!d.called());
  cleaned.callback(4);
  BOOST_TEST(text == "5");
}

// A86
BOOST_AUTO_TEST_CASE(cancelling_one_that_has_ended_does_nothing) {
  auto d = plusOne(succeed(1));
  d.cancel();
  d.addCallback([this](int n) { step(std::to_string(n)); });
  BOOST_TEST(text == "2");
}

// A89
BOOST_AUTO_TEST_CASE(dropping_the_deferred_does_not_stop_the_body) {
  Deferred<int> d;
  auto p = std::make_unique<Promise<int>>(d.promise());
  auto body = [](Steps& s, Deferred<int> waited) -> Deferred<void> {
    const Local local(s, "local");
    const int value = co_await std::move(waited);
    s.step("went on with " + std::to_string(value));
  };
  {
    const auto dropped = body(*this, std::move(d));
  }
  p->callback(1);
  BOOST_TEST(text == "went on with 1, ~local");
}

BOOST_AUTO_TEST_CASE(what_nobody_can_fire_any_more_is_thrown_at_the_wait_and_the_frame_goes) {
  Deferred<int> d;
  auto p = std::make_unique<Promise<int>>(d.promise());
  auto body = [](Steps& s, Deferred<int> waited) -> Deferred<void> {
    const Local local(s, "local");
    static_cast<void>(co_await std::move(waited));
  };
  body(*this, std::move(d)).addErrback([this](const Failure& f) {
    step(f.check<AbandonedError>() ? "abandoned" : "?");
  });
  p.reset();
  BOOST_TEST(text == "~local, abandoned");
}

BOOST_AUTO_TEST_CASE(only_the_end_of_its_body_fires_it) {
  auto d = plusOne(Deferred<int>());  // abandoned: has failed
  Deferred<int> waiting;
  const auto p = waiting.promise();
  auto e = plusOne(std::move(waiting));
  BOOST_CHECK_THROW(e.callback(1), RetypedError);
  BOOST_CHECK_THROW(e.errback(std::runtime_error("x")), RetypedError);
  BOOST_CHECK_THROW(static_cast<void>(e.promise()), RetypedError);
  p.callback(1);
  e.addCallback([this](int n) { step(std::to_string(n)); });
  d.addErrback([](const Failure&) { return 0; });
  BOOST_TEST(text == "2");
}

BOOST_AUTO_TEST_CASE(a_capturing_lambda_that_is_a_coroutine_lives_as_long_as_its_body) {
  Deferred<int> inner;
  const auto p = inner.promise();
  std::string seen;
  Deferred<int> outer;
  outer.addCallback(
      [kept = std::string("still here, and too long to be inside the string"), &inner, &seen](int n) -> Deferred<int> {
        const int more = co_await std::move(inner);
        seen = kept;
        co_return n + more;
      });
  outer.callback(1);
  p.callback(2);
  BOOST_TEST(seen == "still here, and too long to be inside the string");
}

BOOST_AUTO_TEST_CASE(values_that_can_only_be_moved_pass_through) {
  auto make = []() -> Deferred<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
  auto take = [](Deferred<std::unique_ptr<int>> d) -> Deferred<int> {
    const std::unique_ptr<int> p = co_await std::move(d);
    co_return *p;
  };
  take(make()).addCallback([this](int n) { step(std::to_string(n)); });
  BOOST_TEST(text == "3");
}

// The plain statements that g++ 12 compiles well; see the pitfalls page for those that it does not.
BOOST_AUTO_TEST_CASE(torture) {
  std::vector<Promise<int>> promises;
  auto later = [&] {
    Deferred<int> d;
    promises.push_back(d.promise());
    return d;
  };
  auto body = [&]() -> Deferred<int> {
    int sum = 0;
    for (int i = 0; i < 5; ++i) {
      const Local local(*this, std::to_string(i));
      try {
        const int n = co_await later();
        if (n == 3) continue;
        sum += n;
        const int m = co_await succeed(n * 100);
        sum += m;
        if (n == 4) break;
      } catch (const std::runtime_error& e) {
        step(e.what());
        sum += 10000;
      }
    }
    co_return sum;
  };
  auto d = body();
  promises[0].callback(1);
  promises[1].errback(std::runtime_error("bad"));
  promises[2].callback(3);
  promises[3].callback(4);
  int got = 0;
  d.addCallback([&](int n) { got = n; });
  BOOST_TEST(got == 1 + 100 + 10000 + 4 + 400);
  BOOST_TEST(text == "~0, bad, ~1, ~2, ~3");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace coroutine_test
