#include <bight/reactor_group.hpp>

#include "reactor_group_fixture.hpp"

BOOST_AUTO_TEST_SUITE(ReactorGroupTest)

using namespace bight::tests::group;

BOOST_DATA_TEST_CASE(the_setup_goes_step_by_step_through_the_reactors_each_in_its_thread, data::make(backends()),
                     backend) {
  const Leftovers before;
  std::vector<std::string> order;  // no lock: never two at once
  std::set<std::thread::id> threads;
  const std::thread::id caller = std::this_thread::get_id();
  {
    ReactorGroup group(count, backend);
    BOOST_TEST(group.size() == count);
    BOOST_TEST(group[1].name() == backend);
    BOOST_TEST(!group.here().has_value());
    group.each([&](Reactor& reactor, std::size_t index) {
      BOOST_TEST(reactor.isInIOThread());
      BOOST_TEST(reactor.running());
      BOOST_TEST((group.here() == index));
      BOOST_TEST((index == 0) == (std::this_thread::get_id() == caller));
      threads.insert(std::this_thread::get_id());
      order.push_back("a" + std::to_string(index));
    });
    group.each([&](Reactor& reactor) {
      return deferLater(reactor, 1ms, [&] { order.push_back("b" + std::to_string(*group.here())); });
    });
    group.each([&, copy = std::make_unique<int>(0)]() mutable { order.push_back("c" + std::to_string((*copy)++)); });
    group.callWhenRunning([&] {
      order.push_back("running");
      group.stop();
    });
    BOOST_TEST(order.empty());
    group.run(quietly);
  }
  const Lines wanted{"a0", "a1", "a2", "b0", "b1", "b2", "c0", "c1", "c2", "running"};
  BOOST_TEST(order == wanted, boost::test_tools::per_element());
  BOOST_TEST(threads.size() == count);
  BOOST_TEST(before.none());
}

BOOST_DATA_TEST_CASE(what_a_setup_function_throws_stops_all_and_comes_out_of_run,
                     data::make(backends()) * data::make({false, true}), backend, later) {
  const Leftovers before;
  Trace trace;
  {
    ReactorGroup group(count, backend);
    for (std::size_t index = 0; index < count; ++index) {
      group[index].addSystemEventTrigger(Phase::after, "shutdown", [&trace, &group, index] {
        trace.add(group.here() == index ? "shutdown" : "in another thread");
      });
    }
    group.each([&, wait = later](Reactor& reactor, std::size_t index) -> Deferred<void> {
      trace.add("setup");
      if (index != 1) return succeed();
      if (!wait) throw std::runtime_error("no disk");
      return deferLater(reactor, 1ms, [] { throw std::runtime_error("no disk"); });
    });
    group.each([&] { trace.add("never"); });
    group.callWhenRunning([&] { trace.add("never"); });
    const auto port = group.listenTCP(0, tellers(group), here);
    BOOST_CHECK_EXCEPTION(group.run(quietly), std::runtime_error,
                          [](const auto& error) { return std::string(error.what()) == "no disk"; });
    BOOST_TEST(!Client(port->getHost().port()).connected());
  }
  const Lines wanted{"setup", "setup", "shutdown", "shutdown", "shutdown"};
  BOOST_TEST(trace.sorted() == wanted, boost::test_tools::per_element());
  BOOST_TEST(before.none());
}

// A step that waits does not keep a group, and a Deferred that fires too late finds nobody.
BOOST_DATA_TEST_CASE(a_step_may_end_after_its_group, data::make(backends()), backend) {
  std::optional<Promise<void>> late;
  {
    ReactorGroup group(2, backend);
    group.each([&](Reactor&, std::size_t index) -> Deferred<void> {
      if (index != 0) return succeed();
      Deferred<void> step;
      late = step.promise();
      group.stop();
      return step;
    });
    group.run(quietly);
    late->callback();
    late.reset();
  }
  {
    ReactorGroup group(2, backend);
    group.each([&](Reactor&, std::size_t) {
      Deferred<void> step;
      late = step.promise();
      group.stop();
      return step;
    });
    group.run(quietly);
  }
  if (!late->called()) late->callback();
}

BOOST_DATA_TEST_CASE(connections_are_spread_over_the_reactors, data::make(backends()), backend) {
  const Leftovers before;
  std::array<int, count> served{};
  {
    ReactorGroup group(count, backend);
    const auto port = group.listenTCP(0, tellers(group), here);
    BOOST_TEST(port->getHost().port() != 0);
    bool listening = false;
    port->whenListening().addCallback([&] { listening = true; });
    std::vector<std::unique_ptr<Client>> clients;
    runWith(group, [&] {
      for (int i = 0; i < 100; ++i) clients.push_back(std::make_unique<Client>(port->getHost().port()));
      for (const auto& each : clients) ++served.at(static_cast<std::size_t>(each->get() - '0'));
      group.stop();
    });
    BOOST_TEST(listening);
  }
  for (const int each : served) BOOST_TEST(each > 0);
  BOOST_TEST(served[0] + served[1] + served[2] == 100);
  BOOST_TEST(before.none());
}

