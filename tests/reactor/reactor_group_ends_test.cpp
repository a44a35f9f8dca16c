// Messages between the reactors of a group, and its end.
#include <bight/reactor_group.hpp>

#include "reactor_group_fixture.hpp"

BOOST_AUTO_TEST_SUITE(ReactorGroupTest)

using namespace bight::tests::group;

BOOST_DATA_TEST_CASE(a_stop_is_one_for_all_whoever_asks_for_it, data::make(backends()) * data::make({0, 1, 2, 3}),
                     backend, who) {
  const Leftovers before;
  Trace trace;
  {
    ReactorGroup group(count, backend);
    std::atomic<std::size_t> through{0};
    group.each([&](Reactor& reactor, std::size_t index) {
      reactor.addSystemEventTrigger(Phase::before, "shutdown", [&, index] {
        trace.add("before");
        // The last one has something to finish, and asks another for it.
        return group.deferToReactor((index + 1) % count, [index] { return index == 2 ? 3ms : 0ms; })
            .addCallback([&](std::chrono::milliseconds time) { return deferLater(reactor, time, [&] { ++through; }); });
      });
      reactor.addSystemEventTrigger(Phase::during, "shutdown", [&, index] {
        trace.add(through == count && group.here() == index ? "during" : "too early, or in another thread");
      });
    });
    const auto port = group.listenTCP(0, tellers(group, &trace), here);
    std::vector<std::unique_ptr<Client>> clients;
    runWith(group, [&] {
      for (int i = 0; i < 4; ++i) {
        clients.push_back(std::make_unique<Client>(port->getHost().port()));
        BOOST_TEST(clients.back()->get() != '\0');
      }
      if (who == 0) group.stop();
      if (who == 1) group.callFromThread(1, [](Reactor& reactor) { reactor.stop(); });
      if (who == 2) group.callFromThread(2, [&] { group.stop(); });
      if (who == 3) group.callEachFromThread([&] { group.stop(); });
    });
    for (const auto& each : clients) BOOST_TEST(each->get() == '\0');
    BOOST_CHECK_NO_THROW(group.stop());  // too late, and no harm
  }
  Lines wanted{"before", "before", "before", "during", "during", "during"};
  auto got = trace.sorted();
  std::erase_if(got, [](const std::string& line) { return line.size() == 6 && line.starts_with("lost "); });
  for (int i = 0; i < 4; ++i) wanted.push_back("told");
  BOOST_TEST(got == wanted, boost::test_tools::per_element());
  BOOST_TEST(before.none());
}

// What a reactor's function made for it ends with that reactor, in its thread, whoever still holds the port.
BOOST_DATA_TEST_CASE(factories_end_in_the_thread_of_their_reactor, data::make(backends()), backend) {
  Trace trace;
  struct Marked : Factory {
    Marked(ReactorGroup& group, std::size_t index, Trace& trace) : group_(group), index_(index), trace_(trace) {}
    ~Marked() override {
      trace_.add(std::to_string(index_) + (group_.here() == index_ ? " at home" : " in another thread"));
    }
    std::shared_ptr<Protocol> buildProtocol(const Address&) override { return nullptr; }
    ReactorGroup& group_;
    std::size_t index_;
    Trace& trace_;
  };
  std::shared_ptr<GroupPort> port;
  {
    ReactorGroup group(count, backend);
    port = group.listenTCP(
        0,
        [&](Reactor&, std::size_t index) -> std::shared_ptr<Factory> {
          return std::make_shared<Marked>(group, index, trace);
        },
        here);
    runWith(group, [&] { group.stop(); });
    BOOST_TEST(trace.sorted() == (Lines{"0 at home", "1 at home", "2 at home"}));
  }
}

// B33: the Deferred of stopListening() does not fail because the reactors end meanwhile.
BOOST_DATA_TEST_CASE(a_stop_of_all_ends_a_stop_of_listening, data::make(backends()), backend) {
  ReactorGroup group(count, backend);
  const auto port = group.listenTCP(0, tellers(group), here);
  std::optional<std::string> outcome;
  group.callWhenRunning([&] {
    group[0].addSystemEventTrigger(Phase::after, "shutdown", [&] {
      port->stopListening().addBoth(
          [&](Result<void> result) { outcome = result ? "stopped" : result.failure().getErrorMessage(); });
    });
    group.stop();
  });
  group.run(quietly);
  BOOST_TEST(outcome.value_or("nothing") == "stopped");
}

