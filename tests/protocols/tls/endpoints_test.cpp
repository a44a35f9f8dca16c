// C41, C51, C52, C54: endpoints over TLS.
#include <bight/tls/endpoints.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <bight/endpoints.hpp>
#include <bight/reactor.hpp>

#include "tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tls_endpoints)

using namespace tls_test;

namespace tls_endpoints_test {

using Connected = std::shared_ptr<Protocol>;

inline auto reactors() {
  auto names = availableReactors();
  names.emplace_back("simulated");
  return boost::unit_test::data::make(std::move(names));
}

template <class Done>
void spin(Reactor& reactor, Done&& done) {
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > limit) BOOST_FAIL("what the test waits for does not happen");
    reactor.iterate(20ms);
  }
}

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
    return !result ? "(nothing yet)" : *result ? "(connected)" : result->failure().getErrorMessage();
  }
  Deferred<T> deferred;
  std::optional<Result<T>> result;
};

/// A MemoryReactor, a client that connects through an endpoint, a server on the other side of a pump.
struct Lab {
  explicit Lab(const std::string& hostname = "a.example")
      : endpoint(tls::wrapClientTLS(reactor, std::make_shared<HostnameEndpoint>(reactor, "192.0.2.1", 443),
                                    tls::ClientContext(clientOptions()), hostname)),
        outcome(connectProtocol(*endpoint, client)) {}
  void connect() {
    pump = std::make_unique<testing::IOPump>(reactor.tcpClients().at(0)->succeed(),
                                             tls::serverProtocol(reactor, server, tls::ServerContext(serverOptions())));
  }

  testing::MemoryReactor reactor;
  std::shared_ptr<Probe> client = std::make_shared<Probe>();
  std::shared_ptr<Probe> server = std::make_shared<Probe>();
  std::shared_ptr<ClientEndpoint> endpoint;
  Outcome<std::shared_ptr<Probe>> outcome;
  std::unique_ptr<testing::IOPump> pump;
};