BOOST_DATA_TEST_CASE(a_port_of_a_group_is_nobody_else_s, data::make(backends()), backend) {
  const Leftovers before;
  {
    ReactorGroup group(count, backend);
    ReactorGroup other(count, backend);
    const auto single = makeReactor(backend);
    const auto port = group.listenTCP(0, tellers(group), here);
    const int number = port->getHost().port();
    BOOST_CHECK_EXCEPTION(other.listenTCP(number, tellers(other), here), CannotListenError,
                          [](const CannotListenError& error) { return error.osError() == EADDRINUSE; });
    BOOST_CHECK_THROW(single->listenTCP(number, Factory::forProtocol<Silent>(), here), CannotListenError);
    // Nor does a group share what somebody has.
    const auto shared =
        single->listenTCP(0, Factory::forProtocol<Silent>(), {.interface = "127.0.0.1", .reusePort = true});
    BOOST_CHECK_THROW(group.listenTCP(shared->getHost().port(), tellers(group), here), CannotListenError);
    auto willing = here;
    willing.reusePort = true;
    BOOST_CHECK_NO_THROW(group.listenTCP(shared->getHost().port(), tellers(group), willing));
    // Closed before the run, it is free again.
    port->stopListening();
    BOOST_CHECK_NO_THROW(other.listenTCP(number, tellers(other), here));
    BOOST_CHECK_THROW(group.listenTCP(65536, tellers(group), here), std::invalid_argument);
  }
  BOOST_TEST(before.none());
}

BOOST_DATA_TEST_CASE(a_reactor_that_cannot_listen_stops_the_others, data::make(backends()), backend) {
  const Leftovers before;
  LogCapture log;
  {
    ReactorGroup group(count, backend);
    group.listenTCP(
        0,
        [](Reactor&, std::size_t index) {
          return index < 2 ? Factory::forProtocol<Silent>() : std::shared_ptr<Factory>();
        },
        here);
    BOOST_CHECK_EXCEPTION(group.run(quietly), std::invalid_argument, [](const auto& error) {
      return std::string(error.what()).find("null pointer for reactor 2") != std::string::npos;
    });
  }
  BOOST_TEST(log.count("could not listen") == 0);
  // In a running group it is the port that fails, and not the group.
  {
    ReactorGroup group(count, backend);
    std::optional<Failure> why;
    group.callWhenRunning([&] {
      const auto port = group.listenTCP(
          0,
          [](Reactor&, std::size_t index) {
            if (index == 1) throw std::runtime_error("no factory today");
            return Factory::forProtocol<Silent>();
          },
          here);
      port->whenListening().addErrback([&, port](Failure failure) {
        BOOST_TEST((group.here() == 0U));
        why = failure;
        // Everything is closed by now: it can be had again.
        const auto again = group.listenTCP(port->getHost().port(), tellers(group), here);
        again->whenListening().addBoth([&](Result<void> result) {
          BOOST_TEST(result.hasValue());
          group.stop();
        });
      });
    });
    group.run(quietly);
    BOOST_REQUIRE(why.has_value());
    BOOST_TEST(why->getErrorMessage() == "no factory today");
  }
  BOOST_TEST(log.count("could not listen") == 0);
  BOOST_TEST(before.none());
}

BOOST_DATA_TEST_CASE(one_call_stops_listening_on_all_and_leaves_connections_open, data::make(backends()), backend) {
  ReactorGroup group(count, backend);
  const auto port = group.listenTCP(0, tellers(group), here);
  const std::uint16_t number = port->getHost().port();
  std::optional<std::size_t> firedOn;
  runWith(group, [&] {
    Client open(number);
    BOOST_TEST(open.get() != '\0');
    BOOST_CHECK_THROW(port->stopListening(), std::logic_error);  // no reactor of the group here to fire in
    blockingCallFromThread(group[2],
                           [&] { return port->stopListening().addCallback([&] { firedOn = group.here(); }); });
    BOOST_TEST(!Client(number).connected());
    blockingCallFromThread(group[1], [&] { return port->stopListening(); });  // once more: at once
    group.stop();
    BOOST_TEST(open.get() == '\0');
  });
  BOOST_TEST((firedOn == 2U));
  BOOST_CHECK_NO_THROW(port->stopListening());
}

BOOST_AUTO_TEST_CASE(there_is_one_for_each_processor_unless_one_says_otherwise) {
  BOOST_TEST(ReactorGroup().size() >= 1U);
  BOOST_TEST(ReactorGroup(2, Backend::poll)[1].name() == "poll");
  BOOST_CHECK_THROW(ReactorGroup(1025), std::invalid_argument);
  BOOST_CHECK_THROW(ReactorGroup(2, "abacus"), UnknownReactor);
  BOOST_CHECK_THROW(ReactorGroup(2)[2], std::out_of_range);
}

BOOST_AUTO_TEST_CASE(where_reuse_spreads_nothing_all_accept_from_one_socket) {
  const auto inode = [](int fd) {
    struct stat status{};
    BOOST_REQUIRE_EQUAL(::fstat(fd, &status), 0);
    return status.st_ino;
  };
  const auto same = detail::openTcpListeners(0, here, 3, detail::Sharing::duplicate);
  BOOST_REQUIRE(same.size() == 3U);
  BOOST_TEST(inode(same[0].get()) == inode(same[2].get()));
  const auto own = detail::openTcpListeners(0, here, 3, detail::Sharing::reusePort);
  BOOST_TEST(inode(own[0].get()) != inode(own[2].get()));
  BOOST_TEST(detail::localAddress(own[0].get(), AddressType::tcp).port() ==
             detail::localAddress(own[2].get(), AddressType::tcp).port());
}

BOOST_AUTO_TEST_SUITE_END()
