#include <bight/address.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <unordered_set>

BOOST_AUTO_TEST_SUITE(address)

using namespace bight;

BOOST_AUTO_TEST_CASE(ipv4_is_read_and_written) {
  const auto a = IPv4Address::parse("192.0.2.7", 80);
  BOOST_REQUIRE(a);
  BOOST_TEST(a->host() == "192.0.2.7");
  BOOST_TEST(a->port() == 80);
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4 ", "localhost", "1.2.3.4\n"})
    BOOST_TEST(!IPv4Address::parse(bad, 80));
  BOOST_TEST(!IPv4Address::parse(std::string_view("1.2.3.4\0", 8), 80));
}

// C38: a scope, by name or number.
BOOST_AUTO_TEST_CASE(ipv6_keeps_its_scope) {
  const auto plain = IPv6Address::parse("2001:DB8::0:1", 443);
  BOOST_REQUIRE(plain);
  BOOST_TEST(plain->host() == "2001:db8::1");
  const auto numbered = IPv6Address::parse("fe80::1%4711", 1);
  BOOST_REQUIRE(numbered);
  BOOST_TEST(numbered->scopeId() == 4711U);
  BOOST_TEST(numbered->host() == "fe80::1%4711");
  const auto named = IPv6Address::parse("fe80::1%lo", 1);
  BOOST_REQUIRE(named);
  BOOST_TEST(named->host() == "fe80::1%lo");
  for (const char* bad : {"", "::1%", "::1%no-such-interface", "1.2.3.4", ":::", "fe80::1%a-name-that-is-far-too-long"})
    BOOST_TEST(!IPv6Address::parse(bad, 80));
}

BOOST_AUTO_TEST_CASE(every_kind_has_a_text) {
  BOOST_TEST(Address(IPv4Address({127, 0, 0, 1}, 8000)).toString() == "127.0.0.1:8000");
  BOOST_TEST(Address::parse("::1", 8000)->toString() == "[::1]:8000");
  BOOST_TEST(Address(UNIXAddress{"/run/x"}).toString() == "unix:/run/x");
  BOOST_TEST(Address(HostnameAddress{"example.org", 80}).toString() == "example.org:80");
  BOOST_TEST(Address(ProcessAddress{}).toString() == "process");
  BOOST_TEST(Address().toString() == "0.0.0.0:0");
  BOOST_TEST(!Address::parse("example.org", 80));
}

// C35: equality and hash by value.
BOOST_AUTO_TEST_CASE(addresses_are_equal_by_value) {
  std::unordered_set<Address> seen{*Address::parse("127.0.0.1", 1), *Address::parse("127.0.0.1", 2),
                                   *Address::parse("::1", 1),       UNIXAddress{"a"},
                                   HostnameAddress{"a", 1},         ProcessAddress{}};
  BOOST_TEST(seen.size() == 6U);
  seen.insert(*Address::parse("127.0.0.1", 1));
  seen.insert(*Address::parse("0:0::1", 1));
  seen.insert(UNIXAddress{"a"});
  BOOST_TEST(seen.size() == 6U);
  BOOST_TEST((Address(IPv4Address({1, 2, 3, 4}, 5)) != Address(IPv4Address({1, 2, 3, 4}, 5, AddressType::udp))));
}

BOOST_AUTO_TEST_CASE(the_systems_structures_are_understood) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(99);
  v6.sin6_flowinfo = htonl(7);
  v6.sin6_scope_id = 1;
  v6.sin6_addr.s6_addr[15] = 1;
  const Address a = Address::fromSockaddr(reinterpret_cast<sockaddr*>(&v6), sizeof v6);
  BOOST_REQUIRE(a.get<IPv6Address>());
  BOOST_TEST(a.port() == 99);
  BOOST_TEST(a.get<IPv6Address>()->flowInfo() == 7U);
  BOOST_TEST(a.get<IPv6Address>()->scopeId() == 1U);
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  std::strcpy(path.sun_path, "/run/x");
  BOOST_TEST(
      (Address::fromSockaddr(reinterpret_cast<sockaddr*>(&path), sizeof path) == Address(UNIXAddress{"/run/x"})));
  BOOST_TEST(
      (Address::fromSockaddr(reinterpret_cast<sockaddr*>(&path), sizeof path.sun_family) == Address(UNIXAddress{})));
  BOOST_TEST((Address::fromSockaddr(reinterpret_cast<sockaddr*>(&v6), 4) == Address(UNIXAddress{})));
}

BOOST_AUTO_TEST_SUITE_END()
