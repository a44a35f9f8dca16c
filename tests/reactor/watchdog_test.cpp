#include <bight/watchdog.hpp>

#include <atomic>
#include <bight/reactor_errors.hpp>
#include <bight/testing/log_capture.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "backends.hpp"

BOOST_AUTO_TEST_SUITE(WatchdogTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
using testing::LogCapture;
namespace data = boost::unit_test::data;

namespace watchdog_test {

/// Somebody who holds up the reactor until a watchdog has barked.
struct Barked {
  std::atomic<int> times{0};
  StuckReport last;
  WatchdogOptions options(int signal = 0) {
    return {.limit = 5ms, .signal = signal, .whenStuck = [this](const StuckReport& report) {
              last = report;
              ++times;
            }};
  }
  /// The limit is only there so that a broken test ends.
  void holdUp(int until = 1) const {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (times < until && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  }
};

template <class Done>
void spin(Reactor& reactor, Done&& done) {
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (!done() && std::chrono::steady_clock::now() < limit) reactor.iterate(2ms);
}

/// Exported by nobody: its name is only in the file's own table.
[[gnu::noinline]] static void stuckInHere(const Barked& barked) {
  barked.holdUp();
  asm volatile("" ::: "memory");  // no tail call: it must be on the stack
}

}  // namespace watchdog_test
using namespace watchdog_test;

// E4
BOOST_DATA_TEST_CASE(a_stuck_reactor_shows_where_it_is, data::make(backends()), backend) {
  LogCapture log;
  auto reactor = makeReactor(backend);
  Barked barked;
  const Watchdog watchdog(*reactor, barked.options());
  std::function<void()> wait = [&] {
    if (log.count("the reactor moves again") > 0) return reactor->stop();
    reactor->callLater(1ms, [&] { wait(); });
  };
  reactor->callWhenRunning([&] {
    reactor->callLater(1ms, [&] {
      stuckInHere(barked);
      // It goes on when the watchdog has seen that.
      wait();
    });
  });
  reactor->run({.installSignalHandlers = false});
  BOOST_TEST(barked.times == 1);
  BOOST_TEST((barked.last.stuckFor >= 5ms));
  BOOST_TEST(log.count("the reactor has not come back to its loop for") == 1);
#if __has_include(<execinfo.h>)
  // Names need -rdynamic; the program's own file is there in any case, in a line that addr2line understands.
  BOOST_REQUIRE(barked.last.stack.size() >= 3U);
  const std::string path = boost::unit_test::framework::master_test_suite().argv[0];
  const std::string name = path.substr(path.rfind('/') + 1) + " (0x";
  bool own = false;
  for (const auto& line : barked.last.stack) own = own || line.find(name) != std::string::npos;
  BOOST_TEST(own);
#ifdef __linux__
  BOOST_TEST(log.count("WatchdogTest::watchdog_test::stuckInHere(WatchdogTest::watchdog_test::Barked const&)") == 1);
#endif
  BOOST_TEST(log.count("its thread is here:\n  #0 ") == 1);
#endif
}

BOOST_DATA_TEST_CASE(a_reactor_that_waits_is_not_stuck_nor_is_one_that_does_not_run, data::make(backends()), backend) {
  auto reactor = makeReactor(backend);
  Barked barked;
  const Watchdog watchdog(*reactor, barked.options());
  auto other = makeReactor(backend);
  other->callLater(20ms, [&] { other->stop(); });
  other->run({.installSignalHandlers = false});
  reactor->callLater(20ms, [&] { reactor->stop(); });
  reactor->run({.installSignalHandlers = false});
  BOOST_TEST(barked.times == 0);
}

BOOST_AUTO_TEST_CASE(one_long_callback_is_reported_once_and_the_next_one_again) {
  LogCapture log;
  auto reactor = makeReactor();
  Barked barked;
  const Watchdog watchdog(*reactor, barked.options());
  for (int i = 1; i <= 2; ++i) {
    bool done = false;
    reactor->callLater(0s, [&] {
      barked.holdUp(i);
      done = true;
    });
    spin(*reactor, [&] { return done && log.count("moves again") == static_cast<std::size_t>(i); });
    BOOST_TEST(barked.times == i);
  }
}

BOOST_AUTO_TEST_CASE(several_watch_and_one_outlives_its_reactor) {
  LogCapture log;
  Barked first, second;
  auto reactor = makeReactor();
  auto other = makeReactor();
  const Watchdog one(*reactor, first.options());
  {
    const Watchdog two(*other, second.options());
    other->callLater(0s, [&] { second.holdUp(); });
    other->callLater(1ms, [&] { other->stop(); });
    std::thread thread([&] { other->run({.installSignalHandlers = false}); });
    bool done = false;
    reactor->callLater(0s, [&] {
      first.holdUp();
      done = true;
    });
    spin(*reactor, [&] { return done; });
    thread.join();
  }
  reactor.reset();
  BOOST_TEST(first.times == 1);
  BOOST_TEST(second.times == 1);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused_at_the_call) {
  auto reactor = makeReactor();
  {
    // Each would silently take the signal away from the other.
    const Watchdog watchdog(*reactor);
    BOOST_CHECK_THROW(reactor->onSignal(SIGURG, [] {}), std::logic_error);
    const auto other = reactor->onSignal(SIGUSR1, [] {});
    BOOST_CHECK_THROW(Watchdog(*reactor, {.signal = SIGUSR1}), std::logic_error);
    reactor->removeSignalCallback(other);
  }
  reactor->removeSignalCallback(reactor->onSignal(SIGURG, [] {}));
  BOOST_CHECK_THROW(Watchdog(*reactor, {.limit = 0s}), std::invalid_argument);
  BOOST_CHECK_THROW(Watchdog(*reactor, {.signal = 9999}), std::invalid_argument);
  BOOST_CHECK_THROW(Watchdog(*reactor, {.signal = SIGKILL}), std::invalid_argument);
  const auto before = std::signal(SIGUSR2, [](int) {});
  BOOST_CHECK_THROW(Watchdog(*reactor, {.signal = SIGUSR2}), std::logic_error);
  std::signal(SIGUSR2, before);
  {
    const Watchdog fine(*reactor, {.signal = SIGUSR2});
  }
  // The action is as it was.
  BOOST_TEST((std::signal(SIGUSR2, SIG_DFL) == before));
}

BOOST_AUTO_TEST_SUITE_END()
