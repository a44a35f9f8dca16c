#include <bight/endpoint_strings.hpp>

#include <random>

#include <bight/reactor.hpp>
#include <bight/tcp_endpoints.hpp>
#include <boost/test/unit_test.hpp>

namespace endpoint_strings_test {

using namespace bight;
using namespace std::chrono_literals;

namespace endpoint_strings_test {

struct Fixture {
  std::unique_ptr<Reactor> reactor = makeReactor();

  const HostnameEndpoint& client(std::string_view text) {
    kept = clientFromString(*reactor, text);
    return dynamic_cast<HostnameEndpoint&>(*kept);
  }
  const TCPServerEndpoint& server(std::string_view text) {
    keptServer = serverFromString(*reactor, text);
    return dynamic_cast<TCPServerEndpoint&>(*keptServer);
  }
  /// What is said about a mistake, from the place on.
  template <class F>
  static std::string complaint(F make) {
    try {
      make();
    } catch (const EndpointSyntaxError& e) {
      const std::string what = e.what();
      const auto place = what.find(", at character ");
      const std::string number = std::to_string(e.position() + 1);
      if (place == std::string::npos || what.compare(place + 15, number.size(), number) != 0)
        return "no place: " + what;
      return what.substr(place + 15);
    }
    return "(nothing)";
  }
  std::string clientError(std::string_view text) {
    return complaint([&] { clientFromString(*reactor, text); });
  }
  std::string serverError(std::string_view text) {
    return complaint([&] { serverFromString(*reactor, text); });
  }

