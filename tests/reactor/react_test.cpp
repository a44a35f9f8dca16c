#include <bight/react.hpp>

#include <bight/task.hpp>
#include <bight/testing/log_capture.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "backends.hpp"

BOOST_AUTO_TEST_SUITE(ReactTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
using testing::LogCapture;
namespace data = boost::unit_test::data;

Deferred<int> sleepingProgram(Reactor& reactor) {
  co_await deferLater(reactor, 1ms);
  co_return 5;
}

BOOST_DATA_TEST_CASE(ends_with_0_when_the_deferred_fires, data::make(backends()), backend) {  // B47
  auto reactor = makeReactor(backend);
  BOOST_TEST(react(*reactor, [](Reactor& r) { return deferLater(r, 1ms); }) == 0);
}

BOOST_DATA_TEST_CASE(a_deferred_that_has_fired_before_the_run_ends_it_too, data::make(backends()), backend) {  // B47
  auto reactor = makeReactor(backend);
  BOOST_TEST(react(*reactor, [](Reactor&) { return succeed(1); }) == 0);
}

BOOST_DATA_TEST_CASE(a_coroutine_is_a_program, data::make(backends()), backend) {  // B47
  auto reactor = makeReactor(backend);
  BOOST_TEST(react(*reactor, sleepingProgram) == 0);
}

BOOST_DATA_TEST_CASE(a_failure_is_logged_and_ends_with_1, data::make(backends()), backend) {  // B47
  LogCapture log;
  auto late = makeReactor(backend);
  BOOST_TEST(react(*late, [](Reactor& r) { return deferLater(r, 1ms, [] { throw std::runtime_error("BOOM!"); }); }) ==
             1);
  BOOST_TEST(log.count("main function encountered error") == 1);
  BOOST_TEST(log.count("BOOM!") == 1);
  auto atOnce = makeReactor(backend);
  BOOST_TEST(react(*atOnce, [](Reactor&) -> Deferred<void> { throw std::runtime_error("BANG!"); }) == 1);
  BOOST_TEST(log.count("BANG!") == 1);
}

BOOST_DATA_TEST_CASE(system_exit_chooses_the_status_without_a_word, data::make(backends()), backend) {  // B47
  LogCapture log;
  auto reactor = makeReactor(backend);
  BOOST_TEST(react(*reactor, [](Reactor& r) { return deferLater(r, 1ms, [] { throw SystemExit(23); }); }) == 23);
  BOOST_TEST(!log.contains("main function"));
}

BOOST_DATA_TEST_CASE(a_reactor_stopped_before_ends_with_0_and_a_later_failure_does_not_count, data::make(backends()),
                     backend) {  // B47
  LogCapture log;
  auto reactor = makeReactor(backend);
  std::optional<Promise<void>> promise;
  const int status = react(*reactor, [&](Reactor& r) {
    Deferred<void> d;
    promise = d.promise();
    r.callLater(0s, [&r] { r.stop(); });
    r.addSystemEventTrigger(Phase::during, "shutdown", [&] { promise->errback(std::runtime_error("too late")); });
    return d;
  });
  BOOST_TEST(status == 0);
  BOOST_TEST(!log.contains("too late"));
}

BOOST_AUTO_TEST_CASE(hands_the_arguments_over_in_either_form) {  // B47
  char name[] = "prog";
  char argument[] = "--port";
  char* argv[] = {name, argument, nullptr};
  std::vector<std::string> got;
  auto one = makeReactor();
  react(
      *one,
      [&](Reactor&, std::vector<std::string> all) {
        got = all;
        return succeed();
      },
      2, argv);
  BOOST_TEST(got == std::vector<std::string>({"prog", "--port"}), boost::test_tools::per_element());
  int count = 0;
  auto two = makeReactor();
  react(
      *two,
      [&](Reactor&, int argc, char**) {
        count = argc;
        return succeed();
      },
      2, argv);
  BOOST_TEST(count == 2);
}

BOOST_AUTO_TEST_CASE(makes_its_reactor_and_an_unknown_name_ends_with_2) {
  BOOST_TEST(react([](Reactor&) { return succeed(); }) == 0);
  ::setenv("BIGHT_REACTOR", "selekt", 1);
  BOOST_TEST(react([](Reactor&) { return succeed(); }) == 2);
  ::unsetenv("BIGHT_REACTOR");
}

BOOST_AUTO_TEST_SUITE_END()
