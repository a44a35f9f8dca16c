#include <bight/deferred.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "unhandled_fixture.hpp"

using namespace bight;

namespace {

struct Trace : UnhandledCounter {
  std::vector<std::string> steps;
  void step(std::string what) { steps.push_back(std::move(what)); }
  auto value(std::string name) {
    return [this, name](int n) {
      step(name + " " + std::to_string(n));
      return n + 1;
    };
  }
  auto failed(std::string name, int instead = 0) {
    return [this, name, instead](const Failure& f) {
      step(name + " " + f.getErrorMessage());
      return instead;
    };
  }
  std::string all() const {
    std::string text;
    for (const auto& s : steps) text += (text.empty() ? "" : ", ") + s;
    return text;
  }
};

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

BOOST_FIXTURE_TEST_SUITE(DeferredChaining, Trace)

// A22a
BOOST_AUTO_TEST_CASE(a_returned_deferred_that_has_a_result_gives_it_at_once) {
  succeed(1).addCallback([](int n) { return succeed(n + 1); }).addCallback(value("next"));
  succeed(1).addCallback([](int) { return fail<int>(std::runtime_error("x")); }).addErrback(failed("no"));
  BOOST_TEST(all() == "next 2, no x");
  BOOST_TEST(count() == 0U);  // A27
}

// A22b, A23
BOOST_AUTO_TEST_CASE(a_returned_deferred_without_a_result_is_waited_for) {
  Deferred<int> outer;
  Deferred<int> inner;
  const auto p = inner.promise();
  inner.addCallback(value("inner"));
  outer.addCallback([&](int) { return std::move(inner); });
  outer.addCallback(value("outer"));
  outer.callback(1);
  BOOST_TEST(all() == "");
  p.callback(10);
  BOOST_TEST(all() == "inner 10, outer 11");
}

// A23: what is added to the head afterwards sees nothing
BOOST_AUTO_TEST_CASE(the_head_of_a_consumed_chain_carries_nothing) {
  Deferred<int> inner;
  auto tail = inner.addCallback([](int n) { return std::to_string(n); });
  Deferred<int> outer;
  auto text = outer.addCallback([&](int) { return std::move(tail); });
  outer.callback(1);
  BOOST_CHECK_THROW(inner.addCallback(value("int")), RetypedError);
  inner.addCallback([&] { step("empty"); });
  std::move(text).addCallback([&](const std::string& s) { step("outer " + s); });
  inner.callback(5);
  BOOST_TEST(all() == "outer 5, empty");
}

// A25
BOOST_AUTO_TEST_CASE(waiting_is_transitive) {
  Deferred<int> a;
  Deferred<int> b;
  Deferred<int> c;
  const auto pb = b.promise();
  const auto pc = c.promise();
  b.addCallback([&](int) { return std::move(c); });
  a.addCallback([&](int) { return std::move(b); });
  a.addCallback(value("a"));
  a.callback(1);
  pb.callback(2);
  BOOST_TEST(all() == "");
  pc.callback(3);
  BOOST_TEST(all() == "a 3");
}

// A27
BOOST_AUTO_TEST_CASE(a_failure_that_moved_outwards_is_reported_once) {
  Promise<int> p;
  {
    Deferred<int> inner;
    p = inner.promise();
    succeed(1).addCallback([&](int) { return std::move(inner); });
  }
  p.errback(std::runtime_error("once"));
  BOOST_TEST(count() == 1U);
}

// A28
BOOST_AUTO_TEST_CASE(a_paused_inner_one_has_no_result_yet) {
  Deferred<int> inner;
  auto handle = inner.addCallback([](int n) { return n + 0L; });
  inner.callback(1);
  Deferred<int> head;
  handle.pause();
  long got = 0;
  Deferred<long>* waiting = nullptr;
  Deferred<long> kept = std::move(handle);
  waiting = &kept;
  succeed(1).addCallback([&](int) { return std::move(*waiting); }).addCallback([&](long n) { got = n; });
  BOOST_TEST(got == 0);
  inner.unpause();
  BOOST_TEST(got == 1);
}

// A29
BOOST_AUTO_TEST_CASE(returning_itself_is_a_failure_and_no_wait) {
  Deferred<int> d;
  auto promise = d.promise();
  Deferred<int> self;
  auto chained = std::make_unique<Deferred<int>>(std::move(d));
  Deferred<int>& named = *chained;
  bool failedAsItShould = false;
  named.addCallback([&](int) { return std::move(*chained); });
  named.addErrback([&](const Failure& f) {
    failedAsItShould = f.check<std::logic_error>() != nullptr;
    return 0;
  });
  promise.callback(1);
  BOOST_TEST(failedAsItShould);
}

// A30
BOOST_AUTO_TEST_CASE(chain_to_hands_the_result_on_and_goes_on_with_nothing) {
  Deferred<int> a;
  Deferred<int> b;
  b.addCallback(value("b"));
  a.chainTo(b.promise()).addCallback([&] { step("a done"); });
  a.callback(1);
  Deferred<int> c;
  Deferred<int> d;
  c.chainTo(d.promise());
  d.cancel();  // does not cancel c
  BOOST_TEST(!c.called());
  c.callback(5);  // swallowed by d
  BOOST_TEST(all() == "b 1, a done");
}

// the stage that returned a Deferred lives until that has fired
BOOST_AUTO_TEST_CASE(a_stage_lives_until_what_it_returned_has_fired) {
  const auto owned = std::make_shared<int>(0);
  Deferred<int> inner;
  const auto p = inner.promise();
  Deferred<int> outer;
  outer.addCallback([owned, &inner](int) { return std::move(inner); });
  outer.callback(1);
  BOOST_TEST(owned.use_count() == 2);
  p.callback(1);
  BOOST_TEST(owned.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(DeferredPausing, Trace)

// A32
BOOST_AUTO_TEST_CASE(as_many_unpauses_as_pauses) {
  Deferred<int> d;
  d.addCallback(value("a"));
  d.pause();
  d.pause();
  d.callback(1);
  d.unpause();
  d.addCallback(value("b"));
  BOOST_TEST(all() == "");
  d.unpause();
  BOOST_TEST(all() == "a 1, b 2");
}

// A33
BOOST_AUTO_TEST_CASE(pausing_inside_a_stage_stops_the_stages_behind_it) {
  Deferred<int> d;
  d.addCallback([&](int n) {
    d.pause();
    return n;
  });
  d.addCallback(value("later"));
  d.callback(1);
  BOOST_TEST(all() == "");
  d.unpause();
  BOOST_TEST(all() == "later 1");
}

// A34
BOOST_AUTO_TEST_CASE(unpause_without_pause_is_a_mistake) {
  Deferred<int> d;
  BOOST_CHECK_THROW(d.unpause(), std::logic_error);
}

// A43
BOOST_AUTO_TEST_CASE(cancelling_a_paused_one_fails_it_when_it_goes_on) {
  Deferred<int> d;
  d.addErrback([&](const Failure& f) {
    step(f.check<CancelledError>() ? "cancelled" : "other");
    return 0;
  });
  d.pause();
  d.cancel();
  BOOST_TEST(d.called());
  BOOST_TEST(all() == "");
  d.unpause();
  BOOST_TEST(all() == "cancelled");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(DeferredCancelling, Trace)

// A35, A36
BOOST_AUTO_TEST_CASE(without_a_canceller_it_fails_now_and_swallows_one_firing) {
  Deferred<int> d;
  const auto p = d.promise();
  d.addErrback(failed("errback"));
  d.cancel();
  d.cancel();
  BOOST_TEST(all() == "errback cancelled");
  p.callback(1);
  BOOST_CHECK_THROW(p.callback(2), AlreadyCalledError);
  BOOST_CHECK_THROW(p.errback(std::runtime_error("x")), AlreadyCalledError);
}

// A37
BOOST_AUTO_TEST_CASE(a_canceller_may_decide_the_result) {
  Deferred<int> value1([](const Promise<int>& p) { p.callback(7); });
  value1.addCallback(value("value"));
  value1.cancel();
  Deferred<int> failure1([](const Promise<int>& p) { p.errback(std::runtime_error("mine")); });
  failure1.addErrback(failed("failure"));
  failure1.cancel();
  int calls = 0;
  Deferred<int> silent([&] { ++calls; });
  silent.addErrback(failed("silent"));
  silent.cancel();
  silent.cancel();
  BOOST_TEST(calls == 1);
  BOOST_CHECK_THROW(silent.callback(1), AlreadyCalledError);  // it promised to stop
  BOOST_TEST(all() == "value 7, failure mine, silent cancelled");
}

// A38
BOOST_AUTO_TEST_CASE(cancelling_one_that_has_its_result_does_nothing) {
  int calls = 0;
  Deferred<int> d([&] { ++calls; });
  d.addCallback([&](int n) {
    d.cancel();
    return n;
  });
  d.callback(1);
  d.cancel();
  BOOST_TEST(calls == 0);
  d.addCallback(value("still"));
  BOOST_TEST(all() == "still 1");
}

// A39, A40
BOOST_AUTO_TEST_CASE(cancelling_goes_to_the_innermost_and_its_outcome_comes_back) {
  Deferred<int> c([&](const Promise<int>& p) {
    step("c cancelled");
    p.errback(CancelledError("c"));
  });
  const auto keepsC = c.promise();
  Deferred<int> b;
  const auto pb = b.promise();
  b.addCallback([&](int) { return std::move(c); });
  b.addErrback(failed("b", 5));
  Deferred<int> a;
  a.addCallback([&](int) { return std::move(b); });
  a.addCallback(value("a"));
  a.callback(1);
  pb.callback(1);
  a.cancel();
  BOOST_TEST(all() == "c cancelled, b c, a 5");
}

// A41
BOOST_AUTO_TEST_CASE(a_canceller_that_throws_is_reported_and_the_deferred_is_cancelled) {
  Deferred<int> d([]() { throw std::runtime_error("bad canceller"); });
  d.addErrback(failed("then"));
  d.cancel();
  BOOST_TEST(all() == "then cancelled");
  BOOST_REQUIRE(count() == 1U);
  BOOST_TEST(messages[0] == "a canceller threw: bad canceller");
}

// A42
BOOST_AUTO_TEST_CASE(the_canceller_goes_when_it_fires) {
  const auto owned = std::make_shared<int>(0);
  Deferred<int> d([owned] {});
  d.callback(1);
  BOOST_TEST(owned.use_count() == 1);
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
  BOOST_TEST(text.starts_with("Unhandled error in Deferred:\nTraceback (most recent call last):\n"));
  BOOST_TEST(text.find("std::runtime_error: x\n") != std::string::npos);
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
