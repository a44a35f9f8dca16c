#include <bight/haproxy.hpp>

#include <bight/connection_errors.hpp>
#include <bight/policies/connection_limits.hpp>
#include <bight/testing.hpp>
#include <boost/test/unit_test.hpp>
#include <random>
#include <string>

BOOST_AUTO_TEST_SUITE(haproxy)

using namespace bight;
using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::AccumulatingProtocol;

namespace haproxy_test {

const Address client = IPv4Address({192, 0, 2, 1}, 56324);
const Address frontDoor = IPv4Address({198, 51, 100, 2}, 443);
const Address client6 = *Address::parse("2001:db8::1", 1);
const Address door6 = *Address::parse("2001:db8::2", 65535);

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string binary4 = signature + "\x21\x11\0\x0c"s + "\xc0\0\2\1\xc6\x33\x64\2\xdc\4\1\xbb"s;

/// What a reader makes of all of it; throws what it throws.
std::optional<ProxyHeader> readAll(std::string_view bytes, std::string* rest = nullptr, std::size_t most = 4096) {
  ProxyHeaderReader reader(most);
  auto header = reader.next(bytes);
  if (rest) *rest = bytes;
  return header;
}

/// The protocol within, and what its factory was told.
struct Server : Factory {
  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override {
    peers.push_back(peer);
    if (refuses) return nullptr;
    built = std::make_shared<AccumulatingProtocol>();
    return built;
  }
  std::vector<Address> peers;
  std::shared_ptr<AccumulatingProtocol> built;
  bool refuses = false;
};

struct Connection {
  explicit Connection(HAProxyOptions options = {}, std::shared_ptr<Factory> within = nullptr)
      : factory(std::make_shared<HAProxyWrappingFactory>(clock, within ? within : server, std::move(options))),
        outer(factory->buildProtocol(IPv4Address({10, 0, 0, 5}, 999))) {
    if (outer) outer->makeConnection(*transport);
  }
  ~Connection() {
    if (outer) transport->lose(*outer, Failure(ConnectionDone()));
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  void feed(std::string_view data) {
    if (!transport->disconnecting()) outer->dataReceived(data);
  }

  testing::Clock clock;
  std::shared_ptr<Server> server = std::make_shared<Server>();
  Ref<testing::StringTransport> transport = makeRef<testing::StringTransport>();
  std::shared_ptr<HAProxyWrappingFactory> factory;
  std::shared_ptr<Protocol> outer;
};

}  // namespace haproxy_test

using namespace haproxy_test;

// C66: the bytes of the specification.
BOOST_AUTO_TEST_CASE(headers_are_written_as_specified) {
  BOOST_TEST((ProxyHeader{client, frontDoor}.toVersion1()) == "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
  BOOST_TEST((ProxyHeader{client6, door6}.toVersion1()) == "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n");
  BOOST_TEST((ProxyHeader{client, door6}.toVersion1()) == "PROXY UNKNOWN\r\n");
  BOOST_TEST(ProxyHeader{}.toVersion1() == "PROXY UNKNOWN\r\n");
  BOOST_TEST((ProxyHeader{client, frontDoor}.toVersion2()) == binary4);
  BOOST_TEST(ProxyHeader{}.toVersion2() == signature + "\x20\0\0\0"s);
  ProxyHeader named{client, frontDoor, {{0x02, "example.org"}}};
  BOOST_TEST(named.toVersion2().substr(0, 16) == signature + "\x21\x11\0\x1a"s);
  named.extensions[0].value.assign(70000, 'x');
  BOOST_CHECK_THROW(named.toVersion2(), std::length_error);
}

// C66: any fragmentation; what follows is not touched.
BOOST_AUTO_TEST_CASE(what_is_written_is_read_however_it_is_cut) {
  const std::vector<ProxyHeader> headers{
      {client, frontDoor},
      {client6, door6},
      {UNIXAddress{"/run/x"}, UNIXAddress{"\0abstract"s}},
      {IPv4Address({1, 2, 3, 4}, 5, AddressType::udp), IPv4Address({5, 6, 7, 8}, 9, AddressType::udp)},
      {client, frontDoor, {{0x02, "example.org"}, {0x04, ""}}},
      {std::nullopt, std::nullopt, {{0x05, "id"}}},
      {}};
  for (const auto& header : headers) {
    testing::eachFeeding(header.toVersion2() + "rest", [&](const auto& pieces) {
      ProxyHeaderReader reader;
      std::optional<ProxyHeader> got;
      std::string rest;
      for (auto piece : pieces) {
        if (!got) got = reader.next(piece);
        rest += piece;
      }
      BOOST_REQUIRE(got.has_value());
      BOOST_TEST((*got == header));
      BOOST_TEST(rest == "rest");
    });
  }
  testing::eachFeeding(headers[1].toVersion1() + "PROXY", [&](const auto& pieces) {
    ProxyHeaderReader reader;
    std::optional<ProxyHeader> got;
    std::string rest;
    for (auto piece : pieces) {
      if (!got) got = reader.next(piece);
      rest += piece;
    }
    BOOST_REQUIRE(got.has_value());
    BOOST_TEST((*got == headers[1]));
    BOOST_TEST(rest == "PROXY");
  });
}

// C66: UNSPEC and LOCAL keep the real addresses.
BOOST_AUTO_TEST_CASE(some_headers_say_nothing) {
  BOOST_TEST((readAll("PROXY UNKNOWN ffff::1 what ever 1 2\r\n") == ProxyHeader{}));
  BOOST_TEST((readAll(signature + "\x20\x11\0\x0c"s + std::string(12, 'x')) == ProxyHeader{}));  // LOCAL
  BOOST_TEST((readAll(signature + "\x21\0\0\0"s) == ProxyHeader{}));                             // UNSPEC
}

BOOST_AUTO_TEST_CASE(nonsense_is_refused_at_its_first_wrong_byte) {
  for (const std::string bad :
       {"G", "PROXX", "PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n", "PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n",
        "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n", "PROXY TCP4 1.1.1.1 1.1.1 1 1\r\n", "PROXY TCP4 ::1 ::1 1 1\r\n",
        "PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n", "PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n",
        "PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n", "PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n",
        "PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n", "PROXY UNKNOWN\n", "PROXY TCP6 fe80::1%lo fe80::1 1 1\r\n"})
    BOOST_CHECK_THROW(readAll(bad), InvalidProxyHeader);
  BOOST_CHECK_THROW(readAll("PROXY " + std::string(200, 'x')), InvalidProxyHeader);
  BOOST_TEST(!readAll("PROXY " + std::string(100, 'x')).has_value());
  BOOST_CHECK_THROW(readAll(signature + "\x11"), InvalidProxyHeader);                                    // version 1
  BOOST_CHECK_THROW(readAll(signature + "\x22\x11\0\0"s), InvalidProxyHeader);                           // command 2
  BOOST_CHECK_THROW(readAll(signature + "\x21\x41\0\0"s), InvalidProxyHeader);                           // family 4
  BOOST_CHECK_THROW(readAll(signature + "\x21\x11\0\x0b"s + std::string(11, 'x')), InvalidProxyHeader);  // short
  BOOST_CHECK_THROW(readAll(binary4.substr(0, 15) + "\x0e" + binary4.substr(16) + "\2\0"s), InvalidProxyHeader);
  BOOST_CHECK_THROW(readAll(binary4.substr(0, 15) + "\x10" + binary4.substr(16) + "\2\0\2x"s), InvalidProxyHeader);
  BOOST_CHECK_THROW(readAll(signature + "\x21\x11\xff\xff"), InvalidProxyHeader);  // too long for us
  BOOST_TEST(!readAll(signature + "\x21\x11\xff\xff", nullptr, 70000).has_value());
}

BOOST_AUTO_TEST_CASE(random_changes_of_headers_do_no_harm) {
  std::mt19937 random(66);  // NOLINT: the same each time
  const std::string both[] = {ProxyHeader{client, frontDoor, {{1, "abc"}}}.toVersion2(),
                              ProxyHeader{client, frontDoor}.toVersion1()};
  int headers = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = both[round % 2];
    for (std::size_t i = random() % 3; i > 0; --i) bytes[random() % bytes.size()] = static_cast<char>(random());
    ProxyHeaderReader reader;
    try {
      for (std::size_t at = 0; at < bytes.size();) {
        const std::string piece = bytes.substr(at, 1 + random() % 9);
        at += piece.size();
        std::string_view input = piece;
        if (!reader.next(input)) continue;
        ++headers;
        break;
      }
    } catch (const InvalidProxyHeader&) {
      // as it should
    }
  }
  BOOST_TEST(headers > 1000);  // those that were not changed, at least
}

// C66: the protocol above sees the addresses of the header, and is built when they are known.
BOOST_AUTO_TEST_CASE(a_protocol_sees_the_real_client) {
  for (const auto& header : {ProxyHeader{client, frontDoor}.toVersion1(), binary4}) {
    testing::eachFeeding(header + "hello", [&](const auto& pieces) {
      Connection c;
      BOOST_TEST(c.server->peers.empty());
      for (const auto piece : pieces) c.feed(piece);
      BOOST_TEST((c.server->peers == std::vector<Address>{client}));
      auto& within = *c.server->built;
      BOOST_TEST(within.data() == "hello");
      BOOST_TEST((within.transport().getPeer() == client));
      BOOST_TEST((within.transport().getHost() == frontDoor));
      BOOST_TEST((HAProxyWrappingFactory::headerOf(within.transport())->source == client));
      BOOST_TEST(c.clock.getDelayedCalls().empty());
      BOOST_TEST(c.factory->openCount() == 1U);
    });
  }
}

BOOST_AUTO_TEST_CASE(without_addresses_the_connection_has_its_own) {
  Connection c;
  c.feed("PROXY UNKNOWN\r\n");
  BOOST_REQUIRE(c.server->built != nullptr);
  BOOST_TEST((c.server->built->transport().getPeer() == c.transport->getPeer()));
  BOOST_TEST(HAProxyWrappingFactory::headerOf(*c.transport) == nullptr);
}

BOOST_AUTO_TEST_CASE(without_a_header_nothing_is_built) {
  testing::LogCapture log;
  Connection garbage;
  garbage.feed("GET / HTTP/1.1\r\n\r\n");
  BOOST_TEST(garbage.transport->disconnecting());
  BOOST_TEST(garbage.server->peers.empty());
  BOOST_TEST(log.contains("it begins with neither signature"));

  Connection slow;
  slow.feed("PROXY TC");
  slow.clock.advance(5s);
  BOOST_TEST(slow.transport->disconnecting());
  BOOST_TEST(slow.server->peers.empty());

  Connection stranger({.trusted = [](const Address& proxy) { return proxy.host() == "10.0.0.6"; }});
  BOOST_TEST(stranger.outer == nullptr);

  Connection refused;
  refused.server->refuses = true;
  refused.feed(binary4 + "hello");
  BOOST_TEST(refused.transport->disconnecting());
}

// Limits by peer work on the real client when they are inside.
BOOST_AUTO_TEST_CASE(limits_within_see_the_real_client) {
  auto server = std::make_shared<Server>();
  auto limited = std::make_shared<LimitConnectionsByPeer>(server, 1);
  Connection first({}, limited);
  first.feed(binary4);
  BOOST_TEST(limited->connectionCount(client) == 1U);
  BOOST_TEST((HAProxyWrappingFactory::headerOf(server->built->transport()) != nullptr));
  Connection second({}, limited);
  second.feed(binary4);
  BOOST_TEST(second.transport->disconnecting());
  Connection other({}, limited);
  other.feed("PROXY TCP4 192.0.2.99 198.51.100.2 1 443\r\n");
  BOOST_TEST(!other.transport->disconnecting());
}

BOOST_AUTO_TEST_CASE(a_client_may_send_a_header_first) {
  struct Greeter : AccumulatingProtocol {
    void connectionMade() override { transport().write("hello"); }
  };
  auto factory = sendProxyHeader(ClientFactory::forProtocol<Greeter>(), [] { return ProxyHeader{client, frontDoor}; });
  Connection c;
  {
    auto greeter = factory->buildProtocol(frontDoor);
    auto transport = makeRef<testing::StringTransport>();
    greeter->makeConnection(*transport);
    c.feed(transport->value());
    transport->lose(*greeter, Failure(ConnectionDone()));
  }
  BOOST_TEST(c.server->built->data() == "hello");
  BOOST_TEST((c.server->peers == std::vector<Address>{client}));
  BOOST_CHECK_THROW(sendProxyHeader(factory, {}), std::invalid_argument);
  BOOST_CHECK_THROW(sendProxyHeader(factory, [] { return ProxyHeader{}; }, 3), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
