// SOCKS, both sides: in memory, and over real sockets on every backend.
#include <bight/socks.hpp>

#include <bight/policies.hpp>
#include <random>

#include "relay_fixture.hpp"

namespace socks_test {

using namespace relay_test;

namespace {

socks::ServerOptions allowAll() {
  socks::ServerOptions options;
  options.allow = [](const socks::Request&) { return true; };
  return options;
}

/// A chain whose middle is a SOCKS server.
struct Socks : Chain {
  explicit Socks(socks::ServerOptions options = allowAll()) : Chain(placeholder()) {
    reactor.names().add("target.example", {"192.0.2.7"});
    reactor.names().add("home.example", {"127.0.0.1"});
    reactor.names().add("both.example", {"127.0.0.1", "192.0.2.7"});
    reactor.listenTCP(1080, std::make_shared<socks::ServerFactory>(reactor, std::move(options)));
    client = std::make_shared<HalfProbe>();
    front = reactor.connectTo(1080, client);
  }
  static std::shared_ptr<Factory> placeholder() { return Factory::forProtocol<testing::AccumulatingProtocol>(); }
  /// Writes in pieces, as a network would.
  void say(const std::vector<std::string_view>& pieces) {
    for (const auto piece : pieces) {
      client->transport().write(piece);
      flush();
    }
  }
  void say(std::string_view bytes) { say(std::vector{bytes}); }
};

const std::string plain5 = "\5\1\0"s;
const std::string connectByAddress = "\5\1\0\1\xc0\0\2\7\0\x50"s;
const std::string connectByName = "\5\1\0\3\x0etarget.example\0\x50"s;

std::string named5(std::string_view name) {
  return "\5\1\0\3"s + static_cast<char>(name.size()) + std::string(name) + "\0\x50"s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(socks_server)

// RFC 1928, however it is cut; what follows the request at once is not lost.
BOOST_AUTO_TEST_CASE(version_5_connects_by_address_and_by_name) {
  for (const auto& request : {connectByAddress, connectByName}) {
    testing::eachFeeding(plain5 + request + "early", [&](const auto& pieces) {
      Socks socks;
      socks.say(pieces);
      BOOST_TEST(socks.client->data() == "\5\0"s);
      BOOST_TEST(socks.connector().host() == "192.0.2.7");
      BOOST_TEST(socks.connector().port() == 80);
      socks.connectBack();
      BOOST_TEST(socks.client->data() == "\5\0"s + "\5\0\0\1\x7f\0\0\1\xd4\x31"s);  // 127.0.0.1:54321, the pump's
      BOOST_TEST(socks.server->data() == "early");
      socks.server->transport().write("answer");
      socks.flush();
      BOOST_TEST(socks.client->data().substr(12) == "answer");
    });
  }
}

// SOCKS 4 and 4a
BOOST_AUTO_TEST_CASE(version_4_connects_by_address_and_by_name) {
  for (const auto& request : {"\4\1\0\x50\xc0\0\2\7me\0"s, "\4\1\0\x50\0\0\0\1me\0target.example\0"s}) {
    testing::eachFeeding(request + "early", [&](const auto& pieces) {
      std::string user;
      socks::ServerOptions options;
      options.allow = [&](const socks::Request& asked) {
        user = asked.user;
        return asked.version == socks::Version::v4;
      };
      Socks socks(std::move(options));
      socks.say(pieces);
      socks.connectBack();
      BOOST_TEST(user == "me");
      BOOST_TEST(socks.client->data() == "\0\x5a\xd4\x31\x7f\0\0\1"s);
      BOOST_TEST(socks.server->data() == "early");
    });
  }
}

// RFC 1929
BOOST_AUTO_TEST_CASE(users_show_their_passwords) {
  const auto asking = [](bool later) {
    auto options = allowAll();
    options.authenticate = [later](const std::string& user, const std::string& password) {
      const bool right = user == "ann" && password == "secret";
      return later ? succeed(right) : succeed(right);
    };
    return options;
  };
  const std::string right = "\5\2\0\2"s + "\1\3ann\6secret"s + connectByAddress;
  testing::eachFeeding(right, [&](const auto& pieces) {
    Socks socks(asking(true));
    socks.say(pieces);
    BOOST_TEST(socks.client->data() == "\5\2\1\0"s);
    socks.connectBack();
    BOOST_TEST(socks.client->data().substr(4, 2) == "\5\0"s);
  });
  Socks wrong(asking(false));
  wrong.say("\5\1\2"s + "\1\3ann\5wrong"s + connectByAddress);
  BOOST_TEST(wrong.client->data() == "\5\2\1\1"s);
  BOOST_TEST(wrong.client->readLost == 1);
  Socks none(asking(false));
  none.say(plain5);
  BOOST_TEST(none.client->data() == "\5\xff"s);
  Socks old(asking(false));
  old.say("\4\1\0\x50\xc0\0\2\7me\0"s);
  BOOST_TEST(old.client->data() == "\0\x5b\0\0\0\0\0\0"s);

  testing::LogCapture log;
  auto failing = allowAll();
  failing.authenticate = [](const std::string&, const std::string&) -> bool {
    throw std::runtime_error("no database");
  };
  Socks broken(std::move(failing));
  broken.say("\5\1\2"s + "\1\1a\1b"s);
  BOOST_TEST(broken.client->data() == "\5\2\1\1"s);
  BOOST_TEST(log.contains("no database"));
}

BOOST_AUTO_TEST_CASE(what_is_not_allowed_is_refused) {
  const auto answer = [](socks::ServerOptions options, const std::string& request) {
    Socks socks(std::move(options));
    socks.say(plain5 + request);
    BOOST_TEST(socks.client->readLost == 1);
    BOOST_TEST(socks.reactor.tcpClients().empty());
    return socks.client->data().substr(2, 2);
  };
  socks::ServerOptions never;
  never.allow = [](const socks::Request&) { return succeed(false); };
  BOOST_TEST(answer(std::move(never), connectByAddress) == "\5\2");
  BOOST_TEST(answer(allowAll(), "\5\2\0\1\xc0\0\2\7\0\x50"s) == "\5\7");  // BIND
  BOOST_TEST(answer(allowAll(), "\5\3\0\1\xc0\0\2\7\0\x50"s) == "\5\7");  // UDP ASSOCIATE
  BOOST_TEST(answer(allowAll(), "\5\x09\0\1\xc0\0\2\7\0\x50"s) == "\5\7");
  BOOST_TEST(answer(allowAll(), "\5\1\0\2\xc0\0\2\7\0\x50"s) == "\5\x8");  // address type 2
  BOOST_TEST(answer(allowAll(), named5("no.example")) == "\5\4");
  BOOST_TEST(answer(allowAll(), named5("not a name")) != "\5\0"s);
  BOOST_TEST(answer(allowAll(), "\5\1\0\1\xc0\0\2\7\0\0"s) == "\5\1");  // port 0
  testing::MemoryReactor reactor;
  BOOST_CHECK_THROW(socks::ServerFactory(reactor, {}), std::invalid_argument);
}

// A name may mean an address that is not to be reached.
BOOST_AUTO_TEST_CASE(forbidden_addresses_are_not_even_tried) {
  const auto careful = [] {
    auto options = allowAll();
    options.allowAddress = [](const Address& address) { return address.host() != "127.0.0.1"; };
    return options;
  };
  for (const auto& request :
       {named5("home.example"), "\5\1\0\1\x7f\0\0\1\0\x50"s, named5("127.0.0.1"), named5("[127.0.0.1]")}) {
    Socks socks(careful());
    socks.say(plain5 + request);
    BOOST_TEST(socks.client->data().substr(2, 2) == "\5\2");
    BOOST_TEST(socks.reactor.tcpClients().empty());
  }
  Socks both(careful());
  both.say(plain5 + named5("both.example"));
  BOOST_TEST(both.connector().host() == "192.0.2.7");
}

BOOST_AUTO_TEST_CASE(failures_are_told_as_they_are) {
  const auto answer = [](const Failure& why) {
    Socks socks;
    socks.say(plain5 + connectByAddress);
    socks.connector().fail(why);
    socks.flush();
    return socks.client->data().substr(2, 2);
  };
  BOOST_TEST(answer(Failure(ConnectionRefusedError())) == "\5\5");
  BOOST_TEST(answer(Failure(NoRouteError())) == "\5\3");
  BOOST_TEST(answer(Failure(TCPTimedOutError())) == "\5\4");
  BOOST_TEST(answer(Failure(ConnectError(5))) == "\5\1");
}

BOOST_AUTO_TEST_CASE(nonsense_and_silence_end_the_connection) {
  for (const std::string& bad :
       {"\6"s, "GET / HTTP/1.1\r\n"s, plain5 + "\4"s, "\5\1\2\2"s, "\4\1\0\x50\0\0\0\1" + std::string(300, 'u'),
        "\4\1\0\x50\0\0\0\1u\0\0"s, plain5 + "\5\1\0\3\0\0\x50"s}) {
    auto options = allowAll();
    if (bad == "\5\1\2\2"s) options.authenticate = [](const std::string&, const std::string&) { return true; };
    Socks socks(std::move(options));
    socks.say(bad);
    BOOST_TEST(socks.client->readLost == 1);
  }
  Socks silent;
  silent.say("\5");
  silent.reactor.advance(15s);
  silent.flush();
  BOOST_TEST(silent.client->readLost == 1);
  // An end of data in the middle
  Socks half;
  half.client->transport().write("\5\1");
  half.client->transport().loseWriteConnection();
  half.flush();
  BOOST_TEST(half.client->closed());
}

BOOST_AUTO_TEST_CASE(random_bytes_do_no_harm) {
  std::mt19937 random(1080);  // NOLINT: the same each time
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = round % 2 ? plain5 + connectByName : "\4\1\0\x50\0\0\0\1me\0target.example\0"s;
    for (std::size_t i = random() % 4; i > 0; --i) bytes[random() % bytes.size()] = static_cast<char>(random());
    socks::ServerOpening opening(random() % 2 == 0);
    try {
      for (std::size_t at = 0; at < bytes.size();) {
        const std::string piece = bytes.substr(at, 1 + random() % 7);
        at += piece.size();
        const auto step = opening.feed(piece);
        BOOST_REQUIRE(opening.takeOutput().size() < 100U);
        if (step == socks::ServerOpening::Step::authenticate) opening.authenticated(true);
        if (step == socks::ServerOpening::Step::request || step == socks::ServerOpening::Step::refused) break;
      }
    } catch (const socks::ProtocolError&) {
      // as it should
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

/// What a client endpoint does with a server that the test plays.
struct Tunnelled {
  testing::MemoryReactor reactor;
  std::shared_ptr<HalfProbe> mine = std::make_shared<HalfProbe>();
  std::shared_ptr<testing::AccumulatingProtocol> server = std::make_shared<testing::AccumulatingProtocol>();
  std::unique_ptr<testing::IOPump> pump;
  std::optional<Deferred<std::shared_ptr<HalfProbe>>> attempt;
  std::shared_ptr<HalfProbe> got;
  std::optional<Failure> failed;

  explicit Tunnelled(const std::string& host, socks::ClientOptions options = {},
                     std::shared_ptr<Factory> factory = nullptr) {
    socks::ClientEndpoint endpoint(reactor, std::make_shared<HostnameEndpoint>(reactor, "192.0.2.1", 1080), host, 80,
                                   std::move(options), 20s);
    if (factory)
      attempt.emplace(endpoint.connect(std::move(factory)).addCallback([](const std::shared_ptr<Protocol>& protocol) {
        return std::dynamic_pointer_cast<HalfProbe>(protocol);
      }));
    else
      attempt.emplace(connectProtocol(endpoint, mine));
    attempt->addCallbacks(
        [this](std::shared_ptr<HalfProbe> protocol) {
          got = protocol;
          return protocol;
        },
        [this](const Failure& why) {
          failed = why;
          return std::shared_ptr<HalfProbe>();
        });
  }
  void reachServer() {
    pump = std::make_unique<testing::IOPump>(reactor.tcpClients().at(0)->succeed(), server);
    pump->flush();
  }
  void answer(std::string_view bytes) {
    server->transport().write(bytes);
    pump->flush();
  }
};

}  // namespace
BOOST_AUTO_TEST_SUITE(socks_client)

BOOST_AUTO_TEST_CASE(version_5_asks_by_name_and_hands_the_connection_over) {
  for (const std::size_t at : {1U, 2U, 5U, 11U, 12U}) {
    Tunnelled t("target.example");
    t.reachServer();
    BOOST_TEST(t.server->data() == plain5);
    const std::string answer = "\5\0"s + "\5\0\0\1\x0a\0\0\1\0\1"s + "hello";
    t.answer(std::string_view(answer).substr(0, at));
    BOOST_TEST(!t.got == (at < 12));
    t.answer(std::string_view(answer).substr(at));
    BOOST_TEST(t.server->data() == plain5 + connectByName);
    BOOST_REQUIRE(t.got == t.mine);
    BOOST_TEST(t.mine->data() == "hello");
    BOOST_TEST((t.mine->transport().getPeer() == Address(HostnameAddress{"target.example", 80})));
    t.mine->transport().write("there");
    t.mine->transport().loseConnection();
    t.pump->flush();
    BOOST_TEST(t.server->data() == plain5 + connectByName + "there");
    BOOST_TEST(is<ConnectionDone>(t.mine->closedReason()));
    BOOST_TEST(t.reactor.getDelayedCalls().empty());
  }
}

BOOST_AUTO_TEST_CASE(version_4_and_passwords_are_spoken) {
  Tunnelled old("target.example", {.version = socks::Version::v4, .user = "me"});
  old.reachServer();
  BOOST_TEST(old.server->data() == "\4\1\0\x50\0\0\0\1me\0target.example\0"s);
  old.answer("\0\x5a\0\0\0\0\0\0"s);
  BOOST_TEST((old.got == old.mine));

  Tunnelled named("192.0.2.7", {.user = "ann", .password = "secret"});
  named.reachServer();
  named.answer("\5\2");
  BOOST_TEST(named.server->data() == "\5\2\0\2"s + "\1\3ann\6secret");
  named.answer("\1\0"s);
  named.answer("\5\0\0\3\1x\0\1"s);  // a server may call itself by name
  BOOST_TEST(named.server->data() == "\5\2\0\2"s + "\1\3ann\6secret" + connectByAddress);
  BOOST_TEST((named.got == named.mine));
}

BOOST_AUTO_TEST_CASE(refusals_say_why) {
  const auto refusal = [](std::string_view answer, socks::ClientOptions options = {}) {
    Tunnelled t("target.example", std::move(options));
    t.reachServer();
    t.answer(answer);
    BOOST_TEST(!t.got);
    BOOST_REQUIRE(t.failed.has_value());
    BOOST_TEST(t.server->closed());
    BOOST_TEST(t.reactor.getDelayedCalls().empty());
    return t.failed->getErrorMessage();
  };
  BOOST_TEST(refusal("\5\0\5\5\0\1\0\0\0\0\0\0"s).find("the connection was refused (5)") != std::string::npos);
  BOOST_TEST(refusal("\5\xff").find("no way to authenticate") != std::string::npos);
  BOOST_TEST(refusal("\5\2\1\1", {.user = "u"}).find("name and password") != std::string::npos);
  BOOST_TEST(refusal("\5\2").find("chose what was not offered") != std::string::npos);
  BOOST_TEST(refusal("HTTP/1.1 400").find("not SOCKS") != std::string::npos);
  BOOST_TEST(refusal("\0\x5b\0\0\0\0\0\0"s, {.version = socks::Version::v4}).find("rejected") != std::string::npos);

  Tunnelled closed("target.example");
  closed.reachServer();
  closed.server->transport().loseConnection();
  closed.pump->flush();
  BOOST_TEST(closed.failed->check<ConnectError>());
  Tunnelled unreachable("target.example");
  unreachable.reactor.tcpClients().at(0)->fail(Failure(ConnectionRefusedError()));
  BOOST_TEST(unreachable.failed->check<ConnectionRefusedError>());
}

// C51: cancelling closes the socket; time runs out; the factory refuses.
BOOST_AUTO_TEST_CASE(attempts_end_whenever_they_must) {
  Tunnelled early("target.example");
  early.attempt->cancel();
  BOOST_TEST(early.failed->check<CancelledError>());
  BOOST_TEST((early.reactor.tcpClients().at(0)->state() == Connector::State::disconnected));

  Tunnelled late("target.example");
  late.reachServer();
  late.attempt->cancel();
  BOOST_TEST(late.failed->check<ConnectingCancelledError>());
  late.pump->flush();
  BOOST_TEST(late.server->closed());

  Tunnelled slow("target.example");
  slow.reachServer();
  slow.reactor.advance(20s);
  slow.pump->flush();
  BOOST_TEST(slow.failed->check<TimeoutError>());
  BOOST_TEST(slow.server->closed());

  auto refusing = std::make_shared<tcp_test::ProbeFactory>([] { return nullptr; });
  Tunnelled refused("target.example", {}, refusing);
  refused.reachServer();
  refused.answer("\5\0\5\0\0\1\0\0\0\0\0\0"s);
  BOOST_TEST(refused.failed->check<NoProtocol>());
  refused.pump.reset();
  BOOST_TEST((refusing->events == std::vector<std::string>{"start", "stop"}));
}

BOOST_AUTO_TEST_CASE(what_socks_cannot_express_is_refused_at_once) {
  testing::MemoryReactor reactor;
  const auto proxy = std::make_shared<HostnameEndpoint>(reactor, "192.0.2.1", 1080);
  const auto make = [&](const std::string& host, int port, socks::ClientOptions options = {}) {
    return socks::ClientEndpoint(reactor, proxy, host, port, std::move(options)).toString();
  };
  BOOST_TEST(make("a.example", 80).find("a.example:80 through SOCKS at ") == 0U);
  BOOST_CHECK_THROW(make(std::string(256, 'a'), 80), std::invalid_argument);
  BOOST_CHECK_THROW(make("", 80), std::invalid_argument);
  BOOST_CHECK_THROW(make("a\0b"s, 80), std::invalid_argument);
  BOOST_CHECK_THROW(make("a.example", 0), std::invalid_argument);
  BOOST_CHECK_THROW(make("::1", 80, {.version = socks::Version::v4}), std::invalid_argument);
  BOOST_CHECK_THROW(make("a.example", 80, {.user = std::string(256, 'u')}), std::invalid_argument);
  BOOST_CHECK_THROW(socks::ClientEndpoint(reactor, nullptr, "a", 1), std::invalid_argument);
}

// Client, server and target over real sockets, with a policy in between.
BOOST_DATA_TEST_CASE(a_tunnel_works_over_sockets, tcp_test::reactors(), backend) {
  auto reactor = makeReactor(backend);
  struct Echo : HalfProbe {
    Echo() {
      onData = [](Probe& probe, std::string_view data) { probe.transport().write(data); };
      onReadLost = [](HalfProbe& probe) { probe.transport().loseConnection(); };
    }
  };
  auto target = reactor->listenTCP(0, Factory::forProtocol<Echo>(), {.interface = "127.0.0.1"});
  auto options = allowAll();
  options.authenticate = [](const std::string& user, const std::string& password) { return user == password; };
  auto counted = std::make_shared<LimitTotalConnectionsFactory>(
      std::make_shared<socks::ServerFactory>(*reactor, std::move(options)), 5);
  auto server = reactor->listenTCP(0, counted, {.interface = "127.0.0.1"});
  auto proxy = std::make_shared<HostnameEndpoint>(*reactor, "127.0.0.1", server->getHost().port());
  auto names = std::make_shared<testing::MemoryNameResolver>();
  names->add("target.example", {"127.0.0.1"});
  reactor->installNameResolver(names);
  for (const char* host : {"127.0.0.1", "target.example"}) {
    socks::ClientEndpoint endpoint(*reactor, proxy, host, target->getHost().port(), {.user = "me", .password = "me"});
    auto client = std::make_shared<HalfProbe>();
    const std::string much(std::size_t{1} << 20, 'm');
    connectProtocol(endpoint, client).addCallback([&](const std::shared_ptr<HalfProbe>& probe) {
      probe->transport().write(much);
      probe->transport().loseWriteConnection();
    });
    spin(*reactor, [&] { return client->closed() && counted->connectionCount() == 0; });
    BOOST_TEST(client->data().size() == much.size());
    BOOST_TEST(is<ConnectionDone>(client->closedReason()));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace socks_test
