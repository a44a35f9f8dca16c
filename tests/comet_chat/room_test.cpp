#include "room.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/http/status.hpp>
#include <bight/testing.hpp>

namespace room_test {

using namespace std::chrono_literals;
using bight::Deferred;
using bight::http::StatusError;
using chat::Cursor;
using chat::NewsPtr;
using chat::Room;

namespace {

struct Fixture {
  bight::testing::Clock clock;
  Room room{clock, 3};

  void say(const std::string& text) { room.say({"Ada", text, ""}); }
};

using Texts = std::vector<std::string>;

/// What a Deferred has come to so far. The room may outlive it, so what the callbacks write to is shared.
class Seen {
 public:
  explicit Seen(Deferred<NewsPtr>&& deferred) : handle_(std::move(deferred)) {
    handle_.addCallback([so = far_](const NewsPtr& news) { so->news = news; })
        .addErrback([so = far_](const bight::Failure& failure) { so->failed = failure.typeName(); });
  }

  const NewsPtr& news() const { return far_->news; }
  const std::string& failed() const { return far_->failed; }
  Texts texts() const {
    Texts all;
    for (const auto& message : news()->messages) all.push_back(message->text);
    return all;
  }
  void cancel() { handle_.cancel(); }

 private:
  struct SoFar {
    NewsPtr news;
    std::string failed;
  };

