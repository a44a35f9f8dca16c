// Whom we believe, and how a refusal is put into words.
#include <bight/tls.hpp>

#include "tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tls_verification)

using namespace tls_test;
using Problem = VerificationError::Problem;

namespace {

/// Shakes hands with a server that shows `shown`. @return why the client refused; nothing if it did not
std::optional<Failure> verify(const tls::Identity& shown, const std::string& hostname,
                              const tls::Trust& trust = authority().trust()) {
  Link<> link{tls::ServerContext({.identities = {shown}}), tls::ClientContext({.trust = trust}), hostname};
  link.flush();
  BOOST_TEST(link.server->closed() == link.client->closed());
  if (link.client->closed()) {
    BOOST_TEST(link.client->events.size() == 2U);  // made, lost; never secure
    BOOST_TEST(is<tls::AlertError>(link.server->closedReason()), message(link.server->closedReason()));
  }
  return link.client->closedReason();
}

void refused(const std::optional<Failure>& reason, Problem problem, const std::string& words) {
  BOOST_REQUIRE(is<VerificationError>(reason));
  BOOST_TEST((reason->get<VerificationError>()->problem() == problem));
  BOOST_TEST(message(reason) == words);
  BOOST_TEST(is<ConnectionLost>(reason));
}

std::chrono::system_clock::time_point day(int year, int month, int date) {
  return std::chrono::sys_days(std::chrono::year(year) / month / date);
}

}  // namespace

// C46: exact names, wildcards for one label, IP addresses.
BOOST_AUTO_TEST_CASE(the_name_asked_for_must_be_in_the_certificate) {
  const auto several = authority().issue({"a.example", "*.b.example", "192.0.2.7", "2001:db8::7"});
  for (const char* good : {"a.example", "A.Example", "a.example.", "x.b.example", "192.0.2.7", "2001:db8::7"})
    BOOST_TEST(!verify(several, good).has_value(), good);
  for (const char* bad : {"b.example", "x.y.b.example", "xa.example", "192.0.2.8", "2001:db8::8", "example"})
    BOOST_TEST(is<VerificationError>(verify(several, bad)), bad);
}

// C42
BOOST_AUTO_TEST_CASE(a_name_mismatch_says_what_was_wanted_and_what_is_there) {
  refused(verify(authority().issue({"b.example", "*.c.example", "192.0.2.7"}), "a.example"), Problem::nameMismatch,
          "name mismatch: wanted a.example, certificate has b.example, *.c.example, 192.0.2.7");
  refused(verify(authority().issue({"b.example"}), "192.0.2.1"), Problem::nameMismatch,
          "name mismatch: wanted 192.0.2.1, certificate has b.example");
}

BOOST_AUTO_TEST_CASE(an_address_as_a_dns_name_is_no_address) {
  // The common name is the address as well, and says nothing.
  const tls::Identity named = authority().issue({"192.0.2.1.example"});
  BOOST_TEST(is<VerificationError>(verify(named, "192.0.2.1")));
}

BOOST_AUTO_TEST_CASE(an_expired_certificate_says_when) {
  refused(verify(authority().issue({"a.example"}, {day(2025, 1, 1), day(2026, 1, 3)}), "a.example"), Problem::expired,
          "certificate of a.example expired 2026-01-03");
}

BOOST_AUTO_TEST_CASE(a_certificate_of_the_future_says_when) {
  refused(verify(authority().issue({"a.example"}, {day(2090, 2, 3), day(2091, 1, 1)}), "a.example"),
          Problem::notYetValid, "certificate of a.example is not valid before 2090-02-03");
}

BOOST_AUTO_TEST_CASE(an_unknown_authority_is_named) {
  const tls::ThrowawayAuthority stranger("stranger");
  refused(verify(stranger.issue({"a.example"}), "a.example"), Problem::unknownAuthority,
          "certificate of a.example is signed by an unknown authority: CN=stranger");
  // The system's authorities do not know ours either.
  BOOST_TEST(is<VerificationError>(verify(identity(), "a.example", {})));
}

