#include <bight/service.hpp>

#include <bight/endpoints.hpp>

#include "../deferred/unhandled_fixture.hpp"
#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(service)

using namespace tcp_test;

namespace service_test {

using Lines = std::vector<std::string>;

/// Writes down what is done to it, and stops when the test says so.
class Part : public Service {
 public:
  Part(std::string name, Lines& lines) : lines_(lines) { setName(std::move(name)); }

  bool refuses = false;
  bool slow = false;
  Deferred<void> end;

 protected:
  void doStart() override {
    lines_.push_back("+" + name());
    if (refuses) throw std::runtime_error(name() + " cannot start");
  }
  Deferred<void> doStop() override {
    lines_.push_back("-" + name());
    return slow ? std::move(end) : succeed();
  }

 private:
  Lines& lines_;
};

/// Whether a Deferred has fired, and how.
struct End {
  explicit End(Deferred<void> d) : deferred(std::move(d)) {
    deferred.addBoth([this](Result<void> r) { result = std::move(r); });
  }
  Deferred<void> deferred;
  std::optional<Result<void>> result;
};

struct Tree {
  Lines lines;
  std::shared_ptr<MultiService> all = std::make_shared<MultiService>();
  std::shared_ptr<Part> part(const std::string& name) { return std::make_shared<Part>(name, lines); }
};

/// An endpoint that listens when the test says so.
class SlowEndpoint : public ServerEndpoint {
 public:
  Deferred<std::shared_ptr<Port>> listen(std::shared_ptr<Factory>) override {
    Deferred<std::shared_ptr<Port>> answer([this] { ++cancelled; });
    promise = answer.promise();
    return answer;
  }
  std::string toString() const override { return "slow:"; }
  Promise<std::shared_ptr<Port>> promise;
  int cancelled = 0;
};

}  // namespace service_test

using namespace service_test;

// Starting and stopping are called in turns; children in order, and backwards.
BOOST_FIXTURE_TEST_CASE(a_tree_starts_and_stops, Tree) {
  auto branch = std::make_shared<MultiService>();
  branch->addService(part("b"));
  branch->addService(part("c"));
  all->addService(part("a"));
  all->addService(branch);
  all->addService(part("d"));
  BOOST_TEST(lines.empty());
  all->startService();
  all->startService();
  BOOST_TEST(lines == (Lines{"+a", "+b", "+c", "+d"}), boost::test_tools::per_element());
  BOOST_TEST((all->running() && branch->running()));
  lines.clear();
  End end(all->stopService());
  BOOST_TEST(end.result.has_value());
  BOOST_TEST(lines == (Lines{"-d", "-c", "-b", "-a"}), boost::test_tools::per_element());
  BOOST_TEST(!branch->running());
  End again(all->stopService());
  BOOST_TEST(again.result.has_value());
  BOOST_TEST(lines.size() == 4U);
  // A child that comes later starts, one that goes stops.
  all->startService();
  lines.clear();
  const auto late = part("late");
  late->setServiceParent(*all);
  BOOST_TEST((late->parent() == all.get()));
  BOOST_TEST(all->getServiceNamed("late") == late);
  BOOST_CHECK_THROW(late->setName("other"), std::logic_error);
  late->disownServiceParent();
  BOOST_TEST(late->parent() == nullptr);
  BOOST_TEST(lines == (Lines{"+late", "-late"}), boost::test_tools::per_element());
  BOOST_TEST(all->services().size() == 3U);
}

// Stopping waits for all; who asks meanwhile waits for the same.
BOOST_FIXTURE_TEST_CASE(stopping_waits_for_all, Tree) {
  const auto slow = part("slow");
  slow->slow = true;
  const auto ready = slow->end.promise();
  all->addService(slow);
  all->addService(part("quick"));
  all->startService();
  End first(all->stopService());
  End second(all->stopService());
  BOOST_TEST((!first.result && !second.result));
  BOOST_TEST(!all->running());
  ready.callback();
  BOOST_TEST((first.result && second.result));
}

// One that cannot stop does not keep the others from it.
BOOST_FIXTURE_TEST_CASE(one_that_fails_to_stop_is_told_of, Tree) {
  const LogCatcher log;
  const auto bad = part("bad");
  bad->slow = true;
  bad->end.errback(std::runtime_error("stuck"));
  all->addService(part("a"));
  all->addService(bad);
  all->startService();
  End end(all->stopService());
  BOOST_TEST_REQUIRE(end.result.has_value());
  BOOST_TEST(end.result->failure().getErrorMessage() == "stuck");
  BOOST_TEST(lines.back() == "-a");
  BOOST_TEST(log.count("could not stop \"bad\"") == 1U);
}

// One that cannot start stops those before it.
BOOST_FIXTURE_TEST_CASE(one_that_fails_to_start_takes_the_others_back, Tree) {
  const auto bad = part("bad");
  bad->refuses = true;
  all->addService(part("a"));
  all->addService(bad);
  all->addService(part("never"));
  BOOST_CHECK_THROW(all->startService(), std::runtime_error);
  BOOST_TEST(lines == (Lines{"+a", "+bad", "-a"}), boost::test_tools::per_element());
  BOOST_TEST((!all->running() && !bad->running()));
  // The same when it comes later: then it is not a child.
  all->removeService(*bad);
  all->startService();
  BOOST_CHECK_THROW(all->addService(bad), std::runtime_error);
  BOOST_TEST(bad->parent() == nullptr);
  BOOST_TEST(all->getServiceNamed("bad") == nullptr);
}

