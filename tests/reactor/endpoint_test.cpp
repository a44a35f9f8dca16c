#include <bight/endpoints.hpp>

#include <filesystem>

#include "hostname_race.hpp"
#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(endpoint)

using namespace tcp_test;

namespace endpoint_test {

using Connected = std::shared_ptr<Protocol>;

/// Keeps what connecting came to.
template <class T = Connected>
struct Outcome {
  explicit Outcome(Deferred<T> d) : deferred(std::move(d)) {
    deferred.addBoth([this](Result<T> r) { result = std::move(r); });
  }
  ~Outcome() { deferred.cancel(); }  // what is under way must not find us gone
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;
  bool done() const { return result.has_value(); }
  bool worked() const { return result && *result; }
  template <class E>
  bool failedWith() const {
    return result && !*result && result->failure().template check<E>();
  }
  std::string said() const {
    return !result ? "(nothing yet)" : *result ? "(connected)" : result->failure().getErrorMessage();
  }
  Deferred<T> deferred;
  std::optional<Result<T>> result;
};

std::shared_ptr<ProbeFactory> probes() {
  return std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
}

/// A number nobody listens on.
std::uint16_t freePort(Reactor& reactor) {
  const auto port = reactor.listenTCP(0, probes(), {.interface = "127.0.0.1"});
  const auto number = port->getHost().port();
  port->stopListening();
  return number;
}

std::size_t openDescriptors() {
  std::size_t count = 0;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) count += !each.path().empty();
  return count;
}

/// A server whose backlog is full: who connects hears nothing.
struct Deaf {
  Deaf() : listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof here;
    BOOST_REQUIRE_EQUAL(::bind(listening, reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
    BOOST_REQUIRE_EQUAL(::listen(listening, 0), 0);
    BOOST_REQUIRE_EQUAL(::getsockname(listening, reinterpret_cast<sockaddr*>(&here), &length), 0);
    port = ntohs(here.sin_port);
    for (int i = 0; i < 3; ++i) {
      waiting.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(waiting.back(), reinterpret_cast<sockaddr*>(&here), sizeof here);
    }
  }
  ~Deaf() {
    for (const int each : waiting) ::close(each);
    ::close(listening);
  }
  Deaf(const Deaf&) = delete;
  Deaf& operator=(const Deaf&) = delete;

  int listening;
  std::uint16_t port = 0;
  std::vector<int> waiting;
};

/// The race of a MemoryReactor: who was asked, and what they say.
struct Race {
  explicit Race(const HostnameOptions& options = {}, std::shared_ptr<Factory> f = probes())
      : factory(std::move(f)), endpoint(reactor, "host.example", 80, options) {
    reactor.names().add("host.example", {"2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"});
  }
  void start() { outcome.emplace(endpoint.connect(factory)); }
  std::string tried() const {
    std::string all;
    for (const auto& each : reactor.tcpClients()) all += (all.empty() ? "" : " ") + each->host();
    return all;
  }
  testing::MemoryConnector& attempt(std::size_t i) { return *reactor.tcpClients().at(i); }
  bool live(std::size_t i) { return attempt(i).state() == Connector::State::connecting; }
  void refuse(std::size_t i) { attempt(i).fail(Failure(ConnectionRefusedError(111, attempt(i).host()))); }
  void connected(std::size_t i) {
    pump = std::make_unique<testing::IOPump>(attempt(i).succeed(), std::make_shared<Probe>());
  }

  testing::MemoryReactor reactor;
  std::shared_ptr<Factory> factory;
  HostnameEndpoint endpoint;
  std::optional<Outcome<>> outcome;
  std::unique_ptr<testing::IOPump> pump;
};

}  // namespace endpoint_test

using namespace endpoint_test;