BOOST_DATA_TEST_CASE(messages_bring_back_what_the_other_reactor_says, data::make(backends()), backend) {
  ReactorGroup group(count, backend);
  std::vector<std::string> got;
  std::vector<int> ordered;
  std::atomic<bool> kept{false};
  group.callFromThread(1, [&] { kept = true; });
  group.callWhenRunning([&] {
    const auto home = [&group] { return group.here() == 0U ? " at home" : " in another thread"; };
    std::vector<Deferred<void>> all;
    all.push_back(
        group.deferToReactor(1, [](Reactor&, std::size_t index) { return index; }).addCallback([&, home](auto i) {
          got.push_back(std::to_string(i) + home());
        }));
    all.push_back(group
                      .deferToReactor(2,
                                      [&] {
                                        if (group.here() != 2U) throw std::logic_error("in another thread");
                                      })
                      .addCallback([&, home] { got.push_back("nothing" + std::string(home())); }));
    all.push_back(group.deferToReactor(2, []() -> int { throw std::runtime_error("BOOM!"); })
                      .addCallback([](int) {})
                      .addErrback([&, home](Failure failure) { got.push_back(failure.getErrorMessage() + home()); }));
    all.push_back(group
                      .deferToReactor(1,
                                      [word = std::string("a long word that does not fit inside a string"),
                                       &group](Reactor& reactor) -> Deferred<std::unique_ptr<std::string>> {
                                        co_await deferLater(reactor, 1ms, [] {});
                                        if (group.here() != 1U) throw std::logic_error("in another thread");
                                        co_return std::make_unique<std::string>(word);
                                      })
                      .addCallback([&, home](std::unique_ptr<std::string> text) { got.push_back(*text + home()); }));
    all.push_back(group.deferToReactor(0, [] { return 7; }).addCallback([&](int) { got.push_back("myself"); }));
    all.push_back(group.deferToEach([](Reactor&, std::size_t index) { return index * index; })
                      .addCallback([&](std::vector<std::size_t> squares) {
                        for (const std::size_t each : squares) got.push_back(std::to_string(each));
                      }));
    for (int i = 0; i < 100; ++i)
      all.push_back(group.deferToReactor(1, [i] { return i; }).addCallback([&](int n) { ordered.push_back(n); }));
    // Dropped, and its result with it.
    group.deferToReactor(1, [] { return 1; }).addErrback([](Failure) { return 0; }).cancel();
    gatherResults(std::move(all)).addCallback([&] { group.stop(); });
  });
  BOOST_CHECK_THROW(group.deferToReactor(count, [] {}), std::out_of_range);
  BOOST_CHECK_THROW(group.callFromThread(count, [] {}), std::out_of_range);
  group.run(quietly);
  std::sort(got.begin(), got.end());
  const Lines wanted{"0",
                     "1",
                     "1 at home",
                     "4",
                     "BOOM! at home",
                     "a long word that does not fit inside a string at home",
                     "myself",
                     "nothing at home"};
  BOOST_TEST(got == wanted, boost::test_tools::per_element());
  BOOST_TEST(kept);
  BOOST_REQUIRE(ordered.size() == 100U);
  BOOST_TEST(std::is_sorted(ordered.begin(), ordered.end()));
}

BOOST_DATA_TEST_CASE(who_asks_from_outside_waits_or_is_refused, data::make(backends()), backend) {
  ReactorGroup group(2, backend);
  bool refused = false;
  int answer = 0;
  std::atomic<int> broadcast{0};
  runWith(group, [&] {
    try {
      group.deferToReactor(1, [] { return 1; });
    } catch (const std::logic_error&) {
      refused = true;
    }
    answer = blockingCallFromThread(group[1], [&group] { return group.here() == 1U ? 42 : 0; });
    group.callEachFromThread([&] { ++broadcast; });
    for (std::size_t index = 0; index < 2; ++index) blockingCallFromThread(group[index], [] {});
    group.stop();
  });
  BOOST_TEST(refused);
  BOOST_TEST(answer == 42);
  BOOST_TEST(broadcast == 2);
  BOOST_CHECK_THROW(group.deferToReactor(1, [] {}), std::logic_error);
}