BOOST_AUTO_TEST_CASE(a_certificate_that_signed_itself_is_refused_unless_it_is_the_root) {
  const auto own = tls::selfSigned({"a.example"});
  refused(verify(own, "a.example"), Problem::unknownAuthority,
          "certificate of a.example has signed itself, and is not among those we trust");
  BOOST_TEST(!verify(own, "a.example", tls::Trust::only({own.certificate})).has_value());
}

BOOST_AUTO_TEST_CASE(a_chain_may_have_authorities_between) {
  const auto middle = authority().issueAuthority("middle");
  const auto low = middle.issueAuthority("low");
  const auto leaf = low.issue({"a.example"});
  BOOST_TEST(!verify(leaf, "a.example").has_value());
  // Whom the user trusts ends the chain, root or not.
  BOOST_TEST(!verify(leaf, "a.example", middle.trust()).has_value());

  // The server forgets to send them …
  const auto bare = tls::Pem::text(tls::Certificate::fromPem(leaf.certificate.read()).pem());
  refused(verify({.certificate = bare, .key = leaf.key}, "a.example"), Problem::unknownAuthority,
          "certificate of a.example is signed by an unknown authority: CN=low");
  // … or has them in another file.
  const auto rest = tls::Pem::text(low.certificate().read() + middle.certificate().read());
  BOOST_TEST(!verify({.certificate = bare, .key = leaf.key, .extraChain = rest}, "a.example").has_value());
}

BOOST_AUTO_TEST_CASE(authorities_of_one_name_are_told_apart) {
  const tls::ThrowawayAuthority one("twin"), other("twin"), unnamed, alsoUnnamed;
  const auto both = tls::Trust::only({one.certificate(), other.certificate()});
  BOOST_TEST(!verify(one.issue({"a.example"}), "a.example", both).has_value());
  BOOST_TEST(!verify(other.issue({"a.example"}), "a.example", both).has_value());
  BOOST_TEST(tls::Certificate::fromPem(unnamed.certificate().read()).subject() !=
             tls::Certificate::fromPem(alsoUnnamed.certificate().read()).subject());
}

BOOST_AUTO_TEST_CASE(an_expired_authority_is_named_not_the_leaf) {
  const auto middle = authority().issueAuthority("the middle", {day(2025, 1, 1), day(2026, 1, 3)});
  refused(verify(middle.issue({"a.example"}), "a.example"), Problem::expired,
          "certificate of the middle expired 2026-01-03");
}

BOOST_AUTO_TEST_CASE(who_skips_verification_believes_everything) {
  auto options = clientOptions();
  options.insecurelySkipVerification = true;
  Link<> link{tls::ServerContext({.identities = {tls::selfSigned({"b.example"})}}), tls::ClientContext(options)};
  link.flush();
  BOOST_TEST(link.secure());
  BOOST_TEST(link.client->connection().peerCertificate()->commonName() == "b.example");
}

// C46: names are sent to the server, addresses are not.
BOOST_AUTO_TEST_CASE(an_address_is_not_sent_as_a_server_name) {
  Link<> link{tls::ServerContext({.identities = {authority().issue({"192.0.2.7"})}}),
              tls::ClientContext(clientOptions()), "192.0.2.7"};
  link.flush();
  BOOST_TEST(link.secure());
  BOOST_TEST(link.server->connection().serverName().empty());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_a_host_name_is_refused_at_the_call) {
  testing::Clock clock;
  const tls::ClientContext context(clientOptions());
  const auto factory = ClientFactory::forProtocol<Probe>();
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("bücher.example"),
                                 std::string("a\0b", 3), std::string(300, 'a')})
    BOOST_CHECK_THROW(tls::wrapClient(clock, factory, context, bad), std::invalid_argument);
  BOOST_CHECK_THROW(tls::wrapClient(clock, nullptr, context, "a.example"), std::invalid_argument);
  BOOST_CHECK_THROW(tls::wrapServer(clock, nullptr, tls::ServerContext(serverOptions())), std::invalid_argument);
}

// ---- client certificates

