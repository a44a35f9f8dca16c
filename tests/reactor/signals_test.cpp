#include "signals.hpp"

#include <signal.h>
#include <unistd.h>
#include <bight/reactor.hpp>
#include <bight/testing/log_capture.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backends.hpp"

BOOST_AUTO_TEST_SUITE(SignalsTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
using testing::LogCapture;
namespace data = boost::unit_test::data;

using Action = void (*)(int);

Action actionOf(int number) {
  struct sigaction present{};
  ::sigaction(number, nullptr, &present);
  return present.sa_handler;
}

/// Sets an action for the length of a test.
struct Acting {
  int number;
  struct sigaction before{};
  Acting(int n, Action action) : number(n) {
    struct sigaction now{};
    now.sa_handler = action;
    ::sigaction(number, &now, &before);
  }
  ~Acting() { ::sigaction(number, &before, nullptr); }
};

std::atomic<int> mine{0};
extern "C" void countMine(int) {
  ++mine;
}

BOOST_DATA_TEST_CASE(the_first_signal_stops_in_order_and_the_actions_are_restored, data::make(backends()),
                     backend) {  // B38, B3, B6
  for (const int number : {SIGINT, SIGTERM}) {
    LogCapture log;
    const Acting interrupt(SIGINT, SIG_DFL);
    const Acting terminate(SIGTERM, countMine);
    auto reactor = makeReactor(backend);
    bool shutdown = false;
    bool installedTooEarly = false;
    reactor->addSystemEventTrigger(Phase::before, "startup", [&] { installedTooEarly = actionOf(SIGINT) != SIG_DFL; });
    reactor->addSystemEventTrigger(Phase::before, "shutdown", [&] { shutdown = true; });
    reactor->callWhenRunning([&] {
      BOOST_TEST((actionOf(SIGINT) != SIG_DFL));
      ::kill(::getpid(), number);
    });
    reactor->run();
    BOOST_TEST(shutdown);
    BOOST_TEST(!installedTooEarly);
    BOOST_TEST((reactor->exitSignal() == number));
    BOOST_TEST(log.count(number == SIGINT ? "Received SIGINT, shutting down." : "Received SIGTERM, shutting down.") ==
               1);
    BOOST_TEST((actionOf(SIGINT) == SIG_DFL));
    BOOST_TEST((actionOf(SIGTERM) == countMine));
    BOOST_TEST(mine == 0);
  }
}

BOOST_DATA_TEST_CASE(the_second_signal_ends_a_shutdown_that_hangs, data::make(backends()), backend) {  // B40
  LogCapture log;
  const Acting interrupt(SIGINT, SIG_DFL);
  auto reactor = makeReactor(backend);
  bool during = false;
  Deferred<void> never;
  auto promise = never.promise();
  reactor->addSystemEventTrigger(Phase::before, "shutdown", [&] {
    reactor->callLater(0s, [] { ::kill(::getpid(), SIGINT); });
    return std::move(never);
  });
  reactor->addSystemEventTrigger(Phase::during, "shutdown", [&] { during = true; });
  reactor->callWhenRunning([] { ::kill(::getpid(), SIGINT); });
  reactor->run();
  BOOST_TEST(!during);
  BOOST_TEST(log.count("Received SIGINT again") == 1);
}

// The program has begun its shutdown itself, and it is the first signal that comes meanwhile.
BOOST_DATA_TEST_CASE(a_first_signal_does_not_end_a_shutdown_under_way, data::make(backends()), backend) {  // B40
  LogCapture log;
  const Acting terminate(SIGTERM, SIG_DFL);
  auto reactor = makeReactor(backend);
  std::vector<std::string> order;
  Deferred<void> busy;
  auto promise = busy.promise();
  reactor->addSystemEventTrigger(Phase::before, "shutdown", [&] {
    order.push_back("before");
    ::kill(::getpid(), SIGTERM);
    return std::move(busy);
  });
  reactor->onSignal(SIGUSR1, [&](int) { promise.callback(); });
  reactor->addSystemEventTrigger(Phase::during, "shutdown", [&] { order.push_back("during"); });
  reactor->callWhenRunning([&] { reactor->stop(); });
  reactor->callLater(20ms, [] { ::kill(::getpid(), SIGUSR1); });
  reactor->run();
  BOOST_TEST(order == (std::vector<std::string>{"before", "during"}));
  BOOST_TEST(log.count("shutting down already") == 1);
  BOOST_TEST((reactor->exitSignal() == SIGTERM));
}

BOOST_DATA_TEST_CASE(an_action_of_the_program_for_sigint_is_respected, data::make(backends()), backend) {  // B38
  const Acting interrupt(SIGINT, countMine);
  mine = 0;
  auto reactor = makeReactor(backend);
  reactor->callWhenRunning([&] {
    ::kill(::getpid(), SIGINT);
    reactor->callLater(0s, [&] { reactor->stop(); });
  });
  reactor->run();
  BOOST_TEST(mine == 1);
  BOOST_TEST(!reactor->exitSignal());
  mine = 0;
}

BOOST_DATA_TEST_CASE(an_action_set_during_the_run_is_not_undone, data::make(backends()), backend) {
  const Acting interrupt(SIGINT, SIG_DFL);
  auto reactor = makeReactor(backend);
  reactor->callWhenRunning([&] {
    struct sigaction action{};
    action.sa_handler = countMine;
    ::sigaction(SIGINT, &action, nullptr);
    reactor->stop();
  });
  reactor->run();
  BOOST_TEST((actionOf(SIGINT) == countMine));
}

BOOST_DATA_TEST_CASE(without_installation_nothing_is_touched, data::make(backends()), backend) {  // B39
  const Acting interrupt(SIGINT, SIG_DFL);
  auto reactor = makeReactor(backend);
  reactor->callWhenRunning([&] {
    BOOST_TEST((actionOf(SIGINT) == SIG_DFL));
    reactor->stop();
  });
  reactor->run({.installSignalHandlers = false});
}

BOOST_DATA_TEST_CASE(a_drain_has_a_limit_after_which_the_shutdown_goes_on, data::make(backends()), backend) {
  LogCapture log;
  const Acting terminate(SIGTERM, SIG_DFL);
  auto reactor = makeReactor(backend);
  std::vector<std::string> order;
  Deferred<void> never;
  auto promise = never.promise();
  reactor->addSystemEventTrigger(Phase::before, "shutdown", [&] { return std::move(never); });
  reactor->addSystemEventTrigger(Phase::during, "shutdown", [&] { order.push_back("during"); });
  reactor->addSystemEventTrigger(Phase::after, "shutdown", [&] { order.push_back("after"); });
  reactor->callWhenRunning([] { ::kill(::getpid(), SIGTERM); });
  reactor->run({.drainLimit = 1ms});
  BOOST_TEST(order == (std::vector<std::string>{"during", "after"}));
  BOOST_TEST(log.count("(RunOptions::drainLimit)") == 1);
  promise.callback();  // too late to do anything
  BOOST_TEST(order.size() == 2U);
}

BOOST_DATA_TEST_CASE(callbacks_hear_signals_until_they_are_removed, data::make(backends()), backend) {
  const Acting hangUp(SIGHUP, countMine);
  mine = 0;
  auto reactor = makeReactor(backend);
  std::vector<std::string> heard;
  SignalCallback second;
  const auto first = reactor->onSignal(SIGHUP, [&](int number) {
    BOOST_TEST(number == SIGHUP);
    heard.push_back("first");
    if (second) reactor->removeSignalCallback(std::exchange(second, {}));
  });
  second = reactor->onSignal(SIGHUP, [&] { heard.push_back("second"); });
  reactor->onSignal(SIGUSR1, [&] {
    heard.push_back("user");
    throw std::runtime_error("not good");  // logged
  });
  {
    LogCapture log;
    ::kill(::getpid(), SIGHUP);  // kept until the reactor turns
    ::kill(::getpid(), SIGUSR1);
    reactor->iterate(20ms);
    BOOST_TEST(log.count("not good") == 1);
  }
  BOOST_TEST(heard == (std::vector<std::string>{"first", "user"}));  // the second was removed by the first
  reactor->removeSignalCallback(first);
  BOOST_TEST((actionOf(SIGHUP) == countMine));
  BOOST_CHECK_THROW(reactor->removeSignalCallback(first), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->onSignal(SIGKILL, [] {}), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->onSignal(SIGSEGV, [] {}), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->onSignal(0, [] {}), std::invalid_argument);
  BOOST_TEST((actionOf(SIGUSR1) != SIG_DFL));
  reactor.reset();
  BOOST_TEST((actionOf(SIGUSR1) == SIG_DFL));
  BOOST_TEST(mine == 0);
}

BOOST_DATA_TEST_CASE(a_callback_for_sigterm_takes_the_place_of_the_stop, data::make(backends()), backend) {
  const Acting terminate(SIGTERM, SIG_DFL);
  auto reactor = makeReactor(backend);
  int heard = 0;
  reactor->onSignal(SIGTERM, [&] {
    if (++heard == 2) return reactor->stop();
    ::kill(::getpid(), SIGTERM);
  });
  reactor->callWhenRunning([] { ::kill(::getpid(), SIGTERM); });
  reactor->run();
  BOOST_TEST(heard == 2);
  BOOST_TEST(!reactor->exitSignal());
}

BOOST_AUTO_TEST_CASE(a_flood_of_one_signal_does_not_drown_another) {
  auto reactor = makeReactor();
  int floods = 0;
  int others = 0;
  reactor->onSignal(SIGUSR1, [&] { ++floods; });
  reactor->onSignal(SIGUSR2, [&] { ++others; });
  for (int i = 0; i < 100'000; ++i) ::raise(SIGUSR1);  // more than a pipe has room for
  ::raise(SIGUSR2);
  reactor->iterate(20ms);
  BOOST_TEST(floods == 100'000);
  BOOST_TEST(others == 1);
}

BOOST_AUTO_TEST_CASE(reactors_come_and_go_while_signals_rain) {
  // The first one keeps the action ours, so that no signal ends this program.
  auto keeper = makeReactor();
  keeper->onSignal(SIGUSR1, [] {});
  std::atomic<bool> over{false};
  std::thread rain([&] {
    while (!over) ::kill(::getpid(), SIGUSR1);
  });
  for (int i = 0; i < 200; ++i) {
    auto reactor = makeReactor();
    int heard = 0;
    reactor->onSignal(SIGUSR1, [&] { ++heard; });
    while (heard == 0) reactor->iterate(20ms);
  }
  over = true;
  rain.join();
  keeper->iterate();
}

BOOST_AUTO_TEST_CASE(every_reactor_that_runs_is_told) {
  LogCapture log;
  const Acting interrupt(SIGINT, SIG_DFL);
  std::atomic<int> running{0};
  std::vector<std::thread> threads;
  const auto all = backends();
  for (const std::string& backend : all) {
    threads.emplace_back([&running, &all, backend] {
      auto reactor = makeReactor(backend);
      reactor->callWhenRunning([&] {
        if (++running == static_cast<int>(all.size())) ::kill(::getpid(), SIGTERM);
      });
      reactor->run();
    });
  }
  for (auto& each : threads) each.join();
  BOOST_TEST(log.count("Received SIGTERM") == all.size());
  BOOST_TEST((actionOf(SIGINT) == SIG_DFL));
}

BOOST_AUTO_TEST_SUITE_END()
