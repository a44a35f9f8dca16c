#include <bight/gather_results.hpp>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "unhandled_fixture.hpp"

namespace gather_results_test {

using namespace bight;

namespace {

/// Three Deferreds and their producers.
template <class T>
struct Three {
  std::vector<Deferred<T>> members{};
  std::vector<Promise<T>> producers{};
  Three() {
    for (int i = 0; i < 3; ++i) {
      members.emplace_back();
      producers.push_back(members.back().promise());
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(GatherResults, UnhandledCounter)

// A63
BOOST_AUTO_TEST_CASE(values_come_in_the_order_of_the_input) {
  Three<std::string> three;
  std::vector<std::string> got;
  gatherResults(std::move(three.members)).addCallback([&](std::vector<std::string> all) { got = std::move(all); });
  three.producers[2].callback("c");
  three.producers[0].callback("a");
  BOOST_TEST(got.empty());
  three.producers[1].callback("b");
  BOOST_TEST(got == (std::vector<std::string>{"a", "b", "c"}), boost::test_tools::per_element());
}

// A61, A63
BOOST_AUTO_TEST_CASE(nothing_and_what_is_there_already_fire_at_once) {
  bool empty = false;
  gatherResults(std::vector<Deferred<int>>()).addCallback([&](const std::vector<int>& all) { empty = all.empty(); });
  BOOST_TEST(empty);
  std::vector<Deferred<bool>> ready;
  ready.push_back(succeed(true));
  ready.push_back(succeed(false));
  std::vector<bool> got;
  gatherResults(std::move(ready)).addCallback([&](std::vector<bool> all) { got = std::move(all); });
  BOOST_TEST(got.size() == 2U);
}

// A60, A63, A64
BOOST_AUTO_TEST_CASE(the_first_failure_fires_it_and_says_which) {
  Three<int> three;
  std::string what;
  std::size_t index = 9;
  gatherResults(std::move(three.members)).addErrback([&](const Failure& f) {
    const FirstError& first = *f.get<FirstError>();
    index = first.index();
    what = first.what();
    BOOST_TEST((first == std::pair(std::size_t(1), first.subFailure())));
    return std::vector<int>();
  });
  three.producers[1].errback(std::runtime_error("x"));
  BOOST_TEST(index == 1U);
  BOOST_TEST(what == "FirstError[#1, [Failure instance: Traceback (failure with no frames): std::runtime_error: x\n]]");
  BOOST_TEST(count() == 1U);  // the member's own, since its errors were not consumed
  three.producers[0].callback(1);
  three.producers[2].errback(std::runtime_error("y"));
  BOOST_TEST(count() == 2U);
}

BOOST_AUTO_TEST_CASE(consumed_errors_are_not_reported) {
  Three<int> three;
  bool failed = false;
  gatherResults(std::move(three.members), true).addErrback([&](const Failure&) {
    failed = true;
    return std::vector<int>();
  });
  three.producers[0].errback(std::runtime_error("x"));
  three.producers[1].errback(std::runtime_error("y"));
  BOOST_TEST(failed);
  BOOST_TEST(count() == 0U);
}

// A62, A63
BOOST_AUTO_TEST_CASE(cancelling_it_cancels_every_member) {
  Three<int> three;
  auto all = gatherResults(std::move(three.members), true);
  std::size_t index = 9;
  all.addErrback([&](const Failure& f) {
    index = f.get<FirstError>()->index();
    BOOST_TEST(f.get<FirstError>()->subFailure().check<CancelledError>());
    return std::vector<int>();
  });
  all.cancel();
  BOOST_TEST(index == 0U);
  for (const auto& p : three.producers) BOOST_TEST(p.called());
}

BOOST_AUTO_TEST_CASE(of_nothings_it_gives_nothing) {
  Three<void> three;
  bool done = false;
  Deferred<void> all = gatherResults(std::move(three.members));
  all.addCallback([&] { done = true; });
  for (const auto& p : three.producers) p.callback();
  BOOST_TEST(done);
}

// A65
BOOST_AUTO_TEST_CASE(of_different_types_it_gives_a_tuple) {
  Deferred<std::unique_ptr<int>> later;
  const auto p = later.promise();
  std::string got;
  gatherResults(succeed(1), std::move(later), succeed(std::string("x")), succeed())
      .addCallback([&](std::tuple<int, std::unique_ptr<int>, std::string, std::monostate> t) {
        got = std::to_string(std::get<0>(t)) + std::to_string(*std::get<1>(t)) + std::get<2>(t);
      });
  BOOST_TEST(got == "");
  p.callback(std::make_unique<int>(2));
  BOOST_TEST(got == "12x");
  bool failed = false;
  gatherResults(succeed(1), fail<std::string>(std::runtime_error("no"))).addErrback([&](const Failure& f) {
    failed = f.get<FirstError>()->index() == 1;
  });
  BOOST_TEST(failed);
}

BOOST_AUTO_TEST_CASE(a_member_that_nobody_can_fire_fails_it) {
  std::vector<Deferred<int>> members;
  members.emplace_back();
  bool abandoned = false;
  gatherResults(std::move(members), true).addErrback([&](const Failure& f) {
    abandoned = f.get<FirstError>()->subFailure().check<AbandonedError>() != nullptr;
    return std::vector<int>();
  });
  BOOST_TEST(abandoned);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(DeferredListSuite, UnhandledCounter)

// A56, A60
BOOST_AUTO_TEST_CASE(every_outcome_in_its_place) {
  Three<int> three;
  std::string got;
  deferredList(std::move(three.members), {.consumeErrors = true}).addCallback([&](const std::vector<Result<int>>& all) {
    for (const auto& r : all) got += r ? std::to_string(*r) : r.failure().getErrorMessage();
  });
  three.producers[2].callback(3);
  three.producers[1].errback(std::runtime_error("x"));
  three.producers[0].callback(1);
  BOOST_TEST(got == "1x3");
  BOOST_TEST(count() == 0U);
}

// A57
BOOST_AUTO_TEST_CASE(the_first_value_or_all_the_failures) {
  Three<int> three;
  std::size_t index = 9;
  deferredList(fireOnOneCallback, std::move(three.members), {.consumeErrors = true})
      .addCallback([&](const auto& fired) { index = std::get<FirstValue<int>>(fired).index; });
  three.producers[0].errback(std::runtime_error("x"));
  three.producers[2].callback(5);
  BOOST_TEST(index == 2U);
  three.producers[1].callback(1);  // A59
  Three<int> bad;
  std::size_t failures = 0;
  deferredList(fireOnOneCallback, std::move(bad.members), {.consumeErrors = true}).addCallback([&](const auto& fired) {
    failures = std::get<std::vector<Result<int>>>(fired).size();
  });
  for (const auto& p : bad.producers) p.errback(std::runtime_error("x"));
  BOOST_TEST(failures == 3U);
}

// A57
BOOST_AUTO_TEST_CASE(fire_on_one_errback) {
  Three<int> three;
  bool failed = false;
  deferredList(std::move(three.members), {.fireOnOneErrback = true, .consumeErrors = true})
      .addErrback([&](const Failure& f) {
        failed = f.check<FirstError>() != nullptr;
        return std::vector<Result<int>>();
      });
  three.producers[1].errback(std::runtime_error("x"));
  BOOST_TEST(failed);
}

// A58
BOOST_AUTO_TEST_CASE(no_members) {
  bool fired = false;
  deferredList(std::vector<Deferred<int>>()).addCallback([&](const auto& all) { fired = all.empty(); });
  BOOST_TEST(fired);
  bool failed = false;
  deferredList(fireOnOneCallback, std::vector<Deferred<int>>()).addErrback([&](const Failure& f) {
    failed = f.check<std::invalid_argument>() != nullptr;
  });
  BOOST_TEST(failed);
}

// A62
BOOST_AUTO_TEST_CASE(a_cancelled_list_has_the_cancelled_errors) {
  Three<int> three;
  auto list = deferredList(std::move(three.members), {.consumeErrors = true});
  int cancelled = 0;
  list.addCallback([&](const std::vector<Result<int>>& all) {
    for (const auto& r : all) cancelled += r.failure().check<CancelledError>() ? 1 : 0;
  });
  list.cancel();
  BOOST_TEST(cancelled == 3);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(Race, UnhandledCounter)

// A68
BOOST_AUTO_TEST_CASE(the_first_success_wins_and_the_others_are_cancelled) {
  Three<int> three;
  std::pair<std::size_t, int> won;
  race(std::move(three.members)).addCallback([&](std::pair<std::size_t, int> w) { won = w; });
  three.producers[0].errback(std::runtime_error("x"));
  three.producers[2].callback(7);
  BOOST_TEST(won.first == 2U);
  BOOST_TEST(won.second == 7);
  BOOST_TEST(three.producers[1].called());
  BOOST_TEST(count() == 0U);
}

BOOST_AUTO_TEST_CASE(if_nobody_wins_all_failures_are_told_in_order) {
  Three<int> three;
  std::string got;
  race(std::move(three.members)).addErrback([&](const Failure& f) {
    for (const Failure& each : f.get<FailureGroup>()->failures()) got += each.getErrorMessage();
  });
  three.producers[1].errback(std::runtime_error("b"));
  three.producers[0].errback(std::runtime_error("a"));
  three.producers[2].errback(std::runtime_error("c"));
  BOOST_TEST(got == "abc");
}

BOOST_AUTO_TEST_CASE(cancelling_cancels_all_and_none_fails_at_once) {
  Three<int> three;
  auto r = race(std::move(three.members));
  bool failed = false;
  r.addErrback([&](const Failure& f) { failed = f.check<FailureGroup>() != nullptr; });
  r.cancel();
  BOOST_TEST(failed);
  bool empty = false;
  race(std::vector<Deferred<int>>()).addErrback([&](const Failure& f) {
    empty = f.check<std::invalid_argument>() != nullptr;
  });
  BOOST_TEST(empty);
}

/// Can be made and moved, and not assigned.
struct Fixed {
  explicit Fixed(int n) : number(n) {}
  const int number;
};

BOOST_AUTO_TEST_CASE(values_need_not_be_assignable) {
  std::vector<Deferred<Fixed>> members;
  Deferred<Fixed> later;
  const Promise<Fixed> promise = later.promise();
  members.push_back(std::move(later));
  members.push_back(succeed(Fixed(2)));
  int sum = 0;
  gatherResults(std::move(members)).addCallback([&](const std::vector<Fixed>& all) {
    for (const Fixed& one : all) sum += one.number;
  });
  promise.callback(Fixed(40));
  BOOST_TEST(sum == 42);
}

BOOST_AUTO_TEST_CASE(a_tuple_tells_where_it_was_gathered) {
  const auto lineOf = [](auto gathered) {
    unsigned line = 0;
    gathered.addErrback([&](const Failure& failure) -> Failure {
      for (const FailureStep& step : failure.get<FirstError>()->subFailure().path())
        if (step.kind == FailureStep::Kind::gathered) line = step.at.line();
      return failure;
    });
    gathered.addErrback([](const Failure&) {});
    return line;
  };
  const auto failed = [] { return fail<int>(std::runtime_error("no")); };
  BOOST_TEST(lineOf(gatherResults(failed(), succeed())) == unsigned(__LINE__));
  BOOST_TEST(lineOf(gatherResults(succeed(), failed(), succeed(1))) == unsigned(__LINE__));
  BOOST_TEST(lineOf(gatherResults(succeed(), succeed(), failed(), succeed(1))) == unsigned(__LINE__));
  std::size_t number = 0;
  gatherResults(succeed(), succeed(), succeed(1), succeed(), succeed(), failed())
      .addErrback([&](const Failure& failure) {
        number = failure.get<FirstError>()->index();
        return std::tuple<std::monostate, std::monostate, int, std::monostate, std::monostate, int>();
      });
  BOOST_TEST(number == 5u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace gather_results_test
