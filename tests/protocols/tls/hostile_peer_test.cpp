// Peers that speak TLS well enough to abuse it: they renegotiate, and flood with records that carry nothing.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tls_hostile_peer)

using namespace tls_test;

namespace hostile_peer {

/// A client that is nothing but OpenSSL, so that it can be told to misbehave, and our server.
class RawClient {
 public:
  explicit RawClient(int version) : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_max_proto_version(context_, version);
    ssl_ = SSL_new(context_);
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_);
    below_ = tls::serverProtocol(clock, server, tls::ServerContext(serverOptions()));
    below_->makeConnection(*wire);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() {
    below_->breakConnection(Failure(ConnectionDone()));
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ERR_clear_error();
  }

  SSL* ssl() { return ssl_; }
  /// Gives the server bytes as they are.
  void say(std::string_view bytes) {
    if (wire->connected()) below_->dataReceived(bytes);
  }
  /// What OpenSSL wants to say goes to the server, and what that answers, to OpenSSL.
  void exchange() {
    say(takeOutput());
    const std::string& answer = wire->value();
    BIO_write(SSL_get_rbio(ssl_), answer.data(), static_cast<int>(answer.size()));
    wire->clear();
  }
  std::string takeOutput() {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl_), &bytes);
    std::string taken(bytes, static_cast<std::size_t>(size));
    static_cast<void>(BIO_reset(SSL_get_wbio(ssl_)));
    return taken;
  }
  void shakeHands() {
    for (int i = 0; i < 5 && SSL_do_handshake(ssl_) != 1; ++i) exchange();
    exchange();
    BOOST_REQUIRE(server->connection().secure());
  }
  void write(std::string_view data) { SSL_write(ssl_, data.data(), static_cast<int>(data.size())); }

  testing::Clock clock;
  std::shared_ptr<Probe> server = std::make_shared<Probe>();
  Ref<testing::StringTransport> wire = makeRef<testing::StringTransport>();

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  std::shared_ptr<Protocol> below_;
};

std::string repeated(std::string_view record, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += record;
  return all;
}

}  // namespace hostile_peer

using namespace hostile_peer;

// C44
BOOST_AUTO_TEST_CASE(a_client_that_renegotiates_is_refused_and_costs_nothing) {
  RawClient client(TLS1_2_VERSION);
  client.shakeHands();
  int answered = 0;
  client.server->onSecure = [&](Probe&) { ++answered; };
  BOOST_TEST(SSL_renegotiate(client.ssl()) == 1);
  SSL_do_handshake(client.ssl());
  const std::string hello = client.takeOutput();
  BOOST_TEST(!hello.empty());
  client.say(hello);
  // A warning, and no new handshake: a record of an alert is all that it gets.
  BOOST_TEST(answered == 0);
  BOOST_TEST(client.wire->value().size() < 64U);
}

// In TLS 1.3 a peer may ask for new keys whenever it likes, and each time an answer must be made: no longer than the
// question, and it counts for the limit of what a peer does not read.
BOOST_AUTO_TEST_CASE(a_flood_of_key_updates_costs_no_more_than_it_costs_the_peer) {
  RawClient client(TLS1_3_VERSION);
  client.shakeHands();
  std::size_t asked = 0;
  for (int i = 0; i < 1000; ++i) {
    SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(client.ssl());
    const std::string question = client.takeOutput();
    asked += question.size();
    client.say(question);
  }
  BOOST_TEST(client.wire->value().size() <= asked);
  client.write("still there?");
  client.say(client.takeOutput());
  BOOST_TEST(client.server->data() == "still there?");
}

// Also when the limit is the layer's own, and not that of the transport below any more.
BOOST_AUTO_TEST_CASE(a_flood_of_key_updates_that_are_not_read_ends_at_the_limit) {
  RawClient client(TLS1_3_VERSION);
  client.shakeHands();
  client.wire->block();
  client.server->transport().setMaxWriteBuffer(20'000);
  std::size_t most = 0;
  for (int asked = 0; asked < 5000; ++asked) {
    SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(client.ssl());
    client.say(client.takeOutput());
    most = std::max(most, client.wire->writeBufferSize());
  }
  BOOST_TEST(most < 30'000U);
}

BOOST_AUTO_TEST_CASE(a_flood_of_alerts_ends_the_connection) {
  const std::string warning("\x15\x03\x03\x00\x02\x01\x5a", 7);
  RawClient early(TLS1_3_VERSION);
  early.say(repeated(warning, 100));
  BOOST_TEST(early.wire->disconnecting());
  BOOST_TEST(early.wire->value().size() < 1000U);

  RawClient late(TLS1_3_VERSION);
  SSL_do_handshake(late.ssl());
  late.exchange();
  late.say(repeated(warning, 100));
  BOOST_TEST(late.wire->disconnecting());
}

BOOST_AUTO_TEST_CASE(a_flood_of_records_that_change_nothing_ends_the_connection) {
  const std::string changeCipherSpec("\x14\x03\x03\x00\x01\x01", 6);
  RawClient client(TLS1_3_VERSION);
  SSL_do_handshake(client.ssl());
  client.exchange();
  client.say(repeated(changeCipherSpec, 100));
  BOOST_TEST(client.wire->disconnecting());
}

BOOST_AUTO_TEST_CASE(a_record_larger_than_any_may_be_ends_the_connection) {
  RawClient client(TLS1_3_VERSION);
  client.shakeHands();
  client.say(std::string("\x17\x03\x03\xff\xff", 5) + std::string(65535, 'x'));
  BOOST_TEST(client.wire->disconnecting());
  BOOST_TEST(client.server->data().empty());
}

// What is received before the handshake is through is not kept: a hello that never ends is cut off.
BOOST_AUTO_TEST_CASE(a_handshake_message_larger_than_any_may_be_ends_the_connection) {
  RawClient client(TLS1_3_VERSION);
  // A ClientHello that claims 16 MiB less one byte.
  client.say(std::string("\x16\x03\x01\x40\x00\x01\xff\xff\xff", 9) + std::string(16380, '\0'));
  BOOST_TEST(client.wire->disconnecting());
}

BOOST_AUTO_TEST_SUITE_END()
