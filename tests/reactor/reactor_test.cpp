#include <bight/reactor.hpp>

#include <bight/maybe_deferred.hpp>
#include <bight/reactor_errors.hpp>
#include <bight/testing/log_capture.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "backends.hpp"
#include "reactor_base.hpp"

namespace reactor_test {

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
using testing::LogCapture;
namespace data = boost::unit_test::data;

constexpr RunOptions quietly{.installSignalHandlers = false};

/// Runs until the loop ends by itself; `onStart` is called when it runs.
void runWith(Reactor& reactor, Function<void()> onStart) {
  reactor.callWhenRunning([&] { onStart(); });
  reactor.run(quietly);
}

double cpuSeconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

struct Ended final : detail::Owned {
  std::vector<int>& order;
  int id;
  bool throws;
  Function<void()> more;
  Ended(std::vector<int>& o, int i, bool t = false) : order(o), id(i), throws(t) {}
  void ready(unsigned) noexcept override {}
  void disconnect(const Failure& reason) override {
    BOOST_TEST(!reason.getErrorMessage().empty());
    order.push_back(id);
    if (more) more();
    if (throws) throw std::runtime_error("in connectionLost");
  }
};

struct Idle : Protocol {
  void dataReceived(std::string_view) override {}
};

BOOST_AUTO_TEST_SUITE(ReactorTest)

BOOST_DATA_TEST_CASE(the_life_of_a_reactor_in_its_order, data::make(backends()),
                     backend) {  // B10, and B2 to B6, B12, B28
  LogCapture log;
  auto reactor = makeReactor(backend);
  std::vector<std::string> trace;
  const auto note = [&](std::string what) { trace.push_back(std::move(what)); };
  const auto state = [&](const std::string& what) { note(what + (reactor->running() ? "(T)" : "(F)")); };
  std::optional<Promise<void>> release;

  reactor->addSystemEventTrigger(Phase::before, "startup", [&] { state("before-startup"); });
  reactor->addSystemEventTrigger(Phase::during, "startup", [&] { state("during-startup"); });
  reactor->addSystemEventTrigger(Phase::after, "startup", [&] { state("after-startup"); });
  reactor->addSystemEventTrigger(Phase::before, "shutdown", [&] {
    state("before-shutdown");
    Deferred<void> wait;
    release = wait.promise();
    reactor->callLater(1ms, [&] {
      note("released");
      release->callback();
    });
    return wait;
  });
  reactor->addSystemEventTrigger(Phase::during, "shutdown", [&] { state("during-shutdown"); });
  reactor->addSystemEventTrigger(Phase::after, "shutdown", [&] { state("after-shutdown"); });
  BOOST_TEST(static_cast<bool>(reactor->callWhenRunning([&] {
    note("cwr-a");
    throw std::runtime_error("BOOM!");
  })));
  reactor->callWhenRunning([&] { note("cwr-b"); });
  reactor->callLater(0s, [&] {
    note("callLater0-first");
    const auto handle = reactor->callWhenRunning([&] { note("callWhenRunning-sync"); });
    BOOST_TEST(!handle);
    reactor->callFromThread([&] { note("callFromThread-from-timer"); });
    reactor->callLater(0s, [&] { note("nested-callLater0"); });
  });
  reactor->callLater(0s, [&] { note("callLater0-second"); });
  reactor->callLater(0s, [] { throw std::runtime_error("bad timer"); });
  reactor->callLater(0s, [&] { note("after-bad"); });
  reactor->callLater(5ms, [&] {
    note("stop");
    reactor->stop();
    note("code-after-stop");
    try {
      reactor->stop();
    } catch (const ReactorNotRunning& error) {
      note(error.what());
    }
  });
  reactor->run(quietly);
  state("end");

  const std::vector<std::string> expected = {"before-startup(F)",
                                             "during-startup(T)",
                                             "after-startup(T)",
                                             "cwr-a",
                                             "cwr-b",
                                             "callLater0-first",
                                             "callWhenRunning-sync",
                                             "callLater0-second",
                                             "after-bad",
                                             "callFromThread-from-timer",
                                             "nested-callLater0",
                                             "stop",
                                             "code-after-stop",
                                             "Can't stop reactor that isn't running.",
                                             "before-shutdown(T)",
                                             "released",
                                             "during-shutdown(F)",
                                             "after-shutdown(F)",
                                             "end(F)"};
  BOOST_TEST(trace == expected, boost::test_tools::per_element());
  BOOST_TEST(log.count("BOOM!") == 1);
  BOOST_TEST(log.count("bad timer") == 1);
  BOOST_TEST(log.count("while handling timed call") == 1);
}

BOOST_DATA_TEST_CASE(a_running_reactor_is_not_run_again_nor_a_stopped_one, data::make(backends()), backend) {  // B1
  auto reactor = makeReactor(backend);
  runWith(*reactor, [&] {
    BOOST_CHECK_THROW(reactor->run(quietly), ReactorAlreadyRunning);
    BOOST_CHECK_THROW(reactor->iterate(), std::logic_error);
    reactor->stop();
  });
  BOOST_CHECK_THROW(reactor->run(quietly), ReactorNotRestartable);
  BOOST_CHECK_THROW(reactor->stop(), ReactorNotRunning);  // B5
}

BOOST_DATA_TEST_CASE(after_a_crash_it_runs_again_and_no_shutdown_was_fired, data::make(backends()),
                     backend) {  // B1, B8
  auto reactor = makeReactor(backend);
  int shutdowns = 0;
  reactor->addSystemEventTrigger(Phase::before, "shutdown", [&] { ++shutdowns; });
  int late = 0;
  runWith(*reactor, [&] {
    reactor->callLater(0s, [&] { reactor->crash(); });
    reactor->callLater(0s, [&] { ++late; });
  });
  BOOST_TEST(!reactor->running());
  BOOST_TEST(shutdowns == 0);
  BOOST_TEST(late == 0);
  runWith(*reactor, [&] { reactor->callLater(0s, [&] { reactor->stop(); }); });
  BOOST_TEST(shutdowns == 1);
  BOOST_TEST(late == 1);
}

BOOST_DATA_TEST_CASE(stop_before_run_is_refused, data::make(backends()), backend) {  // B5
  BOOST_CHECK_THROW(makeReactor(backend)->stop(), ReactorNotRunning);
}

BOOST_DATA_TEST_CASE(stop_within_the_startup_stops_it, data::make(backends()), backend) {
  auto reactor = makeReactor(backend);
  reactor->addSystemEventTrigger(Phase::before, "startup", [&] { reactor->stop(); });
  bool shutdown = false;
  reactor->addSystemEventTrigger(Phase::after, "shutdown", [&] { shutdown = true; });
  reactor->run(quietly);
  BOOST_TEST(shutdown);
}

BOOST_DATA_TEST_CASE(startup_waits_for_deferreds_while_the_loop_turns, data::make(backends()), backend) {  // B2
  auto reactor = makeReactor(backend);
  bool fired = false;
  reactor->addSystemEventTrigger(Phase::before, "startup", [&] {
    Deferred<int> wait;
    reactor->callLater(1ms, [&, promise = wait.promise()] {
      fired = true;
      promise.callback(7);
    });
    return wait;
  });
  runWith(*reactor, [&] {
    BOOST_TEST(fired);
    reactor->stop();
  });
}

BOOST_DATA_TEST_CASE(iterate_makes_one_turn, data::make(backends()), backend) {  // B9
  auto reactor = makeReactor(backend);
  int calls = 0;
  reactor->callLater(0s, [&] {
    ++calls;
    reactor->callLater(0s, [&] { ++calls; });
  });
  reactor->iterate();
  BOOST_TEST(calls == 1);
  reactor->iterate();
  BOOST_TEST(calls == 2);
  BOOST_TEST(!reactor->running());
}

BOOST_DATA_TEST_CASE(a_call_for_now_never_runs_in_the_same_pass, data::make(backends()), backend) {  // B12
  auto reactor = makeReactor(backend);
  int turns = 0;
  std::vector<int> ranInTurn;
  int left = 50;
  Function<void()> again = [&] {
    ranInTurn.push_back(turns);
    if (--left > 0) reactor->callLater(0s, [&] { again(); });
  };
  reactor->callLater(0s, [&] { again(); });
  while (left > 0) {
    ++turns;
    reactor->iterate();
  }
  for (std::size_t i = 0; i < ranInTurn.size(); ++i) BOOST_TEST(ranInTurn[i] == static_cast<int>(i) + 1);
}

BOOST_DATA_TEST_CASE(timers_come_in_order_and_never_early, data::make(backends()), backend) {  // B11, B13
  auto reactor = makeReactor(backend);
  std::vector<int> order;
  bool early = false;
  const Duration begun = reactor->seconds();
  const auto at = [&](Duration delay, int id) {
    reactor->callLater(delay, [&, delay, id] {
      order.push_back(id);
      early = early || reactor->seconds() - begun < delay;
    });
  };
  at(3ms, 3);
  at(1ms, 1);
  at(2ms, 2);
  at(500us, 0);
  reactor->callLater(std::chrono::hours(24 * 365 * 100), [] {});  // B13
  reactor->callLater(Duration::max(), [] {});
  runWith(*reactor, [&] { reactor->callLater(4ms, [&] { reactor->stop(); }); });
  BOOST_TEST(order == std::vector<int>({0, 1, 2, 3}), boost::test_tools::per_element());
  BOOST_TEST(!early);
  BOOST_TEST(reactor->getDelayedCalls().size() == 2);
  BOOST_CHECK_THROW(reactor->callLater(-1ns, [] {}), std::invalid_argument);  // B17
}

BOOST_DATA_TEST_CASE(a_timer_that_is_brought_forward_wakes_the_loop_in_time, data::make(backends()), backend) {  // B19
  auto reactor = makeReactor(backend);
  bool called = false;
  runWith(*reactor, [&] {
    DelayedCall far = reactor->callLater(std::chrono::hours(1), [&] {
      called = true;
      reactor->stop();
    });
    reactor->callLater(1ms, [far]() mutable { far.reset(1ms); });
  });
  BOOST_TEST(called);
}

BOOST_DATA_TEST_CASE(an_idle_reactor_waits_and_does_not_turn, data::make(backends()), backend) {  // B42
  auto reactor = makeReactor(backend);
  int turns = 0;
  double used = 0;
  std::thread waker;
  std::size_t pollsBefore = 0;
  std::size_t pollsAfter = 0;
  runWith(*reactor, [&] {
    reactor->callLater(0s, [&] {
      used = cpuSeconds();
      pollsBefore = tests::plainPollCount();
      // Wakes it from outside after a while; nothing else is there to happen.
      waker = std::thread([&] {
        ::timespec span{0, 300'000'000};
        ::nanosleep(&span, nullptr);
        reactor->callFromThread([&] {
          ++turns;
          used = cpuSeconds() - used;
          pollsAfter = tests::plainPollCount();
          reactor->stop();
        });
      });
    });
  });
  waker.join();
  BOOST_TEST(turns == 1);
  BOOST_TEST(used < 0.1);  // a loop that spins would have used 0.3
  if (backend == tests::plainPoller) BOOST_TEST(pollsAfter - pollsBefore <= 2);
}

BOOST_DATA_TEST_CASE(signal_free_runs_leave_no_exit_signal, data::make(backends()), backend) {
  auto reactor = makeReactor(backend);
  runWith(*reactor, [&] { reactor->stop(); });
  BOOST_TEST(!reactor->exitSignal());
}

BOOST_DATA_TEST_CASE(slow_callbacks_are_logged_with_what_they_were, data::make(backends()), backend) {
  LogCapture log;
  auto reactor = makeReactor(backend);
  reactor->setSlowCallbackLimit(20ms);
  runWith(*reactor, [&] {
    reactor->callLater(0s, [&] {
      const Duration end = reactor->seconds() + 60ms;
      while (reactor->seconds() < end) {
      }
    });
    reactor->callLater(0s, [&] { reactor->stop(); });
  });
  BOOST_TEST(log.count("held up") == 1);
  BOOST_TEST(log.count("by a timed call") == 1);
}

BOOST_AUTO_TEST_CASE(objects_not_a_global_several_run_in_their_threads) {
  std::vector<std::thread> threads;
  std::atomic<int> done{0};
  for (const std::string& backend : backends()) {
    threads.emplace_back([&done, backend] {
      auto reactor = makeReactor(backend);
      reactor->callLater(1ms, [&] { reactor->stop(); });
      reactor->run();
      ++done;
    });
  }
  for (auto& each : threads) each.join();
  BOOST_TEST(done == static_cast<int>(backends().size()));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(MakeReactorTest)

BOOST_AUTO_TEST_CASE(by_name_by_backend_and_by_environment) {
  BOOST_TEST(makeReactor(Backend::select)->name() == "select");
  BOOST_TEST(makeReactor(Backend::poll)->name() == "poll");
  BOOST_TEST(makeReactor("select")->name() == "select");
  BOOST_TEST(makeReactor()->name() == backends().at(0));
  BOOST_TEST(makeReactor("default")->name() == backends().at(0));
  BOOST_TEST(makeReactor(tests::plainPoller)->name() == tests::plainPoller);
  ::setenv("BIGHT_REACTOR", "select", 1);
  BOOST_TEST(makeReactor()->name() == "select");
  BOOST_TEST(makeReactor("poll")->name() == "poll");
  ::setenv("BIGHT_REACTOR", "selekt", 1);
  BOOST_CHECK_EXCEPTION(makeReactor(), UnknownReactor, [](const UnknownReactor& error) {
    const std::string text = error.what();
    return text.find("selekt") != std::string::npos && text.find("BIGHT_REACTOR") != std::string::npos;
  });
  ::unsetenv("BIGHT_REACTOR");
}

BOOST_AUTO_TEST_CASE(an_unknown_one_is_refused_with_the_names_of_those_there_are) {
  const auto all = backends();
  const auto namesThem = [&](const UnknownReactor& error) {
    const std::string text = error.what();
    for (const std::string& each : all) {
      if (text.find(each) == std::string::npos) return false;
    }
    return true;
  };
  BOOST_CHECK_EXCEPTION(makeReactor("io_uring"), UnknownReactor, namesThem);
  if (std::find(all.begin(), all.end(), "kqueue") == all.end()) {
    BOOST_CHECK_EXCEPTION(makeReactor(Backend::kqueue), UnknownReactor, namesThem);
  }
}

BOOST_AUTO_TEST_CASE(a_name_is_registered_once) {
  backends();
  BOOST_CHECK_THROW(registerPoller("select", [] { return std::unique_ptr<Poller>(); }), std::invalid_argument);
  BOOST_CHECK_THROW(registerPoller("", [] { return std::unique_ptr<Poller>(); }), std::invalid_argument);
  BOOST_CHECK_THROW(registerPoller("empty", PollerFactory()), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(ReactorBaseTest)

BOOST_DATA_TEST_CASE(shutdown_ends_what_is_owned_and_one_failure_does_not_stop_it, data::make(backends()),
                     backend) {  // B7
  LogCapture log;
  auto reactor = makeReactor(backend);
  auto& base = dynamic_cast<detail::ReactorBase&>(*reactor);
  std::vector<int> order;
  Ended one(order, 1);
  Ended two(order, 2, true);
  Ended three(order, 3);
  Ended four(order, 4);
  for (Ended* each : {&one, &two, &three, &four}) base.own(*each);
  base.own(one);
  base.disown(three);
  base.disown(three);
  bool running = true;
  one.more = [&] { running = reactor->running(); };
  runWith(*reactor, [&] { reactor->stop(); });
  BOOST_TEST(!running);
  BOOST_TEST(order == std::vector<int>({1, 2, 4}), boost::test_tools::per_element());
  BOOST_TEST(log.count("in connectionLost") == 1);
}

BOOST_DATA_TEST_CASE(destroying_a_reactor_ends_what_is_owned_even_if_it_comes_back_for_ever, data::make(backends()),
                     backend) {  // B7
  LogCapture log;
  std::vector<int> order;
  Ended stubborn(order, 1);
  {
    auto reactor = makeReactor(backend);
    auto& base = dynamic_cast<detail::ReactorBase&>(*reactor);
    base.own(stubborn);
    stubborn.more = [&] { base.own(stubborn); };
  }
  BOOST_TEST(order.size() > 1u);
  BOOST_TEST(log.count("left behind") == 1);
}

BOOST_DATA_TEST_CASE(what_dies_with_a_reactor_may_come_back_to_it, data::make(backends()), backend) {
  const LogCapture log;
  std::weak_ptr<Factory> factory;
  int came = 0;
  const auto comesBack = [&](Reactor& reactor) {
    return std::shared_ptr<Reactor>(&reactor, [&](Reactor* it) {
      auto made = Factory::forProtocol<Idle>();
      factory = made;
      it->listenTCP(0, std::move(made), {.interface = "127.0.0.1"});
      it->callLater(1h, [] {});
      it->callFromThread([] {});
      it->callWhenRunning([] {});
      maybeDeferred([&] { return deferToThread(*it, [] {}); }).addErrback([](const Failure&) {});
      ++came;
    });
  };
  auto reactor = makeReactor(backend);
  reactor->callLater(1h, [it = comesBack(*reactor)] {});
  reactor->callFromThread([it = comesBack(*reactor)] {});
  reactor->callWhenRunning([it = comesBack(*reactor)] {});
  reactor.reset();
  BOOST_TEST(came == 3);
  BOOST_TEST(factory.expired());
}

BOOST_DATA_TEST_CASE(calls_of_the_next_turn_come_in_order_before_its_timers, data::make(backends()), backend) {  // B12
  auto reactor = makeReactor(backend);
  auto& base = dynamic_cast<detail::ReactorBase&>(*reactor);
  std::vector<int> calls;
  reactor->callLater(0s, [&] { calls.push_back(3); });
  base.callSoon([&] {
    calls.push_back(1);
    base.callSoon([&] { calls.push_back(4); });
  });
  base.callSoon([&] { calls.push_back(2); });
  reactor->iterate();
  BOOST_TEST(calls == std::vector<int>({1, 2, 3}), boost::test_tools::per_element());
  reactor->iterate();
  BOOST_TEST(calls.back() == 4);
}

BOOST_DATA_TEST_CASE(calls_from_other_threads_are_caught, data::make(backends()), backend) {  // B37
  LogCapture log;
  auto reactor = makeReactor(backend);
  auto& base = dynamic_cast<detail::ReactorBase&>(*reactor);
  DelayedCall call = reactor->callLater(1s, [] {});
  base.setThrowsInWrongThread(true);
  std::thread([&] {
    BOOST_TEST(!reactor->isInIOThread());
    BOOST_CHECK_THROW(reactor->callLater(1s, [] {}), WrongThread);
    BOOST_CHECK_THROW(reactor->stop(), WrongThread);
    BOOST_CHECK_THROW(call.cancel(), WrongThread);
  }).join();
  base.setThrowsInWrongThread(false);
  std::thread([&] {
    base.checkThread("callLater");
    base.checkThread("callLater");
  }).join();
  BOOST_TEST(log.count("callLater was called in another thread") == 1);
  BOOST_TEST(reactor->isInIOThread());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace reactor_test