BOOST_DATA_TEST_CASE(a_question_that_nobody_answers_fails_at_the_end, data::make(backends()), backend) {
  ReactorGroup group(2, backend);
  Trace trace;
  std::optional<Promise<int>> never;
  group.callWhenRunning([&] {
    group
        .deferToReactor(1,
                        [&]() -> Deferred<int> {
                          Deferred<int> deferred;
                          never = deferred.promise();
                          return deferred;
                        })
        .addErrback([&](Failure failure) {
          trace.add(failure.check<AbandonedError>() && group.here() == 0U ? "abandoned" : "something else");
          return 0;
        });
    group.deferToReactor(1, [] {}).addCallback([&] { group.stop(); });
  });
  group[1].addSystemEventTrigger(Phase::after, "shutdown", [&] { never.reset(); });
  group.run(quietly);
  BOOST_TEST(trace.lines() == Lines{"abandoned"}, boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(a_signal_to_the_process_stops_all, data::make(backends()), backend) {  // B7, B40
  LogCapture log;
  Trace trace;
  ReactorGroup group(count, backend);
  group.each([&](Reactor& reactor, std::size_t index) {
    reactor.addSystemEventTrigger(Phase::after, "shutdown", [&trace, &reactor, &group, index] {
      trace.add(reactor.exitSignal() == SIGTERM && group.here() == index ? "SIGTERM" : "something else");
    });
  });
  group.callWhenRunning([] { ::kill(::getpid(), SIGTERM); });
  group.run();
  BOOST_TEST(trace.lines() == Lines(count, "SIGTERM"), boost::test_tools::per_element());
  BOOST_TEST((group.exitSignal() == SIGTERM));
  BOOST_TEST(log.count("Received SIGTERM, shutting down.") == 1);
}

BOOST_DATA_TEST_CASE(a_drain_that_a_signal_began_has_its_limit_on_all, data::make(backends()), backend) {  // B40
  LogCapture log;
  std::atomic<int> shutDown{0};
  std::optional<Promise<void>> never;
  ReactorGroup group(count, backend);
  group.each([&](Reactor& reactor, std::size_t index) {
    reactor.addSystemEventTrigger(Phase::before, "shutdown", [&, index]() -> Deferred<void> {
      if (index != 1) return succeed();
      Deferred<void> stuck;
      never = stuck.promise();
      return stuck;
    });
    reactor.addSystemEventTrigger(Phase::after, "shutdown", [&, index] {
      ++shutDown;
      if (index == 1) never.reset();
    });
  });
  group.callWhenRunning([] { ::kill(::getpid(), SIGINT); });
  group.run({.drainLimit = 20ms});
  BOOST_TEST(shutDown == static_cast<int>(count));
  BOOST_TEST(log.count("drainLimit") > 0U);
}

BOOST_DATA_TEST_CASE(a_second_signal_ends_all_at_once, data::make(backends()), backend) {  // B40
  const Leftovers before;
  LogCapture log;
  Trace trace;
  {
    std::optional<Promise<void>> never;
    ReactorGroup group(count, backend);
    const auto port = group.listenTCP(0, tellers(group, &trace), here);
    std::unique_ptr<Client> client;
    group.each([&](Reactor& reactor, std::size_t index) {
      reactor.addSystemEventTrigger(Phase::before, "shutdown", [&, index]() -> Deferred<void> {
        if (index != 2) return succeed();
        Deferred<void> stuck;
        never = stuck.promise();
        ::kill(::getpid(), SIGTERM);
        return stuck;
      });
      reactor.addSystemEventTrigger(Phase::during, "shutdown", [&] { trace.add("an orderly shutdown"); });
    });
    group.callWhenRunning([&] {
      client = std::make_unique<Client>(port->getHost().port());
      group.callFromThread(0, [] { ::kill(::getpid(), SIGTERM); });
    });
    group.run();
    never.reset();
    BOOST_TEST((group.exitSignal() == SIGTERM));
  }
  // The connection, if it had been accepted, was told in its own thread.
  for (const auto& line : trace.lines()) BOOST_TEST((line == "told" || line.size() == 6), line);
  BOOST_TEST(log.count("Received SIGTERM again") == 1);
  BOOST_TEST(before.none());
}

BOOST_DATA_TEST_CASE(who_answers_signals_on_the_first_reactor_decides, data::make(backends()), backend) {  // B7
  ReactorGroup group(2, backend);
  std::vector<int> heard;
  std::atomic<int> elsewhere{0};
  group[0].onSignal(SIGTERM, [&](int number) {
    heard.push_back(number);
    group[0].callLater(2ms, [&] { group.stop(); });
  });
  group[1].onSignal(SIGUSR1, [&] {
    ++elsewhere;
    ::kill(::getpid(), SIGTERM);
  });
  group.callWhenRunning([] { ::kill(::getpid(), SIGUSR1); });
  group.run();
  BOOST_TEST(heard == std::vector<int>{SIGTERM}, boost::test_tools::per_element());
  BOOST_TEST(elsewhere == 1);
  BOOST_TEST(!group.exitSignal().has_value());
}

BOOST_DATA_TEST_CASE(a_crash_of_one_is_a_crash_of_all, data::make(backends()), backend) {
  const Leftovers before;
  Trace trace;
  {
    ReactorGroup group(count, backend);
    group.each([&](Reactor& reactor) {
      reactor.addSystemEventTrigger(Phase::before, "shutdown", [&] { trace.add("an orderly shutdown"); });
    });
    const auto port = group.listenTCP(0, tellers(group, &trace), here);
    runWith(group, [&] {
      Client client(port->getHost().port());
      const char who = client.get();
      group.callFromThread(static_cast<std::size_t>(who - '0' + 1) % count, [](Reactor& reactor) { reactor.crash(); });
      BOOST_TEST(client.get() == '\0');
    });
    BOOST_CHECK_THROW(group.run(quietly), ReactorNotRestartable);
  }
  const auto lines = trace.lines();
  BOOST_REQUIRE(!lines.empty());  // "told" may come too late, in a crash
  BOOST_TEST(lines[0].size() == 6U, lines[0]);
  BOOST_TEST(std::count(lines.begin(), lines.end(), "an orderly shutdown") == 0);
  BOOST_TEST(before.none());
}

BOOST_DATA_TEST_CASE(a_group_runs_once, data::make(backends()), backend) {
  const Leftovers before;
  {
    ReactorGroup never(2, backend);
    const auto port = never.listenTCP(0, tellers(never), here);
    never.each([] {});
    BOOST_CHECK_THROW(never.stop(), ReactorNotRunning);
  }
  BOOST_TEST(before.none());
  {
    ReactorGroup group(1, backend);
    group.callWhenRunning([&] {
      BOOST_CHECK_THROW(group.run(quietly), ReactorAlreadyRunning);
      BOOST_CHECK_THROW(group.each([] {}), std::logic_error);
      group.callWhenRunning([] { throw std::runtime_error("only logged"); });
      group.callWhenRunning([&] { group.stop(); });
    });
    const LogCapture log;
    group.run(quietly);
    BOOST_TEST(log.count("only logged") == 1);
    BOOST_CHECK_THROW(group.run(quietly), ReactorNotRestartable);
    BOOST_CHECK_THROW(group.listenTCP(0, tellers(group), here), std::logic_error);
    BOOST_TEST(group[0].counters().turns > 0U);
    group.callFromThread(0, [] { BOOST_ERROR("called after the end"); });
    std::thread([&] { BOOST_CHECK_THROW(blockingCallFromThread(group[0], [] {}), AbandonedError); }).join();
  }
  BOOST_TEST(before.none());
}

BOOST_DATA_TEST_CASE(a_promise_for_threads_fires_at_home, data::make(backends()), backend) {
  auto reactor = makeReactor(backend);
  std::vector<std::string> got;
  std::thread thread;
  std::unique_ptr<ThreadPromise<int>> late;
  reactor->callWhenRunning([&] {
    Deferred<int> answered;
    Deferred<int> dropped;
    Deferred<int> unanswered;
    answered.addCallback([&](int value) {
      got.push_back(reactor->isInIOThread() ? std::to_string(value) : "in another thread");
      return value;
    });
    dropped.addErrback([&](Failure failure) {
      got.push_back(failure.check<AbandonedError>() && reactor->isInIOThread() ? "abandoned" : "something else");
      reactor->stop();
      return 0;
    });
    unanswered.addErrback([&](Failure failure) {
      got.push_back(failure.check<AbandonedError>() ? "abandoned with the reactor" : "something else");
      return 0;
    });
    late = std::make_unique<ThreadPromise<int>>(*reactor, unanswered.promise());
    thread = std::thread([a = ThreadPromise<int>(*reactor, answered.promise()),
                          b = ThreadPromise<int>(*reactor, dropped.promise())]() mutable {
      a.deliver(42);
      BOOST_CHECK_THROW(a.deliver(43), std::logic_error);
      auto end = std::move(b);
    });
  });
  reactor->run(quietly);
  thread.join();
  reactor.reset();
  late->deliver(1);  // nobody is there
  BOOST_TEST(got == (Lines{"42", "abandoned", "abandoned with the reactor"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
