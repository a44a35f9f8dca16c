#include <bight/local_endpoints.hpp>

#include <sys/un.h>

#include <bight/endpoints.hpp>
#include <cstdlib>
#include <filesystem>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(local_endpoints)

using namespace tcp_test;

namespace local_endpoints_test {

using Connected = std::shared_ptr<Protocol>;

template <class T>
struct Outcome {
  explicit Outcome(Deferred<T> d) : deferred(std::move(d)) {
    deferred.addBoth([this](Result<T> r) { result = std::move(r); });
  }
  ~Outcome() { deferred.cancel(); }  // what is under way must not find us gone
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;
  bool worked() const { return result && *result; }
  template <class E>
  bool failedWith() const {
    return result && !*result && result->failure().template check<E>();
  }
  std::string said() const {
    return !result ? "(nothing yet)" : *result ? "(worked)" : result->failure().getErrorMessage();
  }
  Deferred<T> deferred;
  std::optional<Result<T>> result;
};

std::shared_ptr<ProbeFactory> probes() {
  return std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
}

/// A directory that goes with the test.
struct Directory {
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "bight-ends-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::filesystem::path path;
};

/// A socket that listens on 127.0.0.1, as somebody else would hand it over.
struct Listening {
  Listening() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof here;
    BOOST_REQUIRE_EQUAL(::bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
    BOOST_REQUIRE_EQUAL(::listen(fd, 5), 0);
    BOOST_REQUIRE_EQUAL(::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &length), 0);
    port = ntohs(here.sin_port);
  }
  ~Listening() { ::close(fd); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  int fd;
  std::uint16_t port = 0;
};

/// Environment variables that are taken back.
struct Environment {
  explicit Environment(std::vector<std::pair<const char*, std::string>> values) {
    for (const auto& [name, value] : values) {
      ::setenv(name, value.c_str(), 1);
      names.push_back(name);
    }
  }
  ~Environment() {
    for (const char* each : names) ::unsetenv(each);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  std::vector<const char*> names;
};

/// What a child prints, and how it ends.
struct Watch : ProcessProtocol {
  void childDataReceived(int, std::string_view data) override { output += data; }
  void processEnded(const Failure& reason) override { end = reason; }
  std::string output;
  std::optional<Failure> end;
};

template <class F>
std::string saidBy(F f) {
  try {
    f();
    return "(nothing)";
  } catch (const std::exception& e) {
    return e.what();
  }
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace local_endpoints_test

using namespace local_endpoints_test;

// C52, C54: UNIX sockets, by path and by abstract name.
BOOST_DATA_TEST_CASE(unix_sockets_connect, systemReactors(), backend) {
  const Directory directory;
  const auto reactor = makeReactor(backend);
  const auto path = (directory.path / "a:b").string();
  std::vector<std::string> places = {"unix:" + quoteStringArgument(path) + ":mode=600"};
#ifdef __linux__
  places.push_back("unix:@bight-test-" + std::to_string(::getpid()) + "-" + backend);
#endif
  for (const auto& place : places) {
    const auto servers = probes();
    const auto here = serverFromString(*reactor, place);
    Outcome<std::shared_ptr<Port>> listening(here->listen(servers));
    BOOST_TEST_REQUIRE(listening.worked(), listening.said());
    const auto there = clientFromString(*reactor, here->toString() + ":timeout=5");
    BOOST_TEST(there->toString() == here->toString());
    const auto client = std::make_shared<Probe>();
    Outcome<std::shared_ptr<Probe>> made(connectProtocol(*there, client));
    spin(*reactor, [&] { return made.result && servers->built.size() == 1; });
    BOOST_TEST_REQUIRE(made.worked(), made.said());
    client->transport().write("hello");
    auto& server = static_cast<Probe&>(*servers->built[0]);
    spin(*reactor, [&] { return server.data() == "hello"; });
    client->transport().loseConnection();
    spin(*reactor, [&] { return client->closed() && server.closed(); });
    Outcome<std::shared_ptr<Port>> taken(serverFromString(*reactor, place)->listen(probes()));
    BOOST_TEST(taken.failedWith<CannotListenError>());
    (**listening.result)->stopListening();
    Outcome<Connected> nobody(there->connect(probes()));
    spin(*reactor, [&] { return nobody.result.has_value(); });
    BOOST_TEST(nobody.failedWith<ConnectError>());
    Outcome<Connected> cancelled(there->connect(probes()));
    cancelled.deferred.cancel();
    BOOST_TEST(cancelled.failedWith<ConnectingCancelledError>());
  }
  BOOST_CHECK_THROW(UNIXClientEndpoint(*reactor, ""), std::invalid_argument);
  BOOST_TEST(has(saidBy([&] { serverFromString(*reactor, "unix:/x:mode=9"); }), "mode: expected an octal number"));
  BOOST_TEST(has(saidBy([&] { clientFromString(*reactor, "unix:"); }), "expected the path of a socket"));
}

// C52, C54: a socket that listens already, once.
BOOST_DATA_TEST_CASE(open_sockets_are_adopted, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const Listening socket;
  const auto servers = probes();
  const auto endpoint = serverFromString(*reactor, "fd:" + std::to_string(socket.fd) + ":domain=INET");
  Outcome<std::shared_ptr<Port>> listening(endpoint->listen(servers));
  BOOST_TEST_REQUIRE(listening.worked(), listening.said());
  BOOST_TEST((**listening.result)->getHost().port() == socket.port);
  RawPeer peer(socket.port);
  spin(*reactor, [&] { return servers->built.size() == 1; });
  Outcome<std::shared_ptr<Port>> again(endpoint->listen(servers));
  BOOST_TEST(again.failedWith<AlreadyListened>());
  // Another family, no socket, no descriptor.
  const auto wrong = serverFromString(*reactor, "fd:" + std::to_string(socket.fd) + ":domain=UNIX");
  Outcome<std::shared_ptr<Port>> family(wrong->listen(servers));
  BOOST_TEST(family.failedWith<UnsupportedAddressFamily>());
  Outcome<std::shared_ptr<Port>> closed(serverFromString(*reactor, "fd:999999")->listen(servers));
  BOOST_TEST(closed.failedWith<std::system_error>());
  BOOST_TEST(has(saidBy([&] { serverFromString(*reactor, "fd:3:domain=X25"); }), "expected INET, INET6 or UNIX"));
}

// C54: systemd's variables.
BOOST_AUTO_TEST_CASE(activation_is_read_from_the_environment) {
  const auto reactor = makeReactor();
  BOOST_TEST(ListenFDs::fromEnvironment().sockets().empty());
  BOOST_TEST(has(saidBy([&] { serverFromString(*reactor, "systemd:INET:index=0"); }), "LISTEN_PID"));
  const auto mine = std::to_string(::getpid());
  const Listening one, two, three;
  constexpr int first = 230;  // descriptors in a row
  for (int i = 0; i < 3; ++i)
    BOOST_REQUIRE_EQUAL(::dup2((i == 0 ? one : i == 1 ? two : three).fd, first + i), first + i);
  {
    const Environment set({{"LISTEN_PID", mine}, {"LISTEN_FDS", "3"}, {"LISTEN_FDNAMES", "web:admin:web"}});
    const auto found = ListenFDs::fromEnvironment(first);
    BOOST_TEST(found.sockets().size() == 3U);
    BOOST_TEST(found.at(1) == first + 1);
    BOOST_TEST(found.named("admin") == first + 1);
    BOOST_TEST(has(saidBy([&] { found.named("web"); }), "several sockets are named \"web\""));
    BOOST_TEST(saidBy([&] { found.named("mail"); }) ==
               "no socket is named \"mail\"; there are 3: 0 (\"web\") 1 (\"admin\") 2 (\"web\")");
    BOOST_TEST(has(saidBy([&] { found.at(3); }), "there is no socket 3"));
    BOOST_TEST((::fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_TEST(has(saidBy([&] { serverFromString(*reactor, "systemd:INET:index=0:name=web"); }), "give one of them"));
  }
  for (int i = 0; i < 3; ++i) ::close(first + i);
  {
    const Environment set({{"LISTEN_PID", mine}, {"LISTEN_FDS", "2"}});
    BOOST_TEST(has(saidBy([&] { ListenFDs::fromEnvironment(first); }), "descriptor 230 cannot be used"));
  }
  {
    const Environment set({{"LISTEN_PID", mine}, {"LISTEN_FDS", "many"}});
    BOOST_TEST(has(saidBy([&] { serverFromString(*reactor, "systemd:INET"); }), "LISTEN_FDS must be a number"));
  }
  {
    const Environment set({{"LISTEN_PID", "1"}, {"LISTEN_FDS", "1"}});
    BOOST_TEST(ListenFDs::fromEnvironment(first).sockets().empty());
  }
}

// The other half of the next test: what runs in the child.
BOOST_AUTO_TEST_CASE(activated_child, *boost::unit_test::disabled()) {
  if (!std::getenv("LISTEN_PID")) return;  // the whole suite was asked for
  const auto reactor = makeReactor();
  const auto servers = std::make_shared<ProbeFactory>([&] {
    auto probe = std::make_shared<Probe>();
    probe->onData = [](Probe& p, std::string_view data) { p.transport().write("child: " + std::string(data)); };
    probe->onLost = [&](Probe&, const Failure&) { reactor->stop(); };
    return probe;
  });
  serverFromString(*reactor, "systemd:domain=INET:name=web")->listen(servers);
  reactor->run();
}

// C54: a whole activation: a child that is started with a socket of ours.
BOOST_DATA_TEST_CASE(a_child_is_activated, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const Listening socket;
  const auto watch = std::make_shared<Watch>();
  const auto program = std::filesystem::read_symlink("/proc/self/exe").string();
  ProcessOptions options{.env = inheritEnvironment,
                         .childFDs = {{0, ChildFD::null()}, {1, 'r'}, {2, 'r'}, {3, socket.fd}}};
  reactor->spawnProcess(watch, "/bin/sh",
                        {"sh", "-c",
                         "LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=$$ exec \"$0\" "
                         "--run_test=local_endpoints/activated_child",
                         program},
                        options);
  const auto client = std::make_shared<Probe>();
  client->onMade = [](Probe& p) { p.transport().write("hello"); };
  client->onData = [](Probe& p, std::string_view) { p.transport().loseConnection(); };
  Outcome<std::shared_ptr<Probe>> made(
      connectProtocol(*clientFromString(*reactor, "tcp:127.0.0.1:" + std::to_string(socket.port)), client));
  spin(*reactor, [&] { return watch->end.has_value(); });
  BOOST_TEST(client->data() == "child: hello", watch->output);
  BOOST_TEST(watch->end->check<ProcessDone>(), watch->output);
}

// C52: a child's standard input and output as a connection.
BOOST_DATA_TEST_CASE(a_process_is_a_connection, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto factory = probes();
  ProcessEndpoint cat(*reactor, "/bin/cat", {"cat"});
  BOOST_TEST(cat.toString() == "process /bin/cat");
  Outcome<Connected> made(cat.connect(factory));
  BOOST_TEST_REQUIRE(made.worked(), made.said());
  auto& probe = static_cast<Probe&>(*factory->built.at(0));
  probe.transport().write("to the cat");
  spin(*reactor, [&] { return probe.data() == "to the cat"; });
  probe.transport().loseConnection();
  spin(*reactor, [&] { return probe.closed(); });
  BOOST_TEST(is<ConnectionDone>(probe.closedReason()));
  BOOST_TEST(probe.losses() == 1);
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "stop"}), boost::test_tools::per_element());
  // It ends by itself, not well, and complains: also after the end of its output.
  LogCatcher log;
  ProcessEndpoint bad(*reactor, "/bin/sh", {"sh", "-c", "exec >&-; read line; echo no luck >&2; exit 3"});
  const auto second = std::make_shared<Probe>();
  Outcome<std::shared_ptr<Probe>> ends(connectProtocol(bad, second));
  spin(*reactor, [&] { return second->closed(); });
  BOOST_TEST(is<ProcessTerminated>(second->closedReason()));
  BOOST_TEST(log.count("no luck") == 1U);
  // Half closes.
  ProcessEndpoint counting(*reactor, "/usr/bin/wc", {"wc", "-c"}, {}, StandardErrorBehavior::drop);
  const auto half = std::make_shared<HalfProbe>();
  Outcome<std::shared_ptr<HalfProbe>> third(connectProtocol(counting, half));
  half->transport().write("12345");
  half->transport().loseWriteConnection();
  spin(*reactor, [&] { return half->closed(); });
  BOOST_TEST(half->data() == "5\n");
  BOOST_TEST((half->writeLost == 1 && half->readLost == 1));
  // What cannot be started; what nobody wants; what throws.
  ProcessEndpoint none(*reactor, "/no/such/program");
  const auto unused = probes();
  Outcome<Connected> failed(none.connect(unused));
  BOOST_TEST(failed.failedWith<SpawnError>());
  BOOST_TEST(unused->events == (std::vector<std::string>{"start", "stop"}), boost::test_tools::per_element());
  Outcome<Connected> refused(cat.connect(std::make_shared<ProbeFactory>([] { return nullptr; })));
  BOOST_TEST(refused.failedWith<NoProtocol>());
  const auto thrower = std::make_shared<Probe>();
  thrower->onMade = [](Probe&) { throw std::runtime_error("not today"); };
  Outcome<std::shared_ptr<Probe>> thrown(connectProtocol(cat, thrower));
  BOOST_TEST(thrown.said() == "not today");
  spin(*reactor, [&] { return thrower->closed(); });
  BOOST_TEST(thrower->closedReason()->getErrorMessage() == "not today");
}

// C52: the standard input and output as one connection; here a socket pair plays them.
BOOST_DATA_TEST_CASE(the_console_is_one_connection, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  int ends[2];
  BOOST_REQUIRE_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  StandardIOEndpoint console(*reactor, ends[0], ends[0]);
  Outcome<std::shared_ptr<Port>> refused(console.listen(std::make_shared<ProbeFactory>([] { return nullptr; })));
  BOOST_TEST(refused.failedWith<NoProtocol>());
  const auto factory = probes();
  Outcome<std::shared_ptr<Port>> listening(console.listen(factory));
  BOOST_TEST_REQUIRE(listening.worked(), listening.said());
  auto& probe = static_cast<Probe&>(*factory->built.at(0));
  BOOST_TEST(probe.made());
  BOOST_REQUIRE_EQUAL(::write(ends[1], "typed", 5), 5);
  spin(*reactor, [&] { return probe.data() == "typed"; });
  Outcome<std::shared_ptr<Port>> again(console.listen(factory));
  BOOST_TEST(again.failedWith<AlreadyListened>());
  Outcome<void> stopped((**listening.result)->stopListening());
  BOOST_TEST(stopped.worked());
  BOOST_TEST(probe.losses() == 0);
  ::close(ends[1]);
  spin(*reactor, [&] { return probe.closed(); });
  BOOST_TEST(serverFromString(*reactor, "stdio:")->toString() == "stdio:");
  BOOST_TEST(has(saidBy([&] { serverFromString(*reactor, "stdio:1"); }), "takes no value without a name"));
}

BOOST_AUTO_TEST_SUITE_END()