// C51: both sides, over IPv4 and IPv6; the very protocol; the factory is started and stopped.
BOOST_DATA_TEST_CASE(endpoints_connect_and_listen, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  for (const bool v6 : {false, true}) {
    const auto servers = probes();
    std::shared_ptr<ServerEndpoint> here;
    if (v6)
      here = std::make_shared<TCP6ServerEndpoint>(*reactor, 0, ListenOptions{.interface = "::1"});
    else
      here = std::make_shared<TCP4ServerEndpoint>(*reactor, 0, ListenOptions{.interface = "127.0.0.1"});
    Outcome<std::shared_ptr<Port>> listening(here->listen(servers));
    if (v6 && !listening.worked()) continue;  // a machine without IPv6
    BOOST_TEST_REQUIRE(listening.worked());
    const auto port = **listening.result;
    const auto clients = std::make_shared<ProbeFactory>([] { return std::make_shared<HalfProbe>(); });
    std::unique_ptr<ClientEndpoint> there;
    if (v6)
      there = std::make_unique<TCP6ClientEndpoint>(*reactor, "[::1]", port->getHost().port());
    else
      there = std::make_unique<TCP4ClientEndpoint>(*reactor, "127.0.0.1", port->getHost().port());
    Outcome<> client(there->connect(clients));
    BOOST_TEST(!client.done());
    there.reset();  // the attempt does not need it
    spin(*reactor, [&] { return client.done(); });
    BOOST_TEST_REQUIRE(client.worked());
    BOOST_TEST(**client.result == clients->built.at(0));
    auto& probe = static_cast<HalfProbe&>(*clients->built[0]);
    BOOST_TEST(probe.made());
    probe.transport().write("hello");
    probe.transport().loseWriteConnection();  // half closes pass through
    spin(*reactor, [&] { return probe.writeLost == 1 && servers->built.size() == 1; });
    auto& server = static_cast<Probe&>(*servers->built[0]);
    spin(*reactor, [&] { return server.closed() && probe.readLost == 1; });
    BOOST_TEST(server.data() == "hello");
    probe.transport().loseConnection();
    spin(*reactor, [&] { return probe.closed(); });
    BOOST_TEST(probe.losses() == 1);
    BOOST_TEST(clients->events == (std::vector<std::string>{"start", "stop"}), boost::test_tools::per_element());
    port->stopListening();
    BOOST_TEST(servers->events == (std::vector<std::string>{"start", "stop"}), boost::test_tools::per_element());
  }
  BOOST_TEST(reactor->getDelayedCalls().empty());
}

// C51: what goes wrong is the Deferred's; no descriptor stays open.
BOOST_DATA_TEST_CASE(failures_are_the_deferreds, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto number = freePort(*reactor);
  turns(*reactor);
  const auto before = openDescriptors();
  TCP4ClientEndpoint nobody(*reactor, "127.0.0.1", number);
  const auto factory = std::make_shared<ProbeClientFactory>([] { return std::make_shared<Probe>(); });
  Outcome<> refused(nobody.connect(factory));
  spin(*reactor, [&] { return refused.done(); });
  BOOST_TEST(refused.failedWith<ConnectionRefusedError>());
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "stop"}), boost::test_tools::per_element());
  // Cancelled while connecting: at once, and the socket is closed.
  const Deaf deaf;
  TCP4ClientEndpoint silence(*reactor, "127.0.0.1", deaf.port);
  const auto withDeaf = openDescriptors();
  Outcome<> cancelled(silence.connect(probes()));
  turns(*reactor);
  BOOST_TEST(!cancelled.done());
  BOOST_TEST(openDescriptors() == withDeaf + 1);
  cancelled.deferred.cancel();
  BOOST_TEST(openDescriptors() == withDeaf);
  BOOST_TEST(cancelled.failedWith<ConnectingCancelledError>());
  BOOST_TEST(cancelled.failedWith<CancelledError>());
  BOOST_TEST(cancelled.said() ==
             "The attempt to connect to tcp:127.0.0.1:" + std::to_string(deaf.port) + " was cancelled.");
  turns(*reactor);
  BOOST_TEST(openDescriptors() == withDeaf);
  const auto port = reactor->listenTCP(number, probes(), {.interface = "127.0.0.1"});
  // C51: nobody for the connection.
  Outcome<> unwanted(nobody.connect(std::make_shared<ProbeFactory>([] { return nullptr; })));
  spin(*reactor, [&] { return unwanted.done(); });
  BOOST_TEST(unwanted.failedWith<NoProtocol>());
  // What user code throws.
  LogCatcher log;
  Outcome<> thrown(nobody.connect(
      std::make_shared<ProbeFactory>([]() -> std::shared_ptr<Protocol> { throw std::runtime_error("not today"); })));
  spin(*reactor, [&] { return thrown.done(); });
  BOOST_TEST(thrown.said() == "not today");
  const auto bad = std::make_shared<Probe>();
  bad->onMade = [](Probe&) { throw std::runtime_error("not this one"); };
  Outcome<std::shared_ptr<Probe>> made(connectProtocol(nobody, bad));
  spin(*reactor, [&] { return made.done() && bad->closed(); });
  BOOST_TEST(made.said() == "not this one");
  BOOST_TEST(bad->losses() == 1);
  // C52: listening in vain.
  TCP4ServerEndpoint taken(*reactor, number, {.interface = "127.0.0.1"});
  Outcome<std::shared_ptr<Port>> vain(taken.listen(probes()));
  BOOST_TEST(vain.failedWith<CannotListenError>());
  port->stopListening();
  spin(*reactor, [&] {
    turns(*reactor, 1);
    return openDescriptors() == withDeaf;
  });
  BOOST_TEST(before < withDeaf);
}