namespace {
tls::ServerOptions asking(tls::ClientCertificates how) {
  auto options = serverOptions();
  options.clientCertificates = how;
  options.clientTrust = authority().trust();
  return options;
}
tls::ClientOptions showing(const tls::Identity& identity) {
  auto options = clientOptions();
  options.identity = identity;
  return options;
}
}  // namespace

BOOST_AUTO_TEST_CASE(a_client_may_show_a_certificate) {
  for (const auto how : {tls::ClientCertificates::optional, tls::ClientCertificates::required}) {
    Link<> link{tls::ServerContext(asking(how)), tls::ClientContext(showing(authority().issue({"ann"})))};
    link.flush();
    BOOST_TEST(link.secure());
    BOOST_REQUIRE(link.server->connection().peerCertificate().has_value());
    BOOST_TEST(link.server->connection().peerCertificate()->commonName() == "ann");
    BOOST_TEST(link.server->connection().peerChain().size() >= 1U);
    BOOST_TEST(link.server->connection().peerChain().front().commonName() == "ann");
  }
}

BOOST_AUTO_TEST_CASE(a_client_without_a_certificate_passes_if_it_is_optional_only) {
  Link<> link{tls::ServerContext(asking(tls::ClientCertificates::optional)), tls::ClientContext(clientOptions())};
  link.flush();
  BOOST_TEST(link.secure());
  BOOST_TEST(!link.server->connection().peerCertificate().has_value());

  Link<> refusing{tls::ServerContext(asking(tls::ClientCertificates::required)), tls::ClientContext(clientOptions())};
  refusing.flush();
  BOOST_TEST(message(refusing.server->closedReason()) == "the client has shown no certificate, and one is required");
  BOOST_TEST((refusing.server->closedReason()->get<VerificationError>()->problem() == Problem::missing));
  // In TLS 1.3 the client has been through before the server looked.
  BOOST_TEST(is<tls::AlertError>(refusing.client->closedReason()), message(refusing.client->closedReason()));
  BOOST_TEST(message(refusing.client->closedReason()).find("wants a certificate of ours") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_clients_certificate_must_be_signed_by_the_right_authority) {
  const tls::ThrowawayAuthority stranger("stranger");
  for (const auto how : {tls::ClientCertificates::optional, tls::ClientCertificates::required}) {
    Link<> link{tls::ServerContext(asking(how)), tls::ClientContext(showing(stranger.issue({"mallory"})))};
    link.flush();
    refused(link.server->closedReason(), Problem::unknownAuthority,
            "certificate of mallory is signed by an unknown authority: CN=stranger");
    BOOST_TEST(is<tls::AlertError>(link.client->closedReason()), message(link.client->closedReason()));
  }
}

BOOST_AUTO_TEST_CASE(a_certificate_can_be_read) {
  const auto made =
      authority().issue({"a.example", "*.b.example", "192.0.2.7", "2001:db8::7"}, {day(2025, 2, 3), day(2030, 4, 5)});
  const auto certificate = tls::Certificate::fromPem(made.certificate.read());
  BOOST_TEST(certificate.subject() == "CN=a.example");
  BOOST_TEST(certificate.issuer() == "CN=the authority of the tests");
  BOOST_TEST(certificate.commonName() == "a.example");
  const std::vector<std::string> names{"a.example", "*.b.example", "192.0.2.7", "2001:db8::7"};
  BOOST_TEST(certificate.names() == names, boost::test_tools::per_element());
  BOOST_TEST((certificate.notBefore() == day(2025, 2, 3)));
  BOOST_TEST((certificate.notAfter() == day(2030, 4, 5)));
  BOOST_TEST(certificate.digest().size() == 95U);
  BOOST_TEST(certificate.serialNumber().size() == 32U);
  BOOST_TEST((tls::Certificate::fromPem(certificate.pem()) == certificate));
  BOOST_TEST(!(tls::Certificate::fromPem(identity().certificate.read()) == certificate));
  BOOST_CHECK_THROW(tls::Certificate::fromPem("nothing"), tls::ContextError);
}

BOOST_AUTO_TEST_SUITE_END()
