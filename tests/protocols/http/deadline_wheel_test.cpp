#include "http/deadline_wheel.hpp"

#include <functional>
#include <memory>
#include <random>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <bight/testing/clock.hpp>

BOOST_AUTO_TEST_SUITE(DeadlineWheelTest)

using namespace bight;
using namespace bight::http::detail;
using namespace std::chrono_literals;

namespace {

struct Entry : WheelEntry {
  std::function<void()> onPassed;
  int passed = 0;
};

void tell(WheelEntry& entry) {
  Entry& mine = static_cast<Entry&>(entry);
  ++mine.passed;
  if (mine.onPassed) mine.onPassed();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_deadline_passes_at_its_second_and_once) {
  testing::Clock clock;
  DeadlineWheel wheel(clock, tell);
  Entry entry;
  wheel.set(entry, wheel.now() + 10);
  clock.advance(10s);
  BOOST_TEST(entry.passed == 0);
  clock.advance(2s);
  BOOST_TEST(entry.passed == 1);
  clock.advance(1000s);
  BOOST_TEST(entry.passed == 1);
  BOOST_TEST(clock.getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(a_deadline_moves_both_ways_and_may_be_taken_back) {
  testing::Clock clock;
  DeadlineWheel wheel(clock, tell);
  Entry later, sooner, never, removed;
  wheel.set(later, wheel.now() + 5);
  wheel.set(later, wheel.now() + 50);
  wheel.set(sooner, wheel.now() + 50);
  wheel.set(sooner, wheel.now() + 5);
  wheel.set(never, wheel.now() + 5);
  wheel.clear(never);
  wheel.set(removed, wheel.now() + 5);
  wheel.remove(removed);
  wheel.remove(removed);
  clock.advance(8s);
  BOOST_TEST(later.passed == 0);
  BOOST_TEST(sooner.passed == 1);
  clock.advance(45s);
  BOOST_TEST(later.passed == 1);
  BOOST_TEST(never.passed == 0);
  BOOST_TEST(removed.passed == 0);
}

BOOST_AUTO_TEST_CASE(a_deadline_may_lie_further_away_than_the_wheel_is_round) {
  testing::Clock clock;
  DeadlineWheel wheel(clock, tell);
  Entry entry;
  wheel.set(entry, wheel.now() + 1000);
  clock.advance(999s);
  BOOST_TEST(entry.passed == 0);
  clock.advance(3s);
  BOOST_TEST(entry.passed == 1);
}

BOOST_AUTO_TEST_CASE(a_clock_that_jumps_over_many_turns_passes_all_that_is_due) {
  testing::Clock clock;
  DeadlineWheel wheel(clock, tell);
  std::vector<std::unique_ptr<Entry>> entries;
  for (std::uint32_t i = 0; i < 300; ++i) {
    entries.push_back(std::make_unique<Entry>());
    wheel.set(*entries.back(), wheel.now() + i);
  }
  clock.advance(200s);
  int passed = 0;
  for (const auto& entry : entries) passed += entry->passed;
  BOOST_TEST(passed >= 199);
  BOOST_TEST(passed <= 201);
  clock.advance(200s);
  for (const auto& entry : entries) BOOST_TEST(entry->passed == 1);
}

BOOST_AUTO_TEST_CASE(whoever_is_told_may_remove_others_and_set_new_deadlines) {
  testing::Clock clock;
  DeadlineWheel wheel(clock, tell);
  Entry first, second, again;
  // Whichever comes first removes the other.
  first.onPassed = [&] { wheel.remove(second); };
  second.onPassed = [&] { wheel.remove(first); };
  again.onPassed = [&] { wheel.set(again, wheel.now() + 1); };
  wheel.set(first, wheel.now() + 3);
  wheel.set(second, wheel.now() + 3);
  wheel.set(again, wheel.now() + 3);
  clock.advance(5s);
  BOOST_TEST(first.passed + second.passed == 1);
  BOOST_TEST(again.passed == 1);
  for (int i = 0; i < 20; ++i) clock.advance(1s);
  BOOST_TEST(again.passed >= 9);
  BOOST_TEST(again.passed <= 21);
  wheel.remove(again);
}

// The wheel against a plain list of deadlines.
BOOST_AUTO_TEST_CASE(no_deadline_is_early_and_none_is_more_than_two_seconds_late) {
  const unsigned seed = std::random_device{}();
  BOOST_TEST_CONTEXT("seed " << seed) {
    std::mt19937 random(seed);
    testing::Clock clock;
    DeadlineWheel wheel(clock, tell);
    struct Watched : Entry {
      std::uint32_t deadline = 0;
    };
    std::vector<Watched> entries(50);
    for (Watched& entry : entries) {
      entry.onPassed = [&] {
        BOOST_TEST(entry.deadline != 0U);
        BOOST_TEST(wheel.now() > entry.deadline);
        entry.deadline = 0;
      };
    }
    for (int step = 0; step < 3000; ++step) {
      Watched& entry = entries[random() % entries.size()];
      switch (random() % 8) {
        case 0:
          wheel.remove(entry), entry.deadline = 0;
          break;
        case 1:
          wheel.clear(entry), entry.deadline = 0;
          break;
        default:
          wheel.set(entry, entry.deadline = wheel.now() + static_cast<std::uint32_t>(random() % 300));
      }
      clock.advance(std::chrono::milliseconds(random() % 3000));
      for (const Watched& one : entries) {
        if (one.deadline) BOOST_TEST(wheel.now() <= one.deadline + 2);
      }
    }
    for (Watched& entry : entries) wheel.remove(entry);
  }
}

BOOST_AUTO_TEST_SUITE_END()
