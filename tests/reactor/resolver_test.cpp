#include <bight/resolver.hpp>

#include <atomic>
#include <bight/name_resolvers.hpp>
#include <condition_variable>
#include <mutex>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(resolver)

using namespace tcp_test;

namespace resolver_test {

using Addresses = std::vector<Address>;

/// What a lookup came to: "192.0.2.1:80 [2001:db8::1]:80", or the failure's text.
std::string text(const Result<Addresses>& result) {
  if (!result) return result.failure().getErrorMessage();
  std::string all;
  for (const auto& each : *result) all += (all.empty() ? "" : " ") + each.toString();
  return all;
}

/// Keeps what a Deferred came to.
struct Outcome {
  explicit Outcome(Deferred<Addresses> d) : deferred(std::move(d)) {
    deferred.addBoth([this](Result<Addresses> r) { result = std::move(r); });
  }
  std::string said() const { return result ? text(*result) : "(nothing yet)"; }
  template <class E>
  bool failedWith() const {
    return result && !*result && result->failure().check<E>();
  }
  Deferred<Addresses> deferred;
  std::optional<Result<Addresses>> result;
};

/// Lookups that block until the test lets them go on.
struct Gate {
  Addresses operator()(const NameQuery& query) {
    std::unique_lock lock(mutex);
    ++inside;
    most = std::max(most, inside);
    asked.push_back(query.name);
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
    --inside;
    return {IPv4Address({192, 0, 2, 7}, 0)};
  }
  void letGo() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return asked.size();
  }
  NameLookup lookup() {
    return [this](const NameQuery& query) { return (*this)(query); };
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> asked;
  int inside = 0;
  int most = 0;
  bool open = false;
};

/// Runs the reactor until `done()`; threads only work for a reactor that runs.
template <class Done>
void runUntil(Reactor& reactor, Done done) {
  std::function<void()> look = [&] {
    if (done())
      reactor.stop();
    else
      reactor.callLater(1ms, [&] { look(); });
  };
  const auto limit = reactor.callLater(20s, [&] { reactor.stop(); });
  reactor.callWhenRunning([&] { look(); });
  reactor.run({.installSignalHandlers = false});
  BOOST_TEST(limit.active());
}

}  // namespace resolver_test

using namespace resolver_test;

// What can be a name, and why not.
BOOST_AUTO_TEST_CASE(names_are_checked) {
  for (const char* good : {"localhost", "example.org", "a.b-c_d.e", "xn--bcher-kva.example", "example.org.", "1.2.3.x"})
    BOOST_TEST(hostNameProblem(good) == "", good);
  const std::vector<std::pair<std::string, std::string>> bad = {{"", "empty"},
                                                                {"a b", "0x20"},
                                                                {"a..b", "empty"},
                                                                {".", "empty"},
                                                                {"b\xc3\xbc.example", "ASCII form"},
                                                                {"a/b", "'/'"},
                                                                {"127.1", "number"},
                                                                {"0x7f000001", "number"},
                                                                {"2130706433", "number"},
                                                                {"1.2.3.4.5", "number"},
                                                                {std::string(64, 'a') + ".b", "63"},
                                                                {std::string("a\0b", 3), "0x00"}};
  for (const auto& [name, why] : bad) BOOST_TEST(hostNameProblem(name).find(why) != std::string::npos, name);
  std::string longName;
  for (int i = 0; i < 64; ++i) longName += "abc.";
  BOOST_TEST(hostNameProblem(longName).find("253") != std::string::npos);
}