/// Files in a directory of their own.
struct Files {
  Files() {
    std::string name = (std::filesystem::temp_directory_path() / "bight-tls-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory = name;
  }
  ~Files() { std::filesystem::remove_all(directory); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  std::string put(const std::string& name, const std::string& text) const {
    const auto path = directory / name;
    std::ofstream(path) << text;
    return path.string();
  }
  std::filesystem::path directory;
};

}  // namespace tls_endpoints_test

using namespace tls_endpoints_test;

// C41: fires after the handshake, with connectionMade() before it.
BOOST_AUTO_TEST_CASE(it_fires_after_the_handshake) {
  Lab lab;
  lab.client->onMade = [](Probe& p) { p.transport().write("early"); };
  BOOST_TEST(lab.outcome.said() == "(nothing yet)");
  lab.connect();
  BOOST_TEST(lab.client->made());
  BOOST_TEST(lab.outcome.said() == "(nothing yet)");
  lab.pump->flush();
  BOOST_TEST_REQUIRE(lab.outcome.worked());
  BOOST_TEST(**lab.outcome.result == lab.client);
  BOOST_TEST(lab.client->connection().secure());
  BOOST_TEST(lab.server->data() == "early");
  BOOST_TEST(lab.client->events == (std::vector<std::string>{"made", "secure"}), boost::test_tools::per_element());
}

// C41: a peer that is not who it should be fails it, and nothing has left.
BOOST_AUTO_TEST_CASE(a_wrong_name_fails_it) {
  Lab lab("b.example");
  lab.client->onMade = [](Probe& p) { p.transport().write("secret"); };
  lab.connect();
  lab.pump->flush();
  BOOST_TEST(lab.outcome.failedWith<VerificationError>());
  BOOST_TEST(lab.outcome.said().find("b.example") != std::string::npos);
  BOOST_TEST(lab.client->closed());
  BOOST_TEST(lab.server->data().empty());
}

// C51: failing below, refusing, cancelling before and in the handshake.
BOOST_AUTO_TEST_CASE(failures_and_cancelling) {
  {
    Lab lab;
    lab.reactor.tcpClients().at(0)->fail(Failure(ConnectionRefusedError(111)));
    BOOST_TEST(lab.outcome.failedWith<ConnectionRefusedError>());
    BOOST_TEST(!lab.client->made());
  }
  {
    Lab lab;
    lab.outcome.deferred.cancel();
    BOOST_TEST(lab.outcome.failedWith<ConnectingCancelledError>());
    BOOST_TEST((lab.reactor.tcpClients().at(0)->state() == Connector::State::disconnected));
  }
  {
    Lab lab;
    lab.connect();
    lab.outcome.deferred.cancel();
    BOOST_TEST(lab.outcome.failedWith<ConnectingCancelledError>());
    lab.pump->flush();
    BOOST_TEST((lab.client->closed() && lab.client->losses() == 1));
  }
  {
    Lab lab;
    lab.connect();
    lab.reactor.advance(10s);  // the handshake has a limit
    BOOST_TEST(lab.outcome.said() == "(nothing yet)");
    lab.pump->flush();
    BOOST_TEST(lab.outcome.failedWith<tls::HandshakeTimeout>());
  }
  testing::MemoryReactor reactor;
  struct Nobody : Factory {
    Connected buildProtocol(const Address&) override { return nullptr; }
  };
  Lab lab;
  Outcome<Connected> refused(lab.endpoint->connect(std::make_shared<Nobody>()));
  BOOST_TEST((lab.reactor.tcpClients().at(1)->succeed() == nullptr));
  BOOST_TEST(refused.failedWith<NoProtocol>());
  const tls::ClientContext context(clientOptions());
  BOOST_CHECK_THROW(tls::wrapClientTLS(reactor, nullptr, context, "a"), std::invalid_argument);
  BOOST_CHECK_THROW(tls::wrapClientTLS(reactor, lab.endpoint, context, ""), std::invalid_argument);
  BOOST_CHECK_THROW(tls::wrapServerTLS(reactor, nullptr, tls::ServerContext(serverOptions())), std::invalid_argument);
}

// C54, with sockets: both sides from strings, certificates from files.
BOOST_DATA_TEST_CASE(strings_make_both_sides, reactors(), backend) {
  const Files files;
  const auto mine = authority().issue({"localhost", "127.0.0.1"});
  const auto pem = files.put("server.pem", mine.certificate.read() + mine.key.read());
  const auto certificate = files.put("certificate.pem", mine.certificate.read());
  const auto key = files.put("key.pem", mine.key.read());
  const auto roots = files.put("roots.pem", authority().certificate().read());
  const auto reactor = makeReactor(backend);
  for (const auto& keys : {"privateKey=" + pem, "privateKey=" + key + ":certKey=" + certificate}) {
    const auto server = std::make_shared<Probe>();
    Outcome<std::shared_ptr<Port>> listening(
        serverFromString(*reactor, "ssl:0:interface=127.0.0.1:" + keys)->listen(bight::detail::factoryOf(server)));
    BOOST_TEST_REQUIRE(listening.worked());
    const auto port = **listening.result;
    const auto number = std::to_string(port->getHost().port());
    const auto client = std::make_shared<Probe>();
    Outcome<std::shared_ptr<Probe>> made(
        connectProtocol(*clientFromString(*reactor, "tls:127.0.0.1:" + number + ":trustRoots=" + roots), client));
    spin(*reactor, [&] { return made.result.has_value() && server->events.size() == 2; });
    BOOST_TEST_REQUIRE(made.worked());
    client->transport().write("hello");
    spin(*reactor, [&] { return server->data() == "hello"; });
    port->stopListening();
    client->transport().loseConnection();
    spin(*reactor, [&] { return client->closed() && server->closed(); });
  }
  // Over another endpoint; and a name that the certificate does not have.
  const auto server = std::make_shared<Probe>();
  Outcome<std::shared_ptr<Port>> listening(serverFromString(*reactor, "tls:0:interface=127.0.0.1:privateKey=" + pem)
                                               ->listen(bight::detail::factoryOf(server)));
  const auto number = std::to_string((**listening.result)->getHost().port());
  const auto wrong = clientFromString(*reactor, "tls:hostname=c.example:trustRoots=" + roots +
                                                    ":endpoint=" + quoteStringArgument("tcp:127.0.0.1:" + number));
  BOOST_TEST(wrong->toString() == "tls:hostname=c.example:endpoint=" + quoteStringArgument("tcp:127.0.0.1:" + number));
  Outcome<Connected> refused(wrong->connect(Factory::forProtocol<Probe>()));
  spin(*reactor, [&] { return refused.result.has_value() && server->closed(); });
  BOOST_TEST(refused.failedWith<VerificationError>());
}

// C54: what is wrong with files and values is told when the endpoint is made.
BOOST_AUTO_TEST_CASE(mistakes_name_the_value) {
  const Files files;
  const auto key = files.put("key.pem", identity().key.read());
  const auto other = files.put("other.pem", authority().issue({"b.example"}).certificate.read());
  const auto reactor = makeReactor();
  const auto says = [&](bool server, const std::string& text) -> std::string {
    try {
      if (server)
        serverFromString(*reactor, text);
      else
        clientFromString(*reactor, text);
      return "(nothing)";
    } catch (const EndpointSyntaxError& e) {
      return e.what();
    }
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  BOOST_TEST(has(says(true, "tls:443:privateKey=/nowhere/key.pem"), "privateKey: "));
  BOOST_TEST(has(says(true, "tls:443:privateKey=/nowhere/key.pem"), "/nowhere/key.pem"));
  BOOST_TEST(has(says(true, "tls:443:privateKey=" + key + ":certKey=" + other), "privateKey: "));
  BOOST_TEST(has(says(true, "tls:443:privateKey=" + key), key));
  BOOST_TEST(has(says(true, "tls:443:privateKey=" + key + ":certKey=/nowhere"), "certKey: "));
  BOOST_TEST(has(says(true, "tls:443"),
                 "privateKey: tls: cannot read server.pem: No such file or directory (no privateKey is"));
  BOOST_TEST(
      has(says(true, "tls:443"), "(no privateKey is given, and then it is server.pem in the working directory)"));
  BOOST_TEST(has(says(true, "tls:127.0.0.1:443:privateKey=" + key), "write \"tls:443:interface=127.0.0.1\""));
  BOOST_TEST(has(says(false, "tls:a.example:443:hostname="), "hostname: expected the name or address"));
  BOOST_TEST(has(says(false, "tls:a.example:443:hostname=\xc3\xa4"), "hostname: "));
  BOOST_TEST(has(says(true, "tls:port=none"), "port: expected a number from 0 to 65535"));
  BOOST_TEST(has(says(false, "tls:a.example:443:trustRoots=/nowhere"), "trustRoots: /nowhere: No such file"));
  BOOST_TEST(has(says(false, "tls:a.example:443:privateKey=" + key), "there is no certificate for it"));
  BOOST_TEST(has(says(false, "tls:a.example:443:certificate=" + key), "certificate: "));
  BOOST_TEST(has(says(false, "tls:endpoint=tcp\\:a\\:1"), "needs \"hostname\""));
  BOOST_TEST(has(says(false, "tls:hostname=a:endpoint=nonsense"), "endpoint: endpoint \"nonsense\", at character 1"));
  BOOST_TEST(has(says(false, "tls:a.example:443:colour=red"), "tls takes no \"colour\""));
  BOOST_TEST(says(false, "ssl:a.example:443:trustRoots=" + files.directory.string()) == "(nothing)");
}

BOOST_AUTO_TEST_SUITE_END()
