// The pieces of docs/howto/tls.md, so that what it shows compiles and does what it says.
#include <bight/http/server.hpp>
#include <bight/line_receiver.hpp>
#include <bight/tls.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tls_howto)

using namespace tls_test;

namespace {

// region: starttls
class Mail : public LineReceiver, public tls::HandshakeListener {
 public:
  Mail(ReactorTime& clock, tls::ServerContext context) : clock_(clock), context_(std::move(context)) {}

  void lineReceived(std::string_view line) override {
    if (line == "STARTTLS") {
      sendLine("220 go ahead");                // in clear
      tls::startTLS(clock_, *this, context_);  // everything from here on is encrypted
    } else {
      sendLine(secure_ ? "250 in private" : "250 in public");
    }
  }
  void handshakeCompleted() override { secure_ = true; }

 private:
  ReactorTime& clock_;
  tls::ServerContext context_;
  bool secure_ = false;
};
// endregion: starttls

}  // namespace

BOOST_AUTO_TEST_CASE(a_server_from_files_with_several_names) {
  const auto path = std::filesystem::temp_directory_path() / ("bight-howto-" + std::to_string(::getpid()));
  std::filesystem::create_directories(path);
  const auto other = authority().issue({"b.example"});
  std::ofstream(path / "fullchain.pem") << identity().certificate.read();
  std::ofstream(path / "key.pem") << identity().key.read();
  std::ofstream(path / "other.pem") << other.certificate.read() << other.key.read();
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(path);
  // region: server
  tls::ServerContext context({
      .identities = {{.certificate = tls::Pem::file("fullchain.pem"), .key = tls::Pem::file("key.pem")},
                     {.certificate = tls::Pem::file("other.pem")}},  // certificate and key in one file
      .protocol = {.applicationProtocols = {"h2", "http/1.1"}},
  });
  // endregion: server
  Link<> link(context, tls::ClientContext(clientOptions()), "b.example");
  link.flush();
  BOOST_TEST(link.secure());
  // region: reload
  context.reload();  // the files were renewed
  // endregion: reload
  std::filesystem::current_path(before);
  std::filesystem::remove_all(path);
}

BOOST_AUTO_TEST_CASE(a_client_with_a_certificate_for_a_server_that_wants_one) {
  const auto ours = authority().issue({"ann"});
  const auto theirRoot = authority().certificate();
  const auto clientsRoot = authority().certificate();
  // region: client
  const tls::ClientContext client({
      .trust = tls::Trust::only({theirRoot}),  // not given: whom the system trusts
      .identity = ours,                        // only if the server asks for a certificate
  });
  // endregion: client
  // region: clients
  const tls::ServerContext server({
      .identities = {identity()},
      .clientCertificates = tls::ClientCertificates::required,
      .clientTrust = tls::Trust::only({clientsRoot}),
  });
  // endregion: clients
  Link<> link(server, client);
  link.flush();
  BOOST_TEST(link.server->connection().peerCertificate()->commonName() == "ann");
}

BOOST_AUTO_TEST_CASE(a_switch_in_the_middle) {
  testing::Clock clock;
  const auto client = std::make_shared<Probe>();
  testing::IOPump pump(client, std::make_shared<Mail>(clock, tls::ServerContext(serverOptions())));
  client->transport().write("NOOP\r\nSTARTTLS\r\n");
  pump.flush();
  BOOST_TEST(client->data() == "250 in public\r\n220 go ahead\r\n");
  client->clear();
  tls::startTLS(clock, *client, tls::ClientContext(clientOptions()), "a.example");
  client->transport().write("NOOP\r\n");
  pump.flush();
  BOOST_TEST(client->data() == "250 in private\r\n");
}

BOOST_AUTO_TEST_CASE(a_handshake_in_memory) {
  const auto server = std::make_shared<Probe>();
  const auto client = std::make_shared<Probe>();
  // region: memory
  testing::Clock clock;
  const tls::ThrowawayAuthority throwaway;
  const tls::ServerContext serverContext({.identities = {throwaway.issue({"a.example"})}});
  const tls::ClientContext clientContext({.trust = throwaway.trust()});
  testing::IOPump pump(tls::clientProtocol(clock, client, clientContext, "a.example"),
                       tls::serverProtocol(clock, server, serverContext));
  pump.flush();
  // endregion: memory
  BOOST_TEST(client->connection().secure());
}

BOOST_AUTO_TEST_CASE(https) {
  testing::MemoryReactor reactor;
  const tls::ServerContext context(serverOptions());
  auto root = std::make_shared<http::Directory>();
  root->putChild("", http::on("GET", [](http::Request&) { return http::Response::text("in private"); }));
  // region: https
  const auto site = std::make_shared<http::Site>(reactor, root);
  reactor.listenTCP(443, tls::wrapServer(reactor, site, context));
  // endregion: https
  const auto client = std::make_shared<Probe>();
  client->onMade = [](Probe& p) {
    p.transport().write("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
  };
  const auto pump =
      reactor.connectTo(443, tls::clientProtocol(reactor, client, tls::ClientContext(clientOptions()), "a.example"));
  pump->flush();
  BOOST_TEST(client->data().find("HTTP/1.1 200") == 0U, client->data());
  BOOST_TEST(client->data().ends_with("in private"));
  BOOST_TEST(isExactly<ConnectionDone>(client->closedReason()), message(client->closedReason()));
}

BOOST_AUTO_TEST_SUITE_END()