// B50: literals and nothing need no lookup; what cannot be a name is not looked up either.
BOOST_AUTO_TEST_CASE(literals_are_not_looked_up) {
  testing::MemoryReactor reactor;
  const auto said = [&](std::string_view host, const ResolveOptions& options = {}) {
    return Outcome(reactor.resolve(host, options)).said();
  };
  BOOST_TEST(said("") == "0.0.0.0:0");
  BOOST_TEST(said("", {.port = 5, .family = AddressFamily::ipv6}) == "[::]:5");
  BOOST_TEST(said("127.0.0.1", {.port = 80}) == "127.0.0.1:80");
  BOOST_TEST(said("::1", {.port = 80}) == "[::1]:80");
  BOOST_TEST(said("::1", {.family = AddressFamily::ipv4}) ==
             "DNS lookup failed: ::1: an IPv4 address is wanted, and this is an IPv6 one.");
  BOOST_TEST(said("127.0.0.1", {.family = AddressFamily::ipv6}).find("IPv6 address is wanted") != std::string::npos);
  BOOST_TEST(said("127.1").find("not a host name") != std::string::npos);
  BOOST_TEST(reactor.names().queries().empty());
  const auto udp = Outcome(reactor.resolve("127.0.0.1", {.type = AddressType::udp}));
  BOOST_TEST((udp.result->value().at(0).get<IPv4Address>()->type() == AddressType::udp));
}