BOOST_FIXTURE_TEST_CASE(misuse_is_refused, Tree) {
  const auto a = part("a");
  all->addService(a);
  BOOST_CHECK_THROW(all->addService(nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(all->addService(a), std::logic_error);
  BOOST_CHECK_THROW(all->addService(part("a")), std::logic_error);
  BOOST_CHECK_THROW(all->addService(all), std::logic_error);
  const auto other = std::make_shared<MultiService>();
  other->addService(all);
  BOOST_CHECK_THROW(all->addService(other), std::logic_error);
  BOOST_CHECK_THROW(other->removeService(*a), std::logic_error);
  BOOST_CHECK_THROW(part("b")->disownServiceParent(), std::logic_error);
  testing::MemoryReactor reactor;
  BOOST_CHECK_THROW(StreamServerEndpointService(nullptr, Factory::forProtocol<Probe>()), std::invalid_argument);
}

// TimerService: at once, then regularly; a failure is logged and ends it; a Deferred is waited for.
BOOST_AUTO_TEST_CASE(a_timer_beats_while_it_runs) {
  testing::Clock clock;
  int beats = 0;
  const auto timer = std::make_shared<TimerService>(clock, 10s, [&] { ++beats; });
  timer->startService();
  BOOST_TEST(beats == 1);
  clock.advance(25s);
  clock.advance(5s);
  BOOST_TEST(beats == 3);
  End end(timer->stopService());
  BOOST_TEST(end.result.has_value());
  clock.advance(1min);
  BOOST_TEST(beats == 3);
  timer->startService();
  BOOST_TEST(beats == 4);
  timer->stopService();
  BOOST_TEST(clock.getDelayedCalls().empty());
  // It fails, and can be started again.
  const LogCatcher log;
  int calls = 0;
  const auto failing = std::make_shared<TimerService>(clock, 1s, [&] {
    if (++calls == 2) throw std::runtime_error("no more");
  });
  failing->startService();
  clock.advance(1s);
  clock.advance(1s);
  BOOST_TEST(calls == 2);
  BOOST_TEST(log.count("is not called any more") == 1U);
  End failed(failing->stopService());
  BOOST_TEST((failed.result && *failed.result));
  failing->startService();
  BOOST_TEST(calls == 3);
  failing->stopService();
  // It waits for what it has begun.
  Deferred<void> work;
  const auto promise = work.promise();
  const auto busy = std::make_shared<TimerService>(clock, 1s, [&] { return std::move(work); });
  busy->startService();
  End busyEnd(busy->stopService());
  BOOST_TEST(!busyEnd.result);
  promise.callback();
  BOOST_TEST(busyEnd.result.has_value());
}

// StreamServerEndpointService, with sockets: it listens while it runs.
BOOST_DATA_TEST_CASE(a_server_listens_while_it_runs, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto factory = std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
  const auto server =
      std::make_shared<StreamServerEndpointService>(serverFromString(*reactor, "tcp:0:interface=127.0.0.1"), factory);
  std::shared_ptr<Port> port;
  server->whenListening().addCallback([&](std::shared_ptr<Port> p) { port = std::move(p); });
  server->startService();
  BOOST_TEST_REQUIRE(port != nullptr);
  const auto number = port->getHost().port();
  RawPeer peer(number);
  spin(*reactor, [&] { return factory->built.size() == 1; });
  // A second one there cannot start, and says why.
  const auto second = std::make_shared<StreamServerEndpointService>(
      serverFromString(*reactor, "tcp:interface=127.0.0.1:port=" + std::to_string(number)), factory);
  BOOST_CHECK_THROW(second->startService(), CannotListenError);
  BOOST_TEST(!second->running());
  End end(server->stopService());
  spin(*reactor, [&] { return end.result.has_value(); });
  second->startService();  // the place is free now
  BOOST_TEST(static_cast<Probe&>(*factory->built[0]).losses() == 0);
  second->stopService();
}

// An endpoint that takes its time: stopping cancels it; a late failure is logged.
BOOST_AUTO_TEST_CASE(a_slow_endpoint_is_cancelled) {
  const UnhandledCounter unhandled;
  const auto endpoint = std::make_shared<SlowEndpoint>();
  const auto server = std::make_shared<StreamServerEndpointService>(endpoint, Factory::forProtocol<Probe>());
  server->startService();
  bool told = false;
  server->whenListening().addErrback([&](const Failure& f) -> std::shared_ptr<Port> {
    told = f.check<CancelledError>();
    return nullptr;
  });
  server->stopService();
  BOOST_TEST((endpoint->cancelled == 1 && told));
  const LogCatcher log;
  server->startService();
  endpoint->promise.errback(CannotListenError("", 1, 0, "taken"));
  BOOST_TEST(log.count("could not listen on slow:") == 1U);
  server->whenListening().addErrback([&](const Failure&) -> std::shared_ptr<Port> { return nullptr; });
  server->stopService();
  BOOST_TEST(unhandled.count() == 0U);
}

// startApplication: with the reactor, and before its end.
BOOST_DATA_TEST_CASE(an_application_lives_with_the_reactor, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  Tree tree;
  const auto slow = tree.part("slow");
  slow->slow = true;
  const auto ready = slow->end.promise();
  tree.all->addService(slow);
  startApplication(*reactor, tree.all);
  BOOST_TEST(tree.lines.empty());
  reactor->callWhenRunning([&] {
    tree.lines.push_back("running");
    reactor->stop();
    reactor->callLater(5ms, [&] {
      tree.lines.push_back("ready");
      ready.callback();
    });
  });
  reactor->addSystemEventTrigger(Phase::after, "shutdown", [&] { tree.lines.push_back("down"); });
  reactor->run({.installSignalHandlers = false});
  BOOST_TEST(tree.lines == (Lines{"+slow", "running", "-slow", "ready", "down"}), boost::test_tools::per_element());
  BOOST_CHECK_THROW(startApplication(*reactor, nullptr), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