// C51: a connection that the reactor's end interrupts.
BOOST_DATA_TEST_CASE(the_end_of_the_reactor_fails_the_deferred, reactors(), backend) {
  auto reactor = makeReactor(backend);
  HostnameEndpoint endpoint(*reactor, "127.0.0.1", 9);
  Outcome<> outcome(endpoint.connect(probes()));
  reactor.reset();
  BOOST_TEST(outcome.failedWith<ConnectError>());
}

// C52: connectProtocol gives the protocol with its type, once.
BOOST_AUTO_TEST_CASE(connect_protocol_knows_its_type) {
  testing::MemoryReactor reactor;
  HostnameEndpoint endpoint(reactor, "192.0.2.1", 80);
  const auto probe = std::make_shared<Probe>();
  Outcome<std::shared_ptr<Probe>> outcome(connectProtocol(endpoint, probe));
  testing::IOPump pump(reactor.tcpClients().at(0)->succeed(), std::make_shared<Probe>());
  BOOST_TEST(**outcome.result == probe);
  pump.serverTransport().write("to the client");
  pump.flush();
  BOOST_TEST(probe->data() == "to the client");
  BOOST_CHECK_THROW(connectProtocol(endpoint, std::shared_ptr<Probe>()), std::invalid_argument);
  BOOST_CHECK_THROW(endpoint.connect(nullptr), std::invalid_argument);
  TCPServerEndpoint server(reactor, 0);
  BOOST_CHECK_THROW(server.listen(nullptr), std::invalid_argument);
}

