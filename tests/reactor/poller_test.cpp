#include "epoll_poller.hpp"

#include <sys/socket.h>
#include <unistd.h>
#include <bight/poller.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <vector>

#include "libevent_poller.hpp"
#include "poller_registry.hpp"

BOOST_AUTO_TEST_SUITE(PollerTest)

using namespace bight;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

struct Recorder final : PollTarget {
  std::vector<unsigned> events;
  Function<void()> then;
  void ready(unsigned what) noexcept override {
    events.push_back(what);
    if (then) then();
  }
};

struct Pair {
  int ends[2];
  Pair() { BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0); }
  ~Pair() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
};

/// Those of the library.
std::vector<std::string> pollers() {
  std::vector<std::string> names = detail::libeventMethods();
#ifdef __linux__
  names.insert(names.begin(), "epoll");
#endif
  return names;
}

std::unique_ptr<Poller> makePoller(const std::string& name) {
#ifdef __linux__
  if (name == "epoll") return detail::makeEpollPoller();
#endif
  return detail::makeLibeventPoller(name);
}

BOOST_DATA_TEST_CASE(is_the_method_that_was_asked_for, data::make(pollers()), method) {
  BOOST_TEST(makePoller(method)->name() == method);
  BOOST_TEST(makePoller(method)->name() == detail::findPoller(method)()->name());
}

BOOST_AUTO_TEST_CASE(a_method_that_is_not_there_is_refused) {
  BOOST_CHECK_THROW(detail::makeLibeventPoller("devpoll"), std::runtime_error);
}

BOOST_DATA_TEST_CASE(interest_can_change_and_nothing_can_be_watched, data::make(pollers()), method) {
  const Pair pair;
  Recorder recorder;
  auto poller = makePoller(method);
  PollHandle* handle = poller->add(pair.ends[0], 0, recorder);
  BOOST_REQUIRE(::write(pair.ends[1], "x", 1) == 1);
  poller->poll(Poller::dontWait);
  BOOST_TEST(recorder.events.empty());
  poller->change(handle, pollRead);
  poller->poll(Poller::dontWait);
  BOOST_TEST(recorder.events == std::vector<unsigned>({pollRead}), boost::test_tools::per_element());
  poller->change(handle, pollWrite);
  poller->poll(Poller::dontWait);
  BOOST_TEST(recorder.events == std::vector<unsigned>({pollRead, pollWrite}), boost::test_tools::per_element());
  poller->change(handle, 0);
  ::shutdown(pair.ends[1], SHUT_RDWR);
  poller->poll(Poller::dontWait);
  BOOST_TEST(recorder.events.size() == 2);
  poller->remove(handle);
}

BOOST_DATA_TEST_CASE(comes_back_at_the_moment_it_was_given_and_not_early, data::make(pollers()), method) {
  auto poller = makePoller(method);
  for (const Duration span : {300us, 2000us, 500us}) {
    const Duration until = Poller::steadyNow() + span;
    int polls = 0;
    while (Poller::steadyNow() < until) {
      poller->poll(until);
      ++polls;
    }
    BOOST_TEST(polls <= 3);
  }
  // A moment that has passed, and an alarm that has rung and is not wanted any more.
  poller->poll(Poller::steadyNow() - 1s);
  poller->poll(Poller::dontWait);
}

BOOST_DATA_TEST_CASE(a_later_moment_does_not_move_the_alarm_and_an_earlier_one_does, data::make(pollers()), method) {
  auto poller = makePoller(method);
  const Pair pair;
  Recorder recorder;
  PollHandle* handle = poller->add(pair.ends[0], pollRead, recorder);
  BOOST_REQUIRE(::write(pair.ends[1], "x", 1) == 1);
  poller->poll(Poller::steadyNow() + std::chrono::hours(1));  // returns at once: something is ready
  BOOST_TEST(recorder.events.size() == 1);
  char byte;
  BOOST_REQUIRE(::read(pair.ends[0], &byte, 1) == 1);
  const Duration until = Poller::steadyNow() + 1ms;
  while (Poller::steadyNow() < until) poller->poll(until);
  BOOST_TEST(recorder.events.size() == 1);
  poller->remove(handle);
}

BOOST_DATA_TEST_CASE(many_descriptors_come_and_go, data::make(pollers()), method) {
  auto poller = makePoller(method);
  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::vector<PollHandle*> handles;
  for (int i = 0; i < 100; ++i) {
    pairs.push_back(std::make_unique<Pair>());
    recorders.push_back(std::make_unique<Recorder>());
    handles.push_back(poller->add(pairs.back()->ends[0], pollRead | pollWrite, *recorders.back()));
  }
  // A poller may report only some of what is ready at a time.
  for (int i = 0; i < 5; ++i) poller->poll(Poller::dontWait);
  for (const auto& each : recorders) BOOST_TEST(each->events.size() >= 1);
  for (std::size_t i = 0; i < 100; i += 2) {
    poller->remove(handles[i]);
  }
  for (const auto& each : recorders) each->events.clear();
  for (int i = 0; i < 5; ++i) poller->poll(Poller::dontWait);
  for (std::size_t i = 0; i < 100; ++i) BOOST_TEST(recorders[i]->events.empty() == (i % 2 == 0));
  for (std::size_t i = 1; i < 100; i += 2) poller->remove(handles[i]);
}

// A descriptor that lives on in another process goes on reporting after its number has been closed and used again.
BOOST_DATA_TEST_CASE(what_was_closed_too_early_calls_nobody, data::make(pollers()), method) {
  auto poller = makePoller(method);
  Recorder early;
  int ends[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  const int elsewhere = ::dup(ends[0]);
  PollHandle* handle = poller->add(ends[0], pollRead, early);
  ::close(ends[0]);
  poller->remove(handle);
  BOOST_REQUIRE(::write(ends[1], "x", 1) == 1);
  for (int i = 0; i < 3; ++i) poller->poll(Poller::dontWait);
  Recorder later;
  const Pair pair;
  handle = poller->add(pair.ends[0], pollRead, later);
  for (int i = 0; i < 3; ++i) poller->poll(Poller::dontWait);
  BOOST_TEST(early.events.empty());
  BOOST_TEST((later.events.empty() || pair.ends[0] == ends[0]));
  poller->remove(handle);
  ::close(ends[1]);
  ::close(elsewhere);
}

// One that is called takes others, and itself, away that are ready too.
BOOST_DATA_TEST_CASE(what_is_removed_while_another_is_called_is_not_called, data::make(pollers()), method) {
  auto poller = makePoller(method);
  const Pair first;
  const Pair second;
  Recorder recorders[2];
  PollHandle* handles[] = {poller->add(first.ends[0], pollWrite, recorders[0]),
                           poller->add(second.ends[0], pollWrite, recorders[1])};
  for (Recorder& each : recorders) {
    each.then = [&] {
      for (PollHandle* handle : handles) poller->remove(handle);
    };
  }
  poller->poll(Poller::dontWait);
  poller->poll(Poller::dontWait);
  BOOST_TEST(recorders[0].events.size() + recorders[1].events.size() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
