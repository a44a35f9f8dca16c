#include "presence.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <string>
#include <vector>

#include <bight/testing.hpp>

namespace presence_test {

using namespace std::chrono_literals;
using chat::Presence;
using Names = std::vector<std::string>;

namespace {

struct Fixture {
  bight::testing::Clock clock;
  int changes = 0;
  Presence presence{clock, [this] { ++changes; }};

  const Names& names() const { return presence.list()->names; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(PresenceSuite, Fixture)

BOOST_AUTO_TEST_CASE(many_who_come_together_are_announced_together_and_in_order) {
  const auto grace = presence.sit("Grace");
  const auto ada = presence.sit("Ada");
  BOOST_TEST(changes == 0);
  clock.advance(Presence::announcePause);
  BOOST_TEST(changes == 1);
  BOOST_TEST(names() == (Names{"Ada", "Grace"}), boost::test_tools::per_element());
  BOOST_TEST(presence.list()->version == 1U);
}

BOOST_AUTO_TEST_CASE(who_comes_back_within_the_grace_was_never_gone) {
  {
    const auto seat = presence.sit("Ada");
  }
  clock.advance(3s);
  const auto seat = presence.sit("Ada");
  clock.advance(60s);
  BOOST_TEST(changes == 1);
  BOOST_TEST(presence.list()->count == 1U);
}

BOOST_AUTO_TEST_CASE(who_stays_away_is_taken_off_the_list_and_nothing_is_left_behind) {
  {
    const auto seat = presence.sit("Ada");
  }
  clock.pump({Presence::grace, Presence::announcePause});
  BOOST_TEST(presence.list()->count == 0U);
  BOOST_TEST(clock.getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(one_name_is_one_person_however_many_seats_it_has) {
  auto first = presence.sit("Ada");
  const auto second = presence.sit("Ada");
  clock.advance(1s);
  BOOST_TEST(presence.list()->count == 1U);
  first = {};
  clock.advance(60s);
  BOOST_TEST(presence.list()->count == 1U);
}

BOOST_AUTO_TEST_CASE(the_nameless_are_not_listed) {
  const auto seat = presence.sit("");
  clock.advance(60s);
  BOOST_TEST(changes == 0);
}

BOOST_AUTO_TEST_CASE(a_long_list_is_sent_around_in_part_with_the_whole_count) {
  std::vector<Presence::Seat> seats;
  for (int n = 0; n < 250; ++n) seats.push_back(presence.sit("visitor " + std::to_string(n)));
  clock.advance(1s);
  BOOST_TEST(presence.list()->count == 250U);
  BOOST_TEST(names().size() == Presence::shownLimit);
}

BOOST_AUTO_TEST_CASE(names_are_kept_up_to_a_limit) {
  std::vector<Presence::Seat> seats;
  for (std::size_t n = 0; n < Presence::keptLimit + 10; ++n) seats.push_back(presence.sit(std::to_string(n)));
  clock.advance(1s);
  BOOST_TEST(presence.list()->count == Presence::keptLimit);
  seats.clear();
  clock.pump({Presence::grace, Presence::announcePause});
  BOOST_TEST(presence.list()->count == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace presence_test
