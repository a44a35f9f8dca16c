// Contexts: what they are made of, names, sessions, reloading; and what they say if something does not fit.
#include <bight/tls.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tls_context)

using namespace tls_test;

namespace {

/// A directory that is gone when the test is.
struct Directory {
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bight-tls-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary directory");
    path = pattern;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& content) const {
    const auto file = (path / name).string();
    std::ofstream(file) << content;
    return file;
  }
  std::filesystem::path path;
};

/// What a server made of `options` complains of.
std::string complaint(const tls::ServerOptions& options) {
  try {
    const tls::ServerContext context(options);
    return "nothing";
  } catch (const tls::ContextError& e) {
    return e.what();
  }
}
std::string complaint(const tls::Identity& identity) {
  return complaint(tls::ServerOptions{.identities = {identity}});
}

std::string nameShown(const tls::ServerContext& context, const std::string& asked) {
  auto options = clientOptions();
  options.insecurelySkipVerification = true;
  Link<> link(context, tls::ClientContext(options), asked);
  link.flush();
  const auto peer = link.client->connection().peerCertificate();
  return peer ? peer->commonName() : "no certificate";
}

}  // namespace

// ---- complaints

BOOST_AUTO_TEST_CASE(a_missing_file_is_named) {
  BOOST_TEST(complaint({.certificate = tls::Pem::file("/nowhere/server.pem")}) ==
             "tls: cannot read /nowhere/server.pem: No such file or directory");
  BOOST_TEST(complaint({.certificate = identity().certificate, .key = tls::Pem::file("/nowhere/server.key")}) ==
             "tls: cannot read /nowhere/server.key: No such file or directory");
  BOOST_TEST(complaint({.certificate = tls::Pem::file("/")}).find("tls: cannot read /: ") == 0U);
}