  std::shared_ptr<ClientEndpoint> kept;
  std::shared_ptr<ServerEndpoint> keptServer;
};

}  // namespace endpoint_strings_test

using namespace endpoint_strings_test;

BOOST_FIXTURE_TEST_SUITE(endpoint_strings, Fixture)

// C54: clients, by place and by name.
BOOST_AUTO_TEST_CASE(clients_are_made) {
  for (const char* text : {"tcp:example.org:80", "tcp:host=example.org:port=80", "tcp:port=80:host=example.org",
                           "tcp:port=80:example.org"}) {
    const auto& endpoint = client(text);
    BOOST_TEST(endpoint.host() == "example.org");
    BOOST_TEST(endpoint.port() == 80);
    BOOST_TEST((endpoint.options().timeout == 30s));  // C51: by default
    BOOST_TEST((endpoint.options().attemptDelay == 250ms));
    BOOST_TEST(endpoint.toString() == "tcp:example.org:80");
  }
  const auto& all = client("tcp:example.org:80:timeout=2.5:bindAddress=\\:\\:1:attemptDelay=0.1");
  BOOST_TEST((all.options().timeout == 2500ms && all.options().attemptDelay == 100ms));
  BOOST_TEST(all.options().bindAddress->first == "::1");
  BOOST_TEST((client("tcp6:example.org:80").options().family == AddressFamily::ipv6));
  BOOST_TEST(client("tcp4:example.org:80").toString() == "tcp4:example.org:80");
  BOOST_TEST(client("tcp:\\:\\:1:80").host() == "::1");
  BOOST_TEST(client("tcp:[\\:\\:1]:80").host() == "::1");
  BOOST_TEST(client("tcp:\\:\\:1:80").toString() == "tcp:\\:\\:1:80");
  BOOST_TEST((client("tcp:a.example:80:timeout=0").options().timeout == 0s));
}

// C54: servers.
BOOST_AUTO_TEST_CASE(servers_are_made) {
  BOOST_TEST(server("tcp:8000").port() == 8000);
  BOOST_TEST(server("tcp:8000").options().interface == "");
  BOOST_TEST(server("tcp:8000").options().backlog == 50);
  BOOST_TEST(server("tcp:port=0:interface=127.0.0.1:backlog=7").options().backlog == 7);
  BOOST_TEST(server("tcp:0:interface=127.0.0.1").toString() == "tcp:0:interface=127.0.0.1");
  BOOST_TEST(server("tcp6:80:interface=\\:\\:1").toString() == "tcp6:80:interface=\\:\\:1");
  BOOST_TEST(server("tcp6:80").options().interface == "::");
}

// C54: mistakes are told with their place and what was expected.
BOOST_AUTO_TEST_CASE(mistakes_have_a_place) {
  BOOST_TEST(clientError("example.org").find("1: expected the type of a client endpoint and ':' (one of ") == 0U);
  BOOST_TEST(clientError("").find("1: expected the type") == 0U);
  BOOST_TEST(clientError("udp:1").find("1: unknown type of client endpoint \"udp\": expected one of ") == 0U);
  BOOST_TEST(clientError("tls:1").find("bight/tls.hpp") != std::string::npos);
  BOOST_TEST(clientError("tcp:") == "5: tcp needs \"host\": expected the name of a host, or an address");
  BOOST_TEST(clientError("tcp::80") == "5: host: expected the name of a host, or an address, got \"\"");
  BOOST_TEST(clientError("tcp:example.org") == "16: tcp needs \"port\": expected a number from 1 to 65535");
  for (const char* port : {"http", "0", "65536", "-1", "8 0", "", "80x", "99999999999999999999"})
    BOOST_TEST(clientError("tcp:example.org:" + std::string(port)) ==
               "17: port: expected a number from 1 to 65535, got \"" + std::string(port) + "\"");
  BOOST_TEST(clientError("tcp:a b:80") ==
             "5: host: HostnameEndpoint: \"a b\" is neither an address nor the name of a "
             "host: a byte 0x20 cannot be in one");
  for (const char* seconds : {"soon", "-1", "1e3", "nan", "inf", "1s", ""})
    BOOST_TEST(clientError("tcp:a:1:timeout=" + std::string(seconds)) ==
               "17: timeout: expected a number of seconds, as 30 or 0.25, got \"" + std::string(seconds) + "\"");
  BOOST_TEST(clientError("tcp:a:1:bindAddress=b") == "21: bindAddress: expected an IPv4 or IPv6 address, got \"b\"");
  BOOST_TEST(clientError("tcp:a:1:colour=red") ==
             "9: tcp takes no \"colour\"; it takes host, port, timeout, attemptDelay, bindAddress");
  BOOST_TEST(clientError("tcp:a:1:2").find("9: tcp takes no more than host, port without a name, and got \"2\"") == 0U);
  BOOST_TEST(clientError("tcp:a:1:port=2") == "14: \"port\" is given twice, by its place and by its name");
  BOOST_TEST(clientError("tcp:a:1:timeout=1:timeout=2") == "19: \"timeout\" is given twice");
  BOOST_TEST(clientError("tcp:a:1:=2") == "9: expected a name before the '='");
  BOOST_TEST(clientError("tcp:a:1\\") == "8: expected a character after the '\\' (write \"\\\\\" for one '\\')");
  BOOST_TEST(serverError("8000").find("1: expected the type of a server endpoint") == 0U);
  BOOST_TEST(serverError("tcp:8000:interface=eth0").find("20: interface: the interface \"eth0\" is not an address") ==
             0U);
  for (const char* text : {"tcp:127.0.0.1:8080", "tcp:127.0.0.1:8080:backlog=7", "tcp:backlog=7:127.0.0.1:8080"}) {
    const auto said = serverError(text);
    BOOST_TEST(said.find("expected the port, got \"127.0.0.1\"; to listen at one address only, write "
                         "\"tcp:8080:interface=127.0.0.1\"") != std::string::npos);
  }
  BOOST_TEST(serverError("tcp:127.0.0.1:8080").starts_with("5: "));
  BOOST_TEST(serverError("tcp:::1").find("takes no more than port") != std::string::npos);
  const std::string control = clientError(std::string("tcp:a\x01:80"));
  BOOST_TEST(control.find('\x01') == std::string::npos);
}

// C54: what is quoted is one value, whatever is in it.
BOOST_AUTO_TEST_CASE(quoting_keeps_values_whole) {
  BOOST_TEST(quoteStringArgument("a:b=c\\d") == "a\\:b\\=c\\\\d");
  std::mt19937 random(7);
  std::uniform_int_distribution<std::size_t> length(1, 12), pick(0, 6);
  for (int i = 0; i < 500; ++i) {
    std::string value;
    for (auto n = length(random); n > 0; --n) value += ":=\\ab, "[pick(random)];
    const std::string description = "x:" + quoteStringArgument(value) + ":key=" + quoteStringArgument(value);
    EndpointArguments arguments(description);
    arguments.positional({"first"});
    BOOST_TEST(*arguments.text("first") == value);
    BOOST_TEST(*arguments.text("key") == value);
    arguments.finish();
  }
}

// Anything at all is either an endpoint or a mistake with a place in it.
BOOST_AUTO_TEST_CASE(no_text_does_harm) {
  std::mt19937 random(11);
  std::uniform_int_distribution<std::size_t> length(0, 24), pick(0, 19);
  constexpr std::string_view alphabet = "tcp:::==\\\\6480host\0";
  int mistakes = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string text = i % 2 ? "tcp:" : "";
    for (auto n = length(random); n > 0; --n) text += alphabet[pick(random) % alphabet.size()];
    try {
      clientFromString(*reactor, text);
    } catch (const EndpointSyntaxError& e) {
      ++mistakes;
      BOOST_TEST(e.position() <= text.size());
    }
  }
  BOOST_TEST(mistakes > 4000);
}

