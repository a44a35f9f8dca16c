// Deferreds that stages return, pauses and cancelling: what links one chain to another, or holds it up.
#include <bight/deferred.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "trace_fixture.hpp"

namespace chaining_test {

using namespace bight;

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

}  // namespace chaining_test