BOOST_AUTO_TEST_CASE(files_that_hold_something_else_are_named) {
  const Directory files;
  const auto certificate = files.write("a.pem", identity().certificate.read());
  const auto key = files.write("a.key", identity().key.read());
  const auto text = files.write("readme.txt", "hello\n");
  const auto torn = files.write("torn.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const auto tornKey = files.write("torn.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  const auto file = [](const std::string& path) { return tls::Pem::file(path); };
  BOOST_TEST(complaint({.certificate = file(certificate), .key = file(key)}) == "nothing");
  BOOST_TEST(complaint({.certificate = file(text), .key = file(key)}) ==
             "tls: " + text + " has no certificate in it (no line \"-----BEGIN CERTIFICATE-----\")");
  BOOST_TEST(
      complaint({.certificate = file(certificate), .key = file(text)}).find("tls: " + text + " has no private key") ==
      0U);
  BOOST_TEST(complaint({.certificate = file(certificate)}).find("tls: " + certificate + " has no private key") == 0U);
  BOOST_TEST(complaint({.certificate = file(torn), .key = file(key)})
                 .find("tls: " + torn + " has a certificate that cannot be read") == 0U);
  BOOST_TEST(complaint({.certificate = file(certificate), .key = file(tornKey)})
                 .find("the private key in " + tornKey + " cannot be read") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_key_of_another_certificate_is_named) {
  const Directory files;
  const auto other = authority().issue({"b.example"});
  const auto certificate = files.write("a.pem", identity().certificate.read());
  const auto key = files.write("b.key", other.key.read());
  BOOST_TEST(complaint({.certificate = tls::Pem::file(certificate), .key = tls::Pem::file(key)}) ==
             "tls: the private key in " + key + " does not belong to the certificate of a.example in " + certificate);
}

BOOST_AUTO_TEST_CASE(a_key_may_be_in_the_file_of_the_certificate) {
  const Directory files;
  const auto both = files.write("both.pem", identity().key.read() + identity().certificate.read());
  BOOST_TEST(complaint({.certificate = tls::Pem::file(both)}) == "nothing");
}

BOOST_AUTO_TEST_CASE(contradictions_are_refused) {
  BOOST_CHECK_THROW(tls::ServerContext({.identities = {}}), std::invalid_argument);
  auto options = serverOptions();
  options.protocol.raiseMinimumTo = tls::Version::tls11;
  BOOST_CHECK_THROW(tls::ServerContext{options}, std::invalid_argument);
  options = serverOptions();
  options.protocol.raiseMinimumTo = tls::Version::tls13;
  options.protocol.maximum = tls::Version::tls12;
  BOOST_CHECK_THROW(tls::ServerContext{options}, std::invalid_argument);
  options = serverOptions();
  options.clientCertificates = tls::ClientCertificates::required;
  BOOST_CHECK_THROW(tls::ServerContext{options}, std::invalid_argument);
  options = serverOptions();
  options.protocol.applicationProtocols = {""};
  BOOST_CHECK_THROW(tls::ServerContext{options}, std::invalid_argument);
  options = serverOptions();
  options.protocol.ciphers = "NO-SUCH-CIPHER";
  BOOST_TEST(complaint(options).find("\"NO-SUCH-CIPHER\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_bad_root_is_named) {
  const Directory files;
  const auto text = files.write("roots.pem", "none\n");
  try {
    const tls::ClientContext context({.trust = tls::Trust::only({tls::Pem::file(text)})});
    BOOST_ERROR("it was taken");
  } catch (const tls::ContextError& e) {
    BOOST_TEST(std::string(e.what()).find("tls: " + text + " has no certificate") == 0U);
  }
}

BOOST_AUTO_TEST_CASE(the_systems_roots_can_be_used) {
  BOOST_CHECK_NO_THROW(tls::ClientContext{});
}

// ---- names

BOOST_AUTO_TEST_CASE(the_certificate_is_chosen_by_the_name_that_is_asked_for) {
  const tls::ServerContext context(
      {.identities = {authority().issue({"default.example"}), authority().issue({"a.example", "b.example"}),
                      authority().issue({"*.c.example"}), authority().issue({"special.c.example"})}});
  BOOST_TEST(nameShown(context, "a.example") == "a.example");
  BOOST_TEST(nameShown(context, "B.EXAMPLE") == "a.example");
  BOOST_TEST(nameShown(context, "x.c.example") == "*.c.example");
  BOOST_TEST(nameShown(context, "special.c.example") == "special.c.example");
  BOOST_TEST(nameShown(context, "x.y.c.example") == "default.example");
  BOOST_TEST(nameShown(context, "c.example") == "default.example");
  BOOST_TEST(nameShown(context, "192.0.2.1") == "default.example");
}

BOOST_AUTO_TEST_CASE(the_names_of_an_identity_may_be_given) {
  auto other = authority().issue({"b.example"});
  other.names = {"A.example"};
  const tls::ServerContext context({.identities = {authority().issue({"default.example"}), other}});
  BOOST_TEST(nameShown(context, "a.example") == "b.example");
  BOOST_TEST(nameShown(context, "b.example") == "default.example");
}

// ---- sessions

BOOST_AUTO_TEST_CASE(a_later_connection_takes_up_an_earlier_session) {
  for (const auto version : {tls::Version::tls12, tls::Version::tls13}) {
    BOOST_TEST_CONTEXT(tls::toString(version)) {
      const tls::ServerContext server(serverOptions());
      auto options = clientOptions();
      options.protocol.maximum = version;
      const tls::ClientContext client(options);
      for (int i = 0; i < 4; ++i) {
        Link<> link(server, client);
        link.flush();
        BOOST_TEST(link.secure());
        BOOST_TEST(link.client->connection().resumed() == (i > 0));
        BOOST_TEST(link.server->connection().resumed() == (i > 0));
        BOOST_TEST(link.client->connection().peerCertificate()->commonName() == "a.example");
        BOOST_TEST(client.sessionCount() <= 2U);
        BOOST_TEST(client.sessionCount() >= 1U);
        link.client->transport().loseConnection();
        link.flush();
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(sessions_can_be_switched_off_on_either_side) {
  auto off = serverOptions();
  off.protocol.sessions = false;
  const tls::ServerContext server(off);
  const tls::ClientContext client(clientOptions());
  for (int i = 0; i < 2; ++i) {
    Link<> link(server, client);
    link.flush();
    BOOST_TEST(!link.client->connection().resumed());
  }
  BOOST_TEST(client.sessionCount() == 0U);
  auto without = clientOptions();
  without.protocol.sessions = false;
  const tls::ServerContext other(serverOptions());
  const tls::ClientContext forgetful(without);
  for (int i = 0; i < 2; ++i) {
    Link<> link(other, forgetful);
    link.flush();
    BOOST_TEST(!link.client->connection().resumed());
  }
}

BOOST_AUTO_TEST_CASE(a_session_is_for_its_own_server_only) {
  const tls::ServerContext server({.identities = {authority().issue({"a.example", "b.example"})}});
  const tls::ClientContext client(clientOptions());
  Link<> first(server, client, "a.example");
  first.flush();
  Link<> second(server, client, "b.example");
  second.flush();
  BOOST_TEST(second.secure());
  BOOST_TEST(!second.client->connection().resumed());
}

// ---- reloading

BOOST_AUTO_TEST_CASE(a_reload_shows_the_new_certificate_and_old_connections_live_on) {
  const Directory files;
  const auto before = authority().issue({"a.example"});
  const auto after = authority().issue({"a.example"});
  const auto certificate = files.write("a.pem", before.certificate.read());
  const auto key = files.write("a.key", before.key.read());
  tls::ServerContext context(
      {.identities = {{.certificate = tls::Pem::file(certificate), .key = tls::Pem::file(key)}}});
  auto fresh = clientOptions();
  fresh.protocol.sessions = false;
  const tls::ClientContext client(fresh);
  Link<> old(context, client);
  old.flush();
  const auto serial = [](const Link<>& link) { return link.client->connection().peerCertificate()->serialNumber(); };
  const auto serialOf = [](const tls::Identity& i) {
    return tls::Certificate::fromPem(i.certificate.read()).serialNumber();
  };
  BOOST_TEST(serial(old) == serialOf(before));

  // Half of it is there: refused, and nothing changes.
  files.write("a.pem", after.certificate.read());
  BOOST_CHECK_THROW(context.reload(), tls::ContextError);
  Link<> same(context, client);
  same.flush();
  BOOST_TEST(serial(same) == serialOf(before));

  files.write("a.key", after.key.read());
  Link<> underway(context, client);
  context.reload();
  Link<> next(context, client);
  next.flush();
  underway.flush();
  BOOST_TEST(serial(next) == serialOf(after));
  BOOST_TEST(serial(underway) == serialOf(before));
  old.client->transport().write("still here");
  old.flush();
  BOOST_TEST(old.server->data() == "still here");
}

BOOST_AUTO_TEST_CASE(sessions_survive_a_reload_of_the_server_unless_clients_are_verified) {
  for (const bool verified : {false, true}) {
    auto options = serverOptions();
    if (verified) {
      options.clientCertificates = tls::ClientCertificates::optional;
      options.clientTrust = authority().trust();
    }
    tls::ServerContext server(options);
    const tls::ClientContext client(clientOptions());
    Link<> first(server, client);
    first.flush();
    server.reload();
    Link<> second(server, client);
    second.flush();
    BOOST_TEST(second.secure());
    BOOST_TEST(second.client->connection().resumed() == !verified);
  }
}

BOOST_AUTO_TEST_CASE(a_reload_may_change_the_options) {
  tls::ServerContext server(serverOptions());
  auto options = serverOptions();
  options.identities = {authority().issue({"b.example"})};
  server.reload(options);
  BOOST_TEST(nameShown(server, "b.example") == "b.example");
  tls::ClientContext client(clientOptions());
  Link<> link(server, client, "b.example");
  link.flush();
  BOOST_TEST(link.secure());
  BOOST_TEST(client.sessionCount() > 0U);
  client.reload({.trust = tls::ThrowawayAuthority("stranger").trust()});
  BOOST_TEST(client.sessionCount() == 0U);
  Link<> distrusting(server, client, "b.example");
  distrusting.flush();
  BOOST_TEST(is<VerificationError>(distrusting.client->closedReason()));
}

BOOST_AUTO_TEST_SUITE_END()
