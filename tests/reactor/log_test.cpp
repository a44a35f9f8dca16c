#include <bight/log.hpp>

#include <bight/deferred.hpp>
#include <bight/reactor.hpp>
#include <bight/testing/log_capture.hpp>
#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(LogTest)

using namespace bight;
using testing::LogCapture;

/// Collects texts for the length of a test; stderr is silent meanwhile.
struct Listening {
  std::vector<std::string> texts;
  LogObserverId id;
  Listening() {
    removeLogObserver(stderrLogObserver);
    id = addLogObserver([this](const LogEvent& event) {
      texts.push_back(std::string(toString(event.level)) + " " + std::string(event.name) + " " +
                      std::string(event.message));
    });
  }
  ~Listening() {
    removeLogObserver(id);
    resetLogLevels();
  }
};

BOOST_AUTO_TEST_CASE(levels_are_by_namespace_and_the_longest_prefix_wins) {
  Listening listening;
  const Logger rooms("chat.rooms");
  const Logger other("chatter");
  BOOST_TEST(!rooms.enabled(LogLevel::debug));
  rooms.debug("no");
  rooms.info("yes");
  setLogLevel("chat", LogLevel::error);
  rooms.warn("no");
  other.warn("yes");
  setLogLevel("chat.rooms", LogLevel::debug);
  rooms.debug("yes");
  setLogLevel("", LogLevel::critical);
  other.error("no");
  rooms.debug("yes");
  const std::vector<std::string> expected = {"info chat.rooms yes", "warn chatter yes", "debug chat.rooms yes",
                                             "debug chat.rooms yes"};
  BOOST_TEST(listening.texts == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_broken_observer_is_reported_to_the_others_and_harms_nobody) {
  Listening listening;
  const LogObserverId broken = addLogObserver([](const LogEvent&) { throw std::runtime_error("observer down"); });
  Logger("a").info("hello");
  removeLogObserver(broken);
  Logger("a").info("again");
  BOOST_REQUIRE(listening.texts.size() == 3);
  BOOST_TEST(listening.texts[0] == "info a hello");
  BOOST_TEST(listening.texts[1].find("critical bight.log") == 0);
  BOOST_TEST(listening.texts[2] == "info a again");
}

BOOST_AUTO_TEST_CASE(an_observer_that_logs_does_not_hear_itself) {
  Listening listening;
  const LogObserverId talker = addLogObserver([](const LogEvent&) { Logger("talker").info("I heard something"); });
  Logger("a").info("hello");
  removeLogObserver(talker);
  const std::vector<std::string> expected = {"info a hello", "info talker I heard something"};
  BOOST_TEST(listening.texts == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_observer_may_remove_itself) {
  Listening listening;
  int heard = 0;
  LogObserverId once;
  once = addLogObserver([&](const LogEvent&) {
    ++heard;
    removeLogObserver(once);
  });
  Logger("a").info("1");
  Logger("a").info("2");
  BOOST_TEST(heard == 1);
}

BOOST_AUTO_TEST_CASE(the_text_has_level_name_message_and_the_failure_below) {
  const Failure failure(std::runtime_error("BOOM!"));
  const std::string text =
      formatLogEvent({LogLevel::critical, "chat", "while saving", &failure, std::chrono::system_clock::now()});
  BOOST_TEST(text.find("[chat] critical: while saving\n") != std::string::npos);
  BOOST_TEST(text.find("std::runtime_error: BOOM!") != std::string::npos);
  BOOST_TEST(text.back() != '\n');
}

BOOST_AUTO_TEST_CASE(unhandled_failures_of_deferreds_go_to_the_log_once_there_is_a_reactor) {  // A49, A44
  LogCapture log;
  makeReactor();
  fail<int>(std::runtime_error("nobody cares"));
  fail<int>(CancelledError());
  const auto entries = log.entries();
  BOOST_REQUIRE(entries.size() == 2);
  BOOST_TEST((entries[0].level == LogLevel::critical));
  BOOST_TEST(entries[0].message.find("Unhandled error in Deferred") == 0);
  BOOST_TEST(entries[0].failure->getErrorMessage() == "nobody cares");
  BOOST_TEST((entries[1].level == LogLevel::debug));
}

BOOST_AUTO_TEST_SUITE_END()