// Nothing stands between the protocol and its transport; where that cannot be, what stands there passes everything on.
BOOST_AUTO_TEST_CASE(protocols_are_introduced) {
  testing::MemoryReactor reactor;
  HostnameEndpoint endpoint(reactor, "192.0.2.1", 80);
  const auto direct = std::make_shared<Probe>();
  Outcome<std::shared_ptr<Probe>> first(connectProtocol(endpoint, direct));
  testing::IOPump pump(reactor.tcpClients().at(0)->succeed(), std::make_shared<Probe>());
  BOOST_TEST_REQUIRE(first.worked());
  BOOST_TEST((pump.clientTransport().takeOver(direct).protocol == direct));
  const auto half = std::make_shared<HalfProbe>();
  Outcome<std::shared_ptr<HalfProbe>> second(connectProtocol(endpoint, half));
  const auto introduction = reactor.tcpClients().at(1)->succeed();
  const auto transport = makeRef<testing::StringTransport>();
  introduction->makeConnection(*transport);
  BOOST_TEST_REQUIRE(second.worked());
  introduction->dataReceived("hello");
  BOOST_TEST(half->data() == "hello");
  auto& hears = dynamic_cast<HalfCloseable&>(*introduction);
  hears.readConnectionLost();
  hears.writeConnectionLost();
  BOOST_TEST((half->readLost == 1 && half->writeLost == 1));
  transport->lose(*introduction, Failure(ConnectionDone()));
  BOOST_TEST(half->losses() == 1);
  // Lost before it was made, as a handshake may end it.
  Outcome<std::shared_ptr<Probe>> third(connectProtocol(endpoint, std::make_shared<Probe>()));
  reactor.tcpClients().at(2)->succeed()->breakConnection(Failure(ConnectionLost("no handshake")));
  BOOST_TEST(third.said() == "no handshake");
  // Cancelled in between: the connection is of no use.
  const auto late = std::make_shared<Probe>();
  Outcome<std::shared_ptr<Probe>> fourth(connectProtocol(endpoint, late));
  const auto unwanted = reactor.tcpClients().at(3)->succeed();
  fourth.deferred.cancel();
  const auto open = makeRef<testing::StringTransport>();
  unwanted->makeConnection(*open);
  BOOST_TEST((open->aborting() && !late->made()));
}

