// Against somebody else's TLS: the openssl program as client and as server, on 127.0.0.1.
#include <bight/reactor.hpp>
#include <bight/threads.hpp>
#include <bight/tls.hpp>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tls_fixture.hpp"

namespace outside_peer {

using namespace tls_test;

inline boost::test_tools::assertion_result hasOpenSsl(boost::unit_test::test_unit_id) {
  return std::system("openssl version >/dev/null 2>&1") == 0;  // NOLINT: a fixed command
}

/// Certificates as files, for the program.
struct Files {
  Files() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bight-tls-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary directory");
    path = pattern;
    write("root.pem", authority().certificate().read());
    write("a.pem", identity().certificate.read());
    write("a.key", identity().key.read());
  }
  ~Files() { std::filesystem::remove_all(path); }
  void write(const char* name, const std::string& content) const { std::ofstream(path / name) << content; }
  std::string operator()(const char* name) const { return (path / name).string(); }
  std::filesystem::path path;
};

struct Outcome {
  std::string printed;
  int status = -1;
};

/// Runs a command of the shell to its end. To be called in a thread.
Outcome run(const std::string& command) {
  Outcome outcome;
  std::FILE* pipe = ::popen(("exec 2>&1; " + command).c_str(), "r");
  if (!pipe) return outcome;
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) outcome.printed.append(buffer, got);
  outcome.status = WEXITSTATUS(::pclose(pipe));
  return outcome;
}

template <class Done>
void spin(Reactor& reactor, Done&& done) {
  const auto limit = std::chrono::steady_clock::now() + 30s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > limit) BOOST_FAIL("what the test waits for does not happen");
    reactor.iterate(20ms);
  }
}

/// Our server answers "hello" and closes; s_client, with `options`, says it.
Outcome askUs(const std::string& options, const tls::ServerOptions& serverOptions,
              const std::function<void(Probe&)>& prepare = {}) {
  const Files files;
  const auto reactor = makeReactor();
  const auto server = std::make_shared<Probe>();
  server->onData = [](Probe& p, std::string_view) {
    if (p.data() != "hello\n") return;
    p.transport().write("good day, said " + std::string(tls::toString(*p.connection().version())));
    p.transport().loseConnection();
  };
  if (prepare) prepare(*server);
  class One : public Factory {
   public:
    explicit One(std::shared_ptr<Protocol> p) : protocol(std::move(p)) {}
    std::shared_ptr<Protocol> buildProtocol(const Address&) override { return protocol; }
    std::shared_ptr<Protocol> protocol;
  };
  const auto port =
      reactor->listenTCP(0, tls::wrapServer(*reactor, std::make_shared<One>(server), tls::ServerContext(serverOptions)),
                         {.interface = "127.0.0.1"});
  const std::string command =
      "echo hello | timeout 20 openssl s_client -connect 127.0.0.1:" + std::to_string(port->getHost().port()) +
      " -CAfile " + files("root.pem") + " -verify_return_error -quiet -servername a.example " + options;
  std::optional<Outcome> outcome;
  reactor->callWhenRunning([&] {
    deferToThread(*reactor, [command] { return run(command); }).addCallback([&](const Outcome& o) {
      outcome = o;
      reactor->stop();
    });
  });
  reactor->run({.installSignalHandlers = false});
  BOOST_REQUIRE(outcome.has_value());
  return *outcome;
}

}  // namespace outside_peer

BOOST_AUTO_TEST_SUITE(tls_outside_peer, *boost::unit_test::precondition(outside_peer::hasOpenSsl))

using namespace outside_peer;

BOOST_AUTO_TEST_CASE(openssl_s_client_talks_to_our_server) {
  for (const auto& [option, version] : {std::pair{"-tls1_2", "TLS 1.2"}, std::pair{"-tls1_3", "TLS 1.3"}}) {
    const auto outcome = askUs(std::string("-verify_hostname a.example ") + option, serverOptions());
    BOOST_TEST(outcome.printed.find(std::string("good day, said ") + version) != std::string::npos, outcome.printed);
  }
}

BOOST_AUTO_TEST_CASE(openssl_s_client_refuses_another_name_and_old_versions) {
  BOOST_TEST(askUs("-verify_hostname b.example", serverOptions()).printed.find("good day") == std::string::npos);
  BOOST_TEST(askUs("-tls1_1 -cipher ALL:@SECLEVEL=0", serverOptions()).printed.find("good day") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(openssl_s_client_negotiates_a_protocol) {
  auto options = serverOptions();
  options.protocol.applicationProtocols = {"chat/2", "chat/1"};
  std::string negotiated;
  const auto outcome = askUs("-alpn other,chat/1", options, [&](Probe& server) {
    server.onSecure = [&](Probe& p) { negotiated = p.connection().negotiatedProtocol(); };
  });
  BOOST_TEST(outcome.printed.find("good day") != std::string::npos, outcome.printed);
  BOOST_TEST(negotiated == "chat/1");
}

BOOST_AUTO_TEST_CASE(our_client_talks_to_openssl_s_server) {
  const Files files;
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const auto reactor = makeReactor();
    // A port that was free a moment ago.
    const auto probe = reactor->listenTCP(0, Factory::forProtocol<Probe>(), {.interface = "127.0.0.1"});
    const std::string port = std::to_string(probe->getHost().port());
    bool closed = false;
    probe->stopListening().addCallback([&] { closed = true; });
    spin(*reactor, [&] { return closed; });

    // It turns every line round, and ends after one connection.
    std::FILE* server =
        ::popen(("exec timeout 20 openssl s_server -accept 127.0.0.1:" + port + " -naccept 1 -rev -cert " +
                 files("a.pem") + " -key " + files("a.key") + " " + version + " 2>&1")
                    .c_str(),
                "r");
    BOOST_REQUIRE(server);
    char line[256];
    while (std::fgets(line, sizeof line, server))
      if (std::string_view(line).find("ACCEPT") != std::string_view::npos) break;

    class Asking : public ClientFactory {
     public:
      std::shared_ptr<Protocol> buildProtocol(const Address&) override { return client; }
      void clientConnectionFailed(Connector&, const Failure& reason) override { BOOST_FAIL(reason.getErrorMessage()); }
      std::shared_ptr<Probe> client = std::make_shared<Probe>();
    };
    const auto factory = std::make_shared<Asking>();
    factory->client->onMade = [](Probe& p) { p.transport().write("stressed\n"); };
    factory->client->onData = [](Probe& p, std::string_view) {
      if (p.data().ends_with('\n')) p.transport().loseConnection();
    };
    reactor->connectTCP("127.0.0.1", std::stoi(port),
                        tls::wrapClient(*reactor, factory, tls::ClientContext(clientOptions()), "a.example"));
    spin(*reactor, [&] { return factory->client->closed(); });
    BOOST_TEST(factory->client->data() == "desserts\n");
    BOOST_TEST(isExactly<ConnectionDone>(factory->client->closedReason()), message(factory->client->closedReason()));
    while (std::fgets(line, sizeof line, server)) {
    }
    ::pclose(server);
  }
}

BOOST_AUTO_TEST_SUITE_END()