// B48, B49: a resolver can be installed; the port is put in; no address is a failure.
BOOST_AUTO_TEST_CASE(a_resolver_can_be_installed) {
  testing::MemoryReactor reactor;
  reactor.names().add("both.example", {"2001:db8::1", "192.0.2.1"});
  BOOST_TEST(Outcome(reactor.resolve("both.example", {.port = 7})).said() == "[2001:db8::1]:7 192.0.2.1:7");
  BOOST_TEST(Outcome(reactor.resolve("both.example", {.family = AddressFamily::ipv4})).said() == "192.0.2.1:0");
  BOOST_TEST(Outcome(reactor.resolve("none.example")).failedWith<DNSLookupError>());
  struct Careless : NameResolver {
    Deferred<Addresses> resolveHostName(const NameQuery&) override { return succeed(Addresses()); }
  };
  const auto former = reactor.installNameResolver(std::make_shared<Careless>());
  BOOST_TEST(former.get() == &reactor.names());
  BOOST_TEST(Outcome(reactor.resolve("both.example")).said() ==
             "DNS lookup failed: both.example: the name has no address of the family wanted.");
  BOOST_CHECK_THROW(reactor.installNameResolver(nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(reactor.resolve("a.example", {.family = AddressFamily::local}), std::invalid_argument);
}

// B48: one lookup for many who ask, answers for a moment, failures for a shorter one.
BOOST_AUTO_TEST_CASE(answers_are_kept_for_a_moment) {
  testing::Clock clock;
  const auto names = std::make_shared<testing::MemoryNameResolver>();
  CachingNameResolver cache(names, clock, {.keep = 10s, .keepFailures = 1s, .maxEntries = 2});
  names->add("a.example", {"192.0.2.1"});
  names->hold();
  Outcome first(cache.resolveHostName({"a.example"}));
  Outcome second(cache.resolveHostName({"A.example"}));
  Outcome other(cache.resolveHostName({"a.example", AddressFamily::ipv6}));
  BOOST_TEST(names->waiting() == 2U);
  names->release();
  BOOST_TEST(first.said() == "192.0.2.1:0");
  BOOST_TEST(second.said() == "192.0.2.1:0");
  BOOST_TEST(other.failedWith<DNSLookupError>());
  BOOST_TEST(cache.size() == 2U);
  names->add("a.example", {"192.0.2.2"});
  clock.advance(1s);
  BOOST_TEST(Outcome(cache.resolveHostName({"a.example"})).said() == "192.0.2.1:0");
  BOOST_TEST(names->queries().size() == 2U);
  Outcome(cache.resolveHostName({"a.example", AddressFamily::ipv6}));
  BOOST_TEST(names->queries().size() == 3U);  // the failure was stale
  clock.advance(9s);
  BOOST_TEST(Outcome(cache.resolveHostName({"a.example"})).said() == "192.0.2.2:0");
  // Bounded: the oldest goes.
  for (const char* name : {"b.example", "c.example", "d.example"}) {
    names->add(name, {"192.0.2.9"});
    clock.advance(1ms);
    Outcome(cache.resolveHostName({name}));
    BOOST_TEST(cache.size() == 2U);
  }
  const auto before = names->queries().size();
  Outcome(cache.resolveHostName({"d.example"}));
  BOOST_TEST(names->queries().size() == before);
  Outcome(cache.resolveHostName({"a.example"}));
  BOOST_TEST(names->queries().size() == before + 1);
  cache.clear();
  BOOST_TEST(cache.size() == 0U);
}

// B48: cancelling one of many leaves the others alone; cancelling the last cancels the lookup.
BOOST_AUTO_TEST_CASE(the_last_to_cancel_ends_the_lookup) {
  testing::Clock clock;
  const auto names = std::make_shared<testing::MemoryNameResolver>();
  names->add("a.example", {"192.0.2.1"});
  names->hold();
  auto cache = std::make_unique<CachingNameResolver>(names, clock);
  Outcome first(cache->resolveHostName({"a.example"}));
  Outcome second(cache->resolveHostName({"a.example"}));
  first.deferred.cancel();
  BOOST_TEST(first.failedWith<CancelledError>());
  BOOST_TEST(names->waiting() == 1U);
  second.deferred.cancel();
  BOOST_TEST(second.failedWith<CancelledError>());
  BOOST_TEST(names->waiting() == 0U);
  BOOST_TEST(cache->size() == 0U);
  Outcome third(cache->resolveHostName({"a.example"}));
  BOOST_TEST(names->queries().size() == 2U);
  // The cache may go while somebody waits.
  cache.reset();
  names->release();
  BOOST_TEST(third.failedWith<AbandonedError>());
  BOOST_CHECK_THROW(CachingNameResolver(nullptr, clock), std::invalid_argument);
}

// B48: threads, their limit, and cancelling what waits for its turn.
BOOST_DATA_TEST_CASE(lookups_run_in_threads, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  Gate gate;
  ThreadedNameResolver names(*reactor, *reactor, gate.lookup(), {.maxLookups = 2});
  std::vector<std::unique_ptr<Outcome>> outcomes;
  reactor->callWhenRunning([&] {
    for (int i = 0; i < 5; ++i) {
      outcomes.push_back(std::make_unique<Outcome>(names.resolveHostName({"host" + std::to_string(i)})));
      BOOST_TEST(!outcomes.back()->result);
    }
    outcomes[3]->deferred.cancel();  // waits for its turn: never asked
  });
  bool opened = false;
  runUntil(*reactor, [&] {
    if (!opened && gate.count() == 2) {
      opened = true;
      outcomes[0]->deferred.cancel();  // under way: the answer is dropped
      gate.letGo();
    }
    return opened && outcomes[1]->result && outcomes[2]->result && outcomes[4]->result;
  });
  BOOST_TEST(outcomes[0]->failedWith<CancelledError>());
  BOOST_TEST(outcomes[3]->failedWith<CancelledError>());
  BOOST_TEST(outcomes[4]->said() == "192.0.2.7:0");
  BOOST_TEST(gate.most == 2);
  BOOST_TEST(std::count(gate.asked.begin(), gate.asked.end(), "host3") == 0);
  BOOST_TEST(gate.count() == 4U);
}

// B50: no answer in time. The reactor's end answers those who wait.
BOOST_DATA_TEST_CASE(a_lookup_times_out, systemReactors(), backend) {
  auto reactor = makeReactor(backend);
  Gate gate;
  auto names = std::make_shared<ThreadedNameResolver>(*reactor, *reactor, gate.lookup(),
                                                      ThreadedResolverOptions{.timeout = 10ms, .maxLookups = 1});
  reactor->installNameResolver(names);
  std::unique_ptr<Outcome> slow, waits;
  reactor->callWhenRunning([&] { slow = std::make_unique<Outcome>(reactor->resolve("slow.example")); });
  runUntil(*reactor, [&] {
    if (slow->result && !waits) gate.letGo();
    return slow->result.has_value();
  });
  BOOST_TEST(slow->failedWith<DNSTimeoutError>());
  BOOST_TEST(slow->said() == "DNS lookup failed: slow.example: no answer within 10 ms.");
  waits = std::make_unique<Outcome>(reactor->resolve("late.example"));  // the pool has stopped
  BOOST_TEST(waits->result.has_value());
  names.reset();
  reactor.reset();
}

// The system's own, through the reactor's default: "localhost" is in every /etc/hosts.
BOOST_DATA_TEST_CASE(the_system_is_asked, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  std::unique_ptr<Outcome> found, none;
  reactor->callWhenRunning([&] {
    found = std::make_unique<Outcome>(reactor->resolve("localhost", {.port = 80, .family = AddressFamily::ipv4}));
    none = std::make_unique<Outcome>(reactor->resolve("no-such-host.invalid"));
  });
  runUntil(*reactor, [&] { return found->result && none->result; });
  BOOST_TEST(found->said() == "127.0.0.1:80");
  BOOST_TEST(none->failedWith<DNSLookupError>());
  BOOST_TEST(none->said().find("no-such-host.invalid") != std::string::npos);
  BOOST_TEST(reactor->nameResolver() == reactor->nameResolver());
}

// connectTCP asks the reactor's resolver; giving up cancels the lookup.
BOOST_DATA_TEST_CASE(connect_tcp_asks_the_resolver, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto names = std::make_shared<testing::MemoryNameResolver>();
  reactor->installNameResolver(names);
  const auto port = reactor->listenTCP(0, Factory::forProtocol<Probe>(), {.interface = "127.0.0.1"});
  names->add("chat.example", {"::1", "127.0.0.1"});  // the first one refuses, or is not there
  names->hold();
  const auto factory = std::make_shared<ProbeClientFactory>([] { return std::make_shared<Probe>(); });
  const auto connector = reactor->connectTCP("chat.example", port->getHost().port(), factory);
  turns(*reactor);
  BOOST_TEST(names->waiting() == 1U);
  connector->stopConnecting();
  BOOST_TEST(names->waiting() == 0U);
  BOOST_TEST(is<UserError>(factory->reason));
  connector->connect();
  turns(*reactor);
  names->release();
  spin(*reactor, [&] { return !factory->built.empty(); });
  BOOST_TEST(connector->getDestination().toString() == "chat.example:" + std::to_string(port->getHost().port()));
}

// Protocol::whenLost: right after connectionLost; any number may wait; at once when it is lost already.
BOOST_AUTO_TEST_CASE(the_end_of_a_connection_can_be_waited_for) {
  const auto protocol = std::make_shared<Probe>();
  std::vector<std::string> order;
  const auto wait = [&](const char* who) { protocol->whenLost().addCallback([&order, who] { order.push_back(who); }); };
  wait("before");
  auto cancelled = protocol->whenLost();
  cancelled.addErrback([](const Failure&) {});
  cancelled.cancel();
  protocol->onLost = [&](Probe&, const Failure&) { order.push_back("lost"); };
  testing::IOPump pump(std::make_shared<Probe>(), protocol);
  wait("after");
  BOOST_TEST(order.empty());
  protocol->transport().loseConnection();
  pump.flush();
  BOOST_TEST_REQUIRE(order.size() == 3U);
  BOOST_TEST(order[0] == "lost");
  wait("late");
  BOOST_TEST(order.back() == "late");
  auto unborn = std::make_unique<Probe>();
  auto told = unborn->whenLost();
  unborn.reset();
  BOOST_TEST(told.called());
}

BOOST_AUTO_TEST_SUITE_END()