// C54: more types; their values; what is left over.
BOOST_AUTO_TEST_CASE(types_can_be_added) {
  struct Nowhere : ClientEndpoint {
    Deferred<std::shared_ptr<Protocol>> connect(std::shared_ptr<Factory>) override {
      return fail<std::shared_ptr<Protocol>>(ConnectError(0, "nowhere"));
    }
    std::string toString() const override { return "nowhere:"; }
  };
  static const bool once = [] {
    registerClientEndpoint("nowhere", [](Reactor&, EndpointArguments& arguments) {
      arguments.flag("quiet");
      arguments.octal("mode", 0777);
      if (arguments.text("never")) arguments.refuse("never", "this cannot be");
      return std::make_shared<Nowhere>();
    });
    registerServerEndpoint("nothing", [](Reactor&, EndpointArguments&) { return nullptr; });
    return true;
  }();
  BOOST_TEST(once);
  BOOST_TEST(clientFromString(*reactor, "nowhere:")->toString() == "nowhere:");
  BOOST_TEST(clientFromString(*reactor, "nowhere:quiet=yes:mode=660")->toString() == "nowhere:");
  BOOST_TEST(clientError("nowhere:quiet=maybe").find("15: quiet: expected 1 or 0") == 0U);
  BOOST_TEST(clientError("nowhere:mode=8").find("14: mode: expected an octal number, as 660, got \"8\"") == 0U);
  BOOST_TEST(clientError("nowhere:never=now") == "15: never: this cannot be");
  BOOST_TEST(clientError("nowhere:now") == "9: nowhere takes no value without a name, and got \"now\"");
  BOOST_TEST(clientError("somewhere:").find("nowhere") != std::string::npos);
  BOOST_CHECK_THROW(serverFromString(*reactor, "nothing:"), std::logic_error);
  BOOST_CHECK_THROW(registerClientEndpoint("tcp", [](Reactor&, EndpointArguments&) { return nullptr; }),
                    std::invalid_argument);
  BOOST_CHECK_THROW(registerClientEndpoint("a:b", [](Reactor&, EndpointArguments&) { return nullptr; }),
                    std::invalid_argument);
  BOOST_CHECK_THROW(registerServerEndpoint("empty", {}), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace endpoint_strings_test
