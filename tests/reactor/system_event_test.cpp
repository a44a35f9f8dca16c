// System event triggers: B23 to B27.
#include <bight/reactor.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <bight/testing/log_capture.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "backends.hpp"

BOOST_AUTO_TEST_SUITE(SystemEventTest)

using namespace bight;
using bight::tests::backends;
using testing::LogCapture;
namespace data = boost::unit_test::data;

BOOST_DATA_TEST_CASE(phases_run_in_order_and_each_trigger_once, data::make(backends()), backend) {  // B24, B26
  auto reactor = makeReactor(backend);
  std::vector<std::string> calls;
  reactor->addSystemEventTrigger(Phase::after, "party", [&] { calls.push_back("after"); });
  reactor->addSystemEventTrigger(Phase::during, "party", [&] { calls.push_back("during"); });
  reactor->addSystemEventTrigger(Phase::before, "party", [&] {
    calls.push_back("before");
    reactor->addSystemEventTrigger(Phase::before, "party", [&] { calls.push_back("added"); });
  });
  reactor->addSystemEventTrigger(Phase::before, "other", [&] { calls.push_back("other"); });
  reactor->fireSystemEvent("party");
  const std::vector<std::string> expected = {"before", "added", "during", "after"};
  BOOST_TEST(calls == expected, boost::test_tools::per_element());
  reactor->fireSystemEvent("party");
  BOOST_TEST(calls.size() == 4);
}

BOOST_DATA_TEST_CASE(waits_for_every_deferred_of_before_whether_it_succeeds_or_fails, data::make(backends()),
                     backend) {  // B24
  LogCapture log;
  auto reactor = makeReactor(backend);
  Deferred<int> first;
  Deferred<void> second;
  auto one = first.promise();
  auto two = second.promise();
  bool during = false;
  reactor->addSystemEventTrigger(Phase::before, "party", [&] { return std::move(first); });
  reactor->addSystemEventTrigger(Phase::before, "party", [&] { return std::move(second); });
  reactor->addSystemEventTrigger(Phase::during, "party", [&] { during = true; });
  reactor->fireSystemEvent("party");
  BOOST_TEST(!during);
  two.errback(std::runtime_error("no cake"));
  BOOST_TEST(!during);
  one.callback(1);
  BOOST_TEST(during);
  BOOST_TEST(log.count("no cake") == 1);
}

BOOST_DATA_TEST_CASE(a_trigger_that_throws_is_logged_and_the_rest_run, data::make(backends()), backend) {  // B25
  LogCapture log;
  auto reactor = makeReactor(backend);
  int calls = 0;
  for (Phase phase : {Phase::before, Phase::during, Phase::after}) {
    reactor->addSystemEventTrigger(phase, "party", [] { throw std::runtime_error("broken"); });
    reactor->addSystemEventTrigger(phase, "party", [&] { ++calls; });
  }
  reactor->fireSystemEvent("party");
  BOOST_TEST(calls == 3);
  BOOST_TEST(log.count("broken") == 3);
  BOOST_TEST(log.count("Unhandled Error while calling a trigger") == 3);
}

BOOST_DATA_TEST_CASE(triggers_can_be_taken_back_until_they_run, data::make(backends()), backend) {  // B23, B27
  auto reactor = makeReactor(backend);
  int calls = 0;
  const auto gone = reactor->addSystemEventTrigger(Phase::before, "party", [&] { ++calls; });
  reactor->removeSystemEventTrigger(gone);
  BOOST_CHECK_THROW(reactor->removeSystemEventTrigger(gone), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->removeSystemEventTrigger({}), std::invalid_argument);
  SystemEventTrigger self;
  SystemEventTrigger later;
  self = reactor->addSystemEventTrigger(Phase::before, "party", [&] {
    BOOST_CHECK_THROW(reactor->removeSystemEventTrigger(self), std::invalid_argument);
    reactor->removeSystemEventTrigger(later);
  });
  later = reactor->addSystemEventTrigger(Phase::during, "party", [&] { ++calls; });
  reactor->fireSystemEvent("party");
  BOOST_TEST(calls == 0);
  BOOST_CHECK_THROW(reactor->addSystemEventTrigger(static_cast<Phase>(9), "party", [] {}), std::invalid_argument);
}

BOOST_DATA_TEST_CASE(a_deferred_that_fires_after_the_reactor_is_gone_does_no_harm, data::make(backends()), backend) {
  Deferred<void> wait;
  auto promise = wait.promise();
  bool during = false;
  {
    auto reactor = makeReactor(backend);
    reactor->addSystemEventTrigger(Phase::before, "party", [&] { return std::move(wait); });
    reactor->addSystemEventTrigger(Phase::during, "party", [&] { during = true; });
    reactor->fireSystemEvent("party");
  }
  promise.callback();
  BOOST_TEST(!during);
}

BOOST_AUTO_TEST_SUITE_END()
