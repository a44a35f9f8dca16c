#include <bight/deferred.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "trace_fixture.hpp"

namespace deferred_suites {

using namespace bight;

namespace {

const auto boom = [](auto&&...) -> int { throw std::runtime_error("boom"); };

}  // namespace

BOOST_FIXTURE_TEST_SUITE(DeferredFiring, Trace)

// A1, A7, A112
BOOST_AUTO_TEST_CASE(stages_run_when_it_fires_and_at_once_when_it_has) {
  Deferred<int> d;
  d.addCallback(value("before"));
  BOOST_TEST(all() == "");
  d.callback(1);
  BOOST_TEST(all() == "before 1");
  d.addCallback(value("after"));
  BOOST_TEST(all() == "before 1, after 2");
}

// A2: CC, CE, EE, EC; the result and the chain are untouched
BOOST_AUTO_TEST_CASE(a_second_firing_throws_at_the_second_caller) {
  Deferred<int> a;
  a.callback(1);
  BOOST_CHECK_THROW(a.callback(2), AlreadyCalledError);
  BOOST_CHECK_THROW(a.errback(std::runtime_error("x")), AlreadyCalledError);
  a.addCallback(value("a"));
  Deferred<int> b;
  b.errback(std::runtime_error("first"));
  BOOST_CHECK_THROW(b.errback(std::runtime_error("second")), AlreadyCalledError);
  BOOST_CHECK_THROW(b.callback(2), AlreadyCalledError);
  b.addErrback(failed("b"));
  BOOST_TEST(all() == "a 1, b first");
}

// A54, A55
BOOST_AUTO_TEST_CASE(the_second_caller_learns_where_it_was_made_and_fired) {
  Deferred<int> d;
  const auto made = __LINE__ - 1;
  d.callback(1);
  const auto fired = __LINE__ - 1;
  try {
    d.callback(2);
    BOOST_FAIL("no exception");
  } catch (const AlreadyCalledError& e) {
    const std::string what = e.what();
    BOOST_TEST(what.find("deferred_test.cpp:" + std::to_string(made)) != std::string::npos, what);
    BOOST_TEST(what.find("deferred_test.cpp:" + std::to_string(fired)) != std::string::npos, what);
  }
}

// A3
BOOST_AUTO_TEST_CASE(callback_with_a_failure_is_errback) {
  Deferred<int> d;
  d.addCallbacks(value("value"), failed("failed"));
  d.callback(Failure(std::runtime_error("x")));
  BOOST_TEST(all() == "failed x");
}

// A4
BOOST_AUTO_TEST_CASE(errback_without_arguments_takes_the_exception_being_handled) {
  Deferred<int> d;
  BOOST_CHECK_THROW(d.errback(), NoCurrentExceptionError);
  BOOST_TEST(!d.called());
  try {
    throw std::out_of_range("in flight");
  } catch (...) {
    d.errback();
  }
  d.addErrback([&](const Failure& f) {
    BOOST_TEST(f.check<std::out_of_range>());
    return 0;
  });
}

// A6
BOOST_AUTO_TEST_CASE(succeed_and_fail_are_ordinary_deferreds) {
  succeed(1).addCallback(value("one"));
  fail<int>(std::runtime_error("x")).addErrback(failed("no"));
  BOOST_TEST(succeed().called());
  BOOST_TEST(all() == "one 1, no x");
}

// A20
BOOST_AUTO_TEST_CASE(firing_from_inside_its_own_callback_is_a_second_firing) {
  Deferred<int> d;
  const Promise<int> p = d.promise();
  d.addCallback([&](int n) {
    BOOST_CHECK_THROW(p.callback(5), AlreadyCalledError);
    return n;
  });
  d.callback(1);
}

BOOST_AUTO_TEST_CASE(a_value_whose_making_throws_fires_nothing) {
  struct Picky {
    Picky(int) { throw std::runtime_error("picky"); }  // NOLINT
  };
  Deferred<Picky> d;
  BOOST_CHECK_THROW(d.callback(1), std::runtime_error);
  BOOST_TEST(!d.called());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(DeferredStages, Trace)

// A9, A11
BOOST_AUTO_TEST_CASE(a_stage_without_the_side_that_is_wanted_is_skipped) {
  Deferred<int> d;
  d.addErrback(failed("no"));
  d.addCallback(value("a"));
  d.addCallback(boom);
  d.addCallback(value("skipped"));
  d.addErrback(failed("caught", 10));
  d.addErrback(failed("skipped too"));
  d.addCallback(value("b"));
  d.callback(1);
  BOOST_TEST(all() == "a 1, caught boom, b 10");
}

// A12
BOOST_AUTO_TEST_CASE(both_sides_of_one_stage_do_not_see_each_other) {
  Deferred<int> one;
  one.addCallbacks(boom, failed("same stage"));
  one.addErrback(failed("next stage"));
  one.callback(1);
  Deferred<int> two;
  two.addCallback(boom);
  two.addErrback(failed("two stages"));
  two.callback(1);
  BOOST_TEST(all() == "next stage boom, two stages boom");
}

// A13: a function that returns nothing leaves nothing, and the type says so
BOOST_AUTO_TEST_CASE(nothing_returned_is_nothing_carried) {
  Deferred<int> d;
  auto next = d.addCallback([&](int n) { step("got " + std::to_string(n)); });
  static_assert(std::is_same_v<decltype(next), Deferred<void>>);
  next.addCallback([&] { step("nothing"); });
  d.callback(1);
  BOOST_TEST(all() == "got 1, nothing");
}

// A14, A15
BOOST_AUTO_TEST_CASE(a_returned_failure_or_result_chooses_the_side) {
  Deferred<int> d;
  d.addCallback([](int) { return Failure(std::runtime_error("returned")); });
  d.addErrback(failed("caught", 2));
  d.addCallback([](int n) -> Result<int> { return n * 10; });
  d.addCallback(value("then"));
  d.addCallback([](int) -> Result<int> { return Failure(std::runtime_error("result")); });
  d.addErrback([](const Failure& f) -> Result<int> { return f; });
  d.addErrback(failed("again"));
  d.callback(1);
  BOOST_TEST(all() == "caught returned, then 20, again result");
}

// A16
BOOST_AUTO_TEST_CASE(an_errback_that_throws_replaces_the_failure_and_keeps_it_as_the_cause) {
  Deferred<int> d;
  d.addErrback([](const Failure&) -> int { throw std::logic_error("second"); });
  d.addErrback([&](const Failure& f) {
    BOOST_TEST(f.getErrorMessage() == "second");
    BOOST_REQUIRE(f.cause());
    BOOST_TEST(f.cause()->getErrorMessage() == "first");
    return Failure(std::runtime_error("third"));
  });
  d.addErrback([&](const Failure& f) {
    BOOST_TEST(f.getErrorMessage() == "third");
    BOOST_REQUIRE(f.cause());
    BOOST_TEST(f.cause()->getErrorMessage() == "second");
    BOOST_TEST(f.getTraceback().find("while handling") != std::string::npos);
    return 0;
  });
  d.errback(std::runtime_error("first"));
  BOOST_TEST(count() == 0U);
}

// A17
BOOST_AUTO_TEST_CASE(passing_a_failure_on_keeps_the_same_failure) {
  const Failure f(std::runtime_error("x"));
  Deferred<int> d;
  d.addErrback([](Failure given) { return given; });
  d.addErrback([](const Failure& given) -> int { given.raise(); });
  d.addErrback([](const Failure& given) -> int {
    given.trap<std::logic_error>();
    return 0;
  });
  d.addErrback([&](const Failure& given) {
    BOOST_TEST((given == f));
    BOOST_TEST(!given.cause());
    return 0;
  });
  d.errback(f);
}

// A18: each once, in order, and freed when it has run
BOOST_AUTO_TEST_CASE(a_stage_is_freed_as_soon_as_it_has_run) {
  const auto owned = std::make_shared<int>(0);
  Deferred<int> d;
  d.addCallback([owned](int n) { return n; });
  d.addErrback([owned](const Failure&) { return 0; });
  BOOST_TEST(owned.use_count() == 3);
  d.addCallback([&owned](int n) {
    BOOST_TEST(owned.use_count() == 1);
    return n;
  });
  d.callback(1);
  BOOST_TEST(owned.use_count() == 1);
}

// A19
BOOST_AUTO_TEST_CASE(a_stage_added_by_a_running_stage_runs_after_those_that_are_there) {
  Deferred<int> d;
  d.addCallback([&](int n) {
    step("first");
    d.addCallback(value("added"));
    step("still first");
    return n;
  });
  d.addCallback(value("second"));
  d.callback(1);
  BOOST_TEST(all() == "first, still first, second 1, added 2");
}

// A21
BOOST_AUTO_TEST_CASE(everything_thrown_is_caught) {
  succeed(1).addCallback([](int) -> int { throw 7; }).addErrback(failed("a"));
  succeed(1).addCallback([](int) -> int { throw "literal"; }).addErrback(failed("b"));
  succeed(1).addCallback([](int) -> int { throw std::string("text"); }).addErrback(failed("c"));
  BOOST_TEST(all() == "a 7, b literal, c text");
}

BOOST_AUTO_TEST_CASE(callbacks_take_the_value_in_every_form) {
  auto d = succeed(std::string("x"))
               .addCallback([](std::string s) { return s + "v"; })
               .addCallback([](const std::string& s) { return s + "c"; })
               .addCallback([](std::string&& s) { return std::move(s) + "r"; })
               .addCallback([](std::string& s) { return s + "l"; })
               .addCallback([](auto s) { return s + "a"; });
  std::string got;
  std::move(d).addCallback([&](const std::string& s) { got = s; }).addCallback([&] { got += "!"; });
  BOOST_TEST(got == "xvcrla!");
}

BOOST_AUTO_TEST_CASE(values_may_be_large_movable_only_or_throw_when_moved) {
  using Large = std::array<int, 100>;
  int sum = 0;
  succeed(Large{1, 2}).addCallback([&](const Large& l) { sum += l[1]; });
  succeed(std::make_unique<int>(5)).addCallback([&](std::unique_ptr<int> p) { sum += *p; });
  struct Throwing {
    explicit Throwing(int n) : number(n) {}
    Throwing(const Throwing&) = default;
    Throwing(Throwing&& o) : number(o.number) {}  // NOLINT: may throw
    Throwing& operator=(const Throwing&) = default;
    ~Throwing() = default;
    int number;
  };
  succeed(Throwing(7)).addCallback([](Throwing t) { return t; }).addCallback([&](const Throwing& t) {
    sum += t.number;
  });
  BOOST_TEST(sum == 14);
}

BOOST_AUTO_TEST_CASE(captures_may_be_large_and_aligned_and_many) {
  struct alignas(64) Aligned {
    int number = 3;
  };
  std::array<char, 1000> large{};
  large[999] = 4;
  Deferred<int> d;
  d.addCallback([a = Aligned()](int n) {
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(&a) % 64 == 0U);
    return n + a.number;
  });
  d.addCallback([large](int n) { return n + large[999]; });
  for (int i = 0; i < 500; ++i) d.addCallback([i, s = std::string("kept")](int n) { return i % 2 ? n + 1 : n - 1; });
  d.addCallback(value("sum"));
  d.callback(1);
  BOOST_TEST(all() == "sum 8");
}

// addBoth
BOOST_AUTO_TEST_CASE(both_sees_whichever_it_is) {
  auto both = [&](Result<int> r) {
    step(r ? "value " + std::to_string(*r) : "failure " + r.failure().getErrorMessage());
    return r;
  };
  succeed(1).addBoth(both).addCallback(value("on"));
  fail<int>(std::runtime_error("x")).addBoth(both).addErrback(failed("on"));
  fail<int>(std::runtime_error("y")).addBoth([&] { step("done"); });
  BOOST_TEST(all() == "value 1, on 1, failure x, on x, done");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(DeferredTypes, Trace)

BOOST_AUTO_TEST_CASE(a_stage_through_a_name_whose_type_the_chain_has_left_is_refused_unless_it_needs_no_value) {
  Deferred<int> d;
  auto text = d.addCallback([](int n) { return std::to_string(n); });
  BOOST_CHECK_THROW(d.addCallback(value("int")), RetypedError);
  BOOST_CHECK_THROW(d.addErrback(failed("an int instead of a text")), RetypedError);
  d.addErrback([&](const Failure& f) {
    step("passed " + f.getErrorMessage());
    return f;
  });
  BOOST_CHECK_THROW(text.callback("x"), RetypedError);
  d.callback(7);
  std::move(text).addCallback([&](const std::string& s) { step("text " + s); });
  d.addErrback([&](const Failure&) { step("never"); });
  BOOST_TEST(all() == "text 7");
}

BOOST_AUTO_TEST_CASE(a_moved_from_handle_says_so) {
  Deferred<int> d;
  Deferred<int> e = std::move(d);
  BOOST_CHECK_EXCEPTION(d.called(), std::logic_error, [](const std::logic_error& x) {  // NOLINT: the use is the test
    return std::string(x.what()).find("moved from") != std::string::npos;
  });
  BOOST_CHECK_THROW(d.addCallback(value("x")), std::logic_error);  // NOLINT
  e.callback(1);
}

BOOST_AUTO_TEST_CASE(a_dropped_pipeline_runs_on) {
  Promise<int> p;
  {
    Deferred<int> d;
    p = d.promise();
    std::move(d).addCallback([](int n) { return std::to_string(n); }).addCallback([&](const std::string& s) {
      step(s);
    });
  }
  p.callback(3);
  BOOST_TEST(all() == "3");
}

// A31
BOOST_AUTO_TEST_CASE(it_can_be_printed) {
  Deferred<int> d;
  BOOST_TEST(d.toString().starts_with("<Deferred<int> at 0x"));
  Deferred<int> inner;
  const auto p = inner.promise();
  d.addCallback([&](int) { return std::move(inner); });
  d.callback(1);
  BOOST_TEST(d.toString().find("waiting on Deferred at 0x") != std::string::npos);
  p.callback(5);
  BOOST_TEST(d.toString().find("current result: int") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(DeferredUnhandled, Trace)

// A49
BOOST_AUTO_TEST_CASE(it_is_reported_when_the_last_handle_goes) {
  {
    Deferred<int> d;
    d.errback(std::runtime_error("x"));
    BOOST_TEST(count() == 0U);
    BOOST_TEST(failuresAtRest() == 1U);  // A51
  }
  BOOST_REQUIRE(count() == 1U);
  BOOST_TEST(messages[0] == "Unhandled error in Deferred: x");
  BOOST_TEST(failuresAtRest() == 0U);
}

BOOST_AUTO_TEST_CASE(it_is_not_reported_when_an_errback_comes_in_time) {
  {
    Deferred<int> d = fail<int>(std::runtime_error("x"));
    d.addErrback(failed("late"));
  }
  BOOST_TEST(count() == 0U);
}

BOOST_AUTO_TEST_CASE(a_pipeline_that_nobody_holds_is_reported_as_soon_as_it_has_failed) {
  Promise<int> p;
  {
    Deferred<int> d;
    p = d.promise();
  }
  p.errback(std::runtime_error("x"));
  BOOST_TEST(count() == 1U);
}

// A52
BOOST_AUTO_TEST_CASE(a_hook_that_throws_breaks_nothing) {
  auto previous = setUnhandledFailureHook([](const UnhandledFailure&) { throw std::runtime_error("hook"); });
  {
    Deferred<int> d = fail<int>(CancelledError());
  }  // the default says nothing of those (A44)
  setUnhandledFailureHook(std::move(previous));
}

// A50, A55
BOOST_AUTO_TEST_CASE(the_report_says_what_and_where) {
  const Failure f(std::runtime_error("x"));
  const auto here = std::source_location::current();
  const std::string text = describe({f, "Unhandled error in Deferred", here, here});
  BOOST_TEST(text.starts_with("Unhandled error in Deferred:\nTraceback: std::runtime_error: x\n"));
  BOOST_TEST(text.find("created at " + std::string(here.file_name()) + ":" + std::to_string(here.line())) !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(PromiseSuite, Trace)

BOOST_AUTO_TEST_CASE(the_last_promise_that_dies_unfired_fails_the_chain) {
  Deferred<int> d;
  auto p = std::make_unique<Promise<int>>(d.promise());
  auto q = std::make_unique<Promise<int>>(*p);
  d.addErrback([&](const Failure& f) {
    step(f.check<AbandonedError>() ? "abandoned" : "other");
    return 0;
  });
  p.reset();
  BOOST_TEST(all() == "");
  q.reset();
  BOOST_TEST(all() == "abandoned");
}

BOOST_AUTO_TEST_CASE(who_waits_for_one_that_nobody_can_fire_is_told) {
  Deferred<int> outer;
  outer.addCallback([](int) { return Deferred<int>(); });
  outer.addErrback([&](const Failure& f) {
    step(f.check<AbandonedError>() ? "abandoned" : "other");
    return 0;
  });
  outer.callback(1);
  BOOST_TEST(all() == "abandoned");
}

BOOST_AUTO_TEST_CASE(firing_may_destroy_the_promise_and_the_handle) {
  auto d = std::make_unique<Deferred<int>>();
  auto p = std::make_unique<Promise<int>>(d->promise());
  d->addCallback([&](int n) {
    p.reset();
    d.reset();
    step("alive");
    return n;
  });
  p->callback(1);
  BOOST_TEST(all() == "alive");
}

BOOST_AUTO_TEST_CASE(stages_that_can_never_run_are_dropped_with_the_last_handle) {
  const auto owned = std::make_shared<int>(0);
  {
    Deferred<int> d;
    d.addCallback([owned](int n) { return n; });
  }
  BOOST_TEST(owned.use_count() == 1);
  BOOST_TEST(count() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace deferred_suites
