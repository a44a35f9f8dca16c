#include "terminal.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <string>

#include <bight/connection_errors.hpp>
#include <bight/failure.hpp>
#include <bight/testing.hpp>

namespace terminal_test {

using namespace std::chrono_literals;

namespace {

/// A visitor whose connection is a StringTransport, and whose time stands still.
struct Fixture {
  Fixture() { visitor->makeConnection(*transport); }

  /// What the visitor was shown since the last call.
  std::string shown() {
    std::string value = transport->value();
    transport->clear();
    return value;
  }
  void type(const std::string& lines) { visitor->dataReceived(lines); }

  bight::testing::Clock clock;
  chat::Room room{clock, 3};
  std::shared_ptr<chat::Terminal> visitor = std::make_shared<chat::Terminal>(room);
  bight::Ref<bight::testing::StringTransport> transport = bight::makeRef<bight::testing::StringTransport>();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(TerminalSuite, Fixture)

BOOST_AUTO_TEST_CASE(the_first_line_is_a_name_and_the_next_is_said) {
  BOOST_TEST(shown() == "What shall people call you?\n");
  type("Ada\r\n");
  BOOST_TEST(shown() == "Welcome, Ada. Whatever you write now, everybody reads.\n");
  type("Hello\n");
  BOOST_TEST(room.last() == 1U);
  room.say({"Grace", "Hello, Ada", ""});
  BOOST_TEST(shown() == "Grace: Hello, Ada\n");
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_told_and_may_be_tried_again) {
  shown();
  type("\n");
  BOOST_TEST(shown() == "! Who are you? The name (user) is missing or empty.\n");
  type("Ada\n");
  shown();
  type("bell \x07\n");
  BOOST_TEST(shown() == "! The text contains a control character.\n");
  BOOST_TEST(room.last() == 0U);
}

BOOST_AUTO_TEST_CASE(nobody_can_pretend_to_be_somebody_else_with_a_line_break) {
  type("Ada\n");
  shown();
  room.say({"Mallory", "hi\nGrace: I owe Mallory money", ""});
  BOOST_TEST(shown() == "Mallory: hi\n    Grace: I owe Mallory money\n");
}

BOOST_AUTO_TEST_CASE(one_sees_who_is_here) {
  type("Ada\n");
  shown();
  clock.advance(1s);
  BOOST_TEST(shown() == "* Here: Ada\n");
}

BOOST_AUTO_TEST_CASE(patience_that_ends_is_not_noticed) {
  type("Ada\n");
  clock.advance(1s);
  shown();
  clock.advance(25s);
  BOOST_TEST(shown().empty());
  BOOST_TEST(room.waiting() == 1U);
}

BOOST_AUTO_TEST_CASE(a_visitor_who_leaves_leaves_nothing_behind) {
  type("Ada\n");
  BOOST_TEST(room.waiting() == 1U);
  transport->lose(*visitor, bight::Failure(bight::ConnectionDone()));
  BOOST_TEST(room.waiting() == 0U);
  clock.pump({10s, 1s});
  BOOST_TEST(clock.getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(closing_the_room_hangs_up) {
  type("Ada\n");
  room.close();
  BOOST_TEST(transport->disconnecting());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace terminal_test