// C53: what can be no host, port, or local address is told at once.
BOOST_AUTO_TEST_CASE(nonsense_is_refused) {
  testing::MemoryReactor reactor;
  const auto says = [](const std::function<void()>& f) -> std::string {
    try {
      f();
      return "(nothing)";
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
  };
  const auto host = [&](const std::string& text, const HostnameOptions& options = {}) {
    return says([&] { HostnameEndpoint(reactor, text, 80, options); });
  };
  BOOST_TEST(host("a b") ==
             "HostnameEndpoint: \"a b\" is neither an address nor the name of a host: a byte 0x20 cannot be in one");
  BOOST_TEST(host("[127.0.0.1]").find("not an IPv6 address in []") != std::string::npos);
  BOOST_TEST(host("").find("it is empty") != std::string::npos);
  BOOST_TEST(host("a.example", {.bindAddress = {{"b.example", 0}}}).find("bindAddress \"b.example\"") !=
             std::string::npos);
  BOOST_TEST(host("::1", {.bindAddress = {{"127.0.0.1", 0}}}) ==
             "HostnameEndpoint: bindAddress 127.0.0.1 is an IPv4 address, and IPv6 is wanted");
  BOOST_TEST(host("a.example", {.attemptDelay = 0s}).find("attemptDelay") != std::string::npos);
  BOOST_TEST(host("a.example", {.maxAddresses = 0}).find("maxAddresses") != std::string::npos);
  BOOST_TEST(host("a.example", {.family = AddressFamily::local}).find("local") != std::string::npos);
  BOOST_TEST(says([&] { TCP4ClientEndpoint(reactor, "::1", 80); }) ==
             "HostnameEndpoint: the host ::1 is an IPv6 address, and IPv4 is wanted");
  BOOST_TEST(says([&] { TCP6ClientEndpoint(reactor, "::1", 0); }).find("port 0 is out of range") != std::string::npos);
  BOOST_TEST(says([&] { TCP4ServerEndpoint(reactor, 65536); }).find("port 65536") != std::string::npos);
  BOOST_TEST(says([&] { TCP6ServerEndpoint(reactor, 1, {.interface = "0.0.0.0"}); }).find("IPv4 address") !=
             std::string::npos);
  BOOST_TEST(says([&] { TCP4ServerEndpoint(reactor, 1, {.interface = "eth0"}); }).find("eth0") != std::string::npos);
  BOOST_TEST(TCP6ServerEndpoint(reactor, 80).options().interface == "::");
}

// C53, RFC 8305 section 4: the families take turns, the first one's first.
BOOST_AUTO_TEST_CASE(families_take_turns) {
  const auto order = [](std::initializer_list<const char*> literals) {
    std::vector<Address> addresses;
    for (const char* each : literals) addresses.push_back(*Address::parse(each, 0));
    std::string text;
    for (const auto& each : detail::interleaved(addresses)) text += each.host() + " ";
    return text;
  };
  BOOST_TEST(order({"::1", "::2", "::3", "1.1.1.1"}) == "::1 1.1.1.1 ::2 ::3 ");
  BOOST_TEST(order({"1.1.1.1", "1.1.1.2", "1.1.1.3", "::1", "::2"}) == "1.1.1.1 ::1 1.1.1.2 ::2 1.1.1.3 ");
  BOOST_TEST(order({"::1", "::2", "::3"}) == "::1 ::2 ::3 ");
  BOOST_TEST(order({}) == "");
}

// C53, RFC 8305 section 5: 250 ms between attempts; the first that connects wins, and the others are closed.
BOOST_AUTO_TEST_CASE(attempts_are_staggered) {
  Race race;
  race.start();
  BOOST_TEST(race.tried() == "2001:db8::1");
  race.reactor.advance(249ms);
  BOOST_TEST(race.tried() == "2001:db8::1");
  race.reactor.advance(1ms);
  BOOST_TEST(race.tried() == "2001:db8::1 192.0.2.1");
  race.reactor.advance(250ms);
  BOOST_TEST(race.tried() == "2001:db8::1 192.0.2.1 2001:db8::2");
  race.connected(1);
  BOOST_TEST_REQUIRE(race.outcome->worked());
  BOOST_TEST((!race.live(0) && !race.live(2)));
  BOOST_TEST(race.reactor.getDelayedCalls().empty());
  race.reactor.advance(1min);
  BOOST_TEST(race.reactor.tcpClients().size() == 3U);
}

// C53: a failure starts the next attempt at once, and the 250 ms begin anew.
BOOST_AUTO_TEST_CASE(a_failure_starts_the_next_at_once) {
  Race race;
  race.start();
  race.reactor.advance(100ms);
  race.refuse(0);
  BOOST_TEST(race.tried() == "2001:db8::1 192.0.2.1");
  race.reactor.advance(249ms);
  BOOST_TEST(race.reactor.tcpClients().size() == 2U);
  race.reactor.advance(1ms);
  BOOST_TEST(race.reactor.tcpClients().size() == 3U);
  race.refuse(1);
  BOOST_TEST(race.tried() == "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2");
  race.connected(2);
  BOOST_TEST(race.outcome->worked());
  BOOST_TEST(!race.live(3));
}

// C53: all failures are in the error, which is of their class if they have one in common.
BOOST_AUTO_TEST_CASE(all_failures_are_in_the_error) {
  Race race;
  race.start();
  for (std::size_t i = 0; i < 5; ++i) race.refuse(i);
  BOOST_TEST(race.outcome->failedWith<ConnectionRefusedError>());
  const auto* all = race.outcome->result->failure().get<FailedAttempts>();
  BOOST_TEST_REQUIRE(all != nullptr);
  BOOST_TEST(all->attempts().size() == 5U);
  BOOST_TEST(all->attempts()[1].address.toString() == "192.0.2.1:80");
  BOOST_TEST(race.outcome->said().find("tcp:host.example:80: [2001:db8::1]:80: Connection was refused") !=
             std::string::npos);
  BOOST_TEST(race.outcome->said().find("; 192.0.2.2:80: ") != std::string::npos);
  BOOST_TEST(race.reactor.getDelayedCalls().empty());
  // Of different kinds, and fewer of them.
  Race mixed({.maxAddresses = 2});
  mixed.start();
  mixed.attempt(0).fail(Failure(NoRouteError(101)));
  mixed.refuse(1);
  BOOST_TEST(mixed.reactor.tcpClients().size() == 2U);
  BOOST_TEST(mixed.outcome->failedWith<ConnectError>());
  BOOST_TEST(!mixed.outcome->failedWith<NoRouteError>());
  BOOST_TEST(mixed.outcome->failedWith<FailedAttempts>());
}

// C51, C53: no connection in time; a name that nobody answers for; a name that is none.
BOOST_AUTO_TEST_CASE(all_of_it_has_a_limit) {
  Race race;
  race.start();
  race.refuse(0);
  race.reactor.advance(30s);
  BOOST_TEST(race.outcome->failedWith<ConnectTimeoutError>());
  BOOST_TEST(race.outcome->failedWith<FailedAttempts>());
  BOOST_TEST(race.outcome->said().find("no connection within 30 s: [2001:db8::1]:80: ") != std::string::npos);
  for (std::size_t i = 0; i < race.reactor.tcpClients().size(); ++i) BOOST_TEST(!race.live(i));
  Race slow({.timeout = 1500ms});
  slow.reactor.names().hold();
  slow.start();
  slow.reactor.advance(1500ms);
  BOOST_TEST(slow.outcome->failedWith<ConnectTimeoutError>());
  BOOST_TEST(slow.outcome->said().find("no connection within 1.5 s, the name is still being looked up") !=
             std::string::npos);
  BOOST_TEST(slow.reactor.names().waiting() == 0U);
  Race none;
  none.reactor.names().add("host.example", {});
  none.start();
  BOOST_TEST(none.outcome->failedWith<DNSLookupError>());
  BOOST_TEST(none.reactor.getDelayedCalls().empty());
}

// C51: cancelling stops the lookup, or every attempt.
BOOST_AUTO_TEST_CASE(cancelling_takes_all_back) {
  Race asking;
  asking.reactor.names().hold();
  asking.start();
  asking.outcome->deferred.cancel();
  BOOST_TEST(asking.outcome->failedWith<ConnectingCancelledError>());
  BOOST_TEST(asking.reactor.names().waiting() == 0U);
  Race trying;
  trying.start();
  trying.reactor.advance(250ms);
  trying.outcome->deferred.cancel();
  BOOST_TEST(trying.outcome->failedWith<ConnectingCancelledError>());
  BOOST_TEST((!trying.live(0) && !trying.live(1)));
  BOOST_TEST(trying.reactor.getDelayedCalls().empty());
}

// C51: what is not the address's fault ends the race.
BOOST_AUTO_TEST_CASE(our_own_refusal_ends_the_race) {
  Race race({}, std::make_shared<ProbeFactory>([] { return nullptr; }));
  race.start();
  race.reactor.advance(250ms);
  BOOST_TEST((race.attempt(1).succeed() == nullptr));
  BOOST_TEST(race.outcome->failedWith<NoProtocol>());
  BOOST_TEST(race.reactor.tcpClients().size() == 2U);
  BOOST_TEST(!race.live(0));
}

// C53: a family, a local address.
BOOST_AUTO_TEST_CASE(only_fitting_addresses_are_tried) {
  Race four({.family = AddressFamily::ipv4});
  four.start();
  four.refuse(0);
  BOOST_TEST(four.tried() == "192.0.2.1 192.0.2.2");
  Race local({.bindAddress = {{"::1", 0}}, .noDelay = false});
  local.start();
  local.refuse(0);
  BOOST_TEST(local.tried() == "2001:db8::1 2001:db8::2");
  BOOST_TEST((local.attempt(0).options().bindAddress->first == "::1" && !local.attempt(0).options().noDelay));
}

// C53 with sockets: the first address refuses, the second one connects.
BOOST_DATA_TEST_CASE(the_second_address_connects, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto names = std::make_shared<testing::MemoryNameResolver>();
  names->add("host.example", {"127.0.0.2", "::1", "127.0.0.1"});
  reactor->installNameResolver(names);
  const auto port = reactor->listenTCP(0, probes(), {.interface = "127.0.0.1"});
  HostnameEndpoint endpoint(*reactor, "host.example", port->getHost().port());
  Outcome<> outcome(endpoint.connect(probes()));
  spin(*reactor, [&] { return outcome.done(); });
  BOOST_TEST_REQUIRE(outcome.worked());
  BOOST_TEST((**outcome.result)->transport().getPeer().toString() == port->getHost().toString());
  BOOST_TEST(reactor->getDelayedCalls().empty());
}

BOOST_AUTO_TEST_SUITE_END()