  std::shared_ptr<SoFar> far_ = std::make_shared<SoFar>();
  Deferred<NewsPtr> handle_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(RoomSuite, Fixture)

BOOST_AUTO_TEST_CASE(a_waiter_is_answered_as_soon_as_something_is_said) {
  Seen waiter(room.wait({}, 25s));
  BOOST_TEST(!waiter.news());
  BOOST_TEST(room.waiting() == 1U);
  say("Hello");
  BOOST_REQUIRE(waiter.news());
  BOOST_TEST(waiter.texts() == Texts{"Hello"}, boost::test_tools::per_element());
  BOOST_TEST(waiter.news()->last == 1U);
  BOOST_TEST(!waiter.news()->missed);
  BOOST_TEST(room.waiting() == 0U);
  BOOST_TEST(clock.getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(all_who_wait_get_the_very_same_news) {
  Seen first(room.wait({}, 25s));
  Seen second(room.wait({}, 25s));
  say("Hello");
  BOOST_REQUIRE(first.news());
  BOOST_TEST(first.news() == second.news());
}

BOOST_AUTO_TEST_CASE(a_reader_that_is_behind_is_answered_at_once) {
  say("one");
  say("two");
  Seen reader(room.wait({.id = 1}, 25s));
  BOOST_REQUIRE(reader.news());
  BOOST_TEST(reader.texts() == Texts{"two"}, boost::test_tools::per_element());
  BOOST_TEST(reader.news()->last == 2U);
}

BOOST_AUTO_TEST_CASE(patience_ends_with_an_answer_without_messages) {
  say("old");
  Seen waiter(room.wait({.id = 1}, 25s));
  clock.advance(24s);
  BOOST_TEST(!waiter.news());
  clock.advance(1s);
  BOOST_REQUIRE(waiter.news());
  BOOST_TEST(waiter.news()->messages.empty());
  BOOST_TEST(waiter.news()->last == 1U);
  BOOST_TEST(!waiter.news()->missed);
  BOOST_TEST(room.waiting() == 0U);
}

BOOST_AUTO_TEST_CASE(no_patience_is_an_answer_at_once) {
  Seen reader(room.wait({}, 0s));
  BOOST_REQUIRE(reader.news());
  BOOST_TEST(reader.news()->messages.empty());
  BOOST_TEST(room.waiting() == 0U);
}

BOOST_AUTO_TEST_CASE(history_is_bounded_and_says_what_it_does_not_have_any_more) {
  for (const char* text : {"1", "2", "3", "4", "5"}) say(text);  // three are kept: 3, 4, 5
  Seen lost(room.wait({.id = 1}, 25s));
  BOOST_REQUIRE(lost.news());
  BOOST_TEST(lost.news()->missed);
  BOOST_TEST(lost.texts() == (Texts{"3", "4", "5"}), boost::test_tools::per_element());
  Seen justInTime(room.wait({.id = 2}, 25s));
  BOOST_REQUIRE(justInTime.news());
  BOOST_TEST(!justInTime.news()->missed);
  BOOST_TEST(justInTime.texts() == (Texts{"3", "4", "5"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_cursor_from_the_future_is_told_that_it_missed_something_instead_of_waiting_for_ever) {
  say("after the restart");
  Seen reader(room.wait({.id = 500}, 25s));
  BOOST_REQUIRE(reader.news());
  BOOST_TEST(reader.news()->missed);
  BOOST_TEST(reader.texts() == Texts{"after the restart"}, boost::test_tools::per_element());
  Seen extreme(room.wait({.id = std::numeric_limits<std::uint64_t>::max()}, 25s));
  BOOST_REQUIRE(extreme.news());
  BOOST_TEST(extreme.news()->missed);
}

BOOST_AUTO_TEST_CASE(a_cursor_of_another_start_is_told_so_even_if_its_id_fits) {
  say("one");
  Seen stranger(room.wait({.room = "00000000x", .id = 1}, 25s));
  BOOST_REQUIRE(stranger.news());
  BOOST_TEST(stranger.news()->missed);
  BOOST_TEST(stranger.news()->room == room.name());
  Seen ours(room.wait({.room = room.name(), .id = 1}, 25s));
  BOOST_TEST(!ours.news());
}

BOOST_AUTO_TEST_CASE(two_starts_have_two_names) {
  BOOST_TEST(Room(clock).name() != room.name());
}

BOOST_AUTO_TEST_CASE(a_cancelled_waiter_leaves_nothing_behind) {
  Seen gone(room.wait({}, 25s));
  Seen stays(room.wait({}, 25s));
  gone.cancel();
  BOOST_TEST(room.waiting() == 1U);
  BOOST_TEST(clock.getDelayedCalls().size() == 1U);
  BOOST_TEST(gone.failed() == "bight::CancelledError");
  say("Hello");
  BOOST_TEST(!gone.news());
  BOOST_TEST(!!stays.news());
  BOOST_TEST(clock.getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(a_callback_may_cancel_those_who_come_after_it) {
  std::optional<Seen> second;
  room.wait({}, 25s).addCallback([&](const NewsPtr&) { second->cancel(); });
  second.emplace(room.wait({}, 25s));
  Seen third(room.wait({}, 25s));
  say("Hello");
  BOOST_TEST(second->failed() == "bight::CancelledError");
  BOOST_TEST(!!third.news());
  BOOST_TEST(room.waiting() == 0U);
}

BOOST_AUTO_TEST_CASE(a_callback_may_wait_again_and_does_not_get_the_same_news_twice) {
  std::optional<Seen> again;
  room.wait({}, 25s).addCallback([&](const NewsPtr& news) { again.emplace(room.wait({.id = news->last}, 25s)); });
  say("one");
  BOOST_REQUIRE(again);
  BOOST_TEST(!again->news());
  say("two");
  BOOST_REQUIRE(again->news());
  BOOST_TEST(again->texts() == Texts{"two"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_callback_may_say_something_and_nobody_misses_anything) {
  room.wait({}, 25s).addCallback([&](const NewsPtr&) { say("an echo"); });
  Seen second(room.wait({}, 25s));
  say("Hello");
  BOOST_REQUIRE(second.news());
  BOOST_TEST(second.texts() == (Texts{"Hello", "an echo"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_same_key_is_said_once) {
  const auto first = room.say({"Ada", "Hello", "k1"});
  BOOST_TEST(room.say({"Ada", "Hello", "k1"}) == first);
  BOOST_TEST(room.last() == 1U);
  BOOST_TEST(room.say({"Ada", "Hello", "k2"})->id == 2U);
  BOOST_TEST(room.say({"Ada", "Something else", "k1"})->id == 3U);
  BOOST_TEST(room.say({"Ada", "Hello", ""})->id == 4U);
  BOOST_TEST(room.say({"Ada", "Hello", ""})->id == 5U);
}

BOOST_AUTO_TEST_CASE(what_may_not_be_said_is_refused_and_disturbs_nobody) {
  Seen waiter(room.wait({}, 25s));
  BOOST_CHECK_THROW(room.say({"Ada", "  ", ""}), StatusError);
  BOOST_CHECK_THROW(room.say({"", "Hello", ""}), StatusError);
  BOOST_TEST(!waiter.news());
  BOOST_TEST(room.last() == 0U);
}

BOOST_AUTO_TEST_CASE(who_waits_is_here) {
  Seen ada(room.wait({}, 25s, "Ada"));
  clock.advance(1s);
  BOOST_TEST(room.people().count == 1U);
  BOOST_TEST(room.people().names.at(0) == "Ada");
  BOOST_TEST(!ada.news());  // it did not ask to be told
  ada.cancel();
  clock.pump({10s, 1s});
  BOOST_TEST(room.people().count == 0U);
  BOOST_TEST(clock.getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(a_reader_that_asks_for_it_is_told_who_comes_and_goes) {
  Seen ada(room.wait({.people = 0}, 25s, "Ada"));
  clock.advance(1s);
  BOOST_REQUIRE(ada.news());
  BOOST_TEST(ada.news()->messages.empty());
  BOOST_TEST(ada.news()->people->count == 1U);
  Seen again(room.wait({.people = ada.news()->people->version}, 25s, "Ada"));
  clock.advance(1s);
  BOOST_TEST(!again.news());
  Seen grace(room.wait({}, 25s, "Grace"));
  clock.advance(1s);
  BOOST_REQUIRE(again.news());
  BOOST_TEST(again.news()->people->count == 2U);
}

BOOST_AUTO_TEST_CASE(closing_answers_everybody_now_and_later) {
  Seen waiter(room.wait({}, 25s));
  room.close();
  BOOST_REQUIRE(waiter.news());
  BOOST_TEST(waiter.news()->messages.empty());
  Seen late(room.wait({}, 25s));
  BOOST_TEST(!!late.news());
}

BOOST_AUTO_TEST_CASE(a_room_that_is_destroyed_answers_who_waits) {
  std::optional<Room> other(std::in_place, clock);
  Seen waiter(other->wait({}, 25s, "Ada"));
  other.reset();
  BOOST_TEST(!!waiter.news());
  clock.advance(60s);
}

BOOST_AUTO_TEST_CASE(a_room_without_history_is_refused) {
  BOOST_CHECK_THROW(Room(clock, 0), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace room_test
