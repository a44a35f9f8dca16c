#include <bight/websocket/handshake.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <bight/http/serializer.hpp>
#include <bight/http/server.hpp>
#include <bight/testing/accumulating_protocol.hpp>
#include <bight/testing/feeding.hpp>
#include <bight/testing/memory_reactor.hpp>

#include "socket_fixture.hpp"

BOOST_AUTO_TEST_SUITE(WebSocketHandshake)

using namespace bight;
using namespace bight::websocket;
using namespace std::chrono_literals;
using bight::testcases::Diary;
using bight::testcases::frame;
namespace data = boost::unit_test::data;

namespace {

const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";

http::Headers opening() {
  return {{"Host", "example.org"},
          {"Upgrade", "websocket"},
          {"Connection", "keep-alive, Upgrade"},
          {"Sec-WebSocket-Key", key},
          {"Sec-WebSocket-Version", "13"}};
}

/// A change to a good request, and the status it is refused with; 101 if it is not.
struct Change {
  const char* what;
  const char* name;
  const char* value;  // null: without that field
  int status;
  bool more = false;  // added, not set
  friend std::ostream& operator<<(std::ostream& out, const Change& one) { return out << one.what; }
};

struct Reply {
  const char* what;
  std::string head;  // behind the status line; %A is the right Sec-WebSocket-Accept
  bool good = false;
  friend std::ostream& operator<<(std::ostream& out, const Reply& one) { return out << one.what; }
};

/// A Site, and clients that connect to it in memory.
struct Net {
  explicit Net(std::shared_ptr<http::Resource> resource) {
    auto root = std::make_shared<http::Directory>();
    root->putChild("socket", std::move(resource));
    reactor.listenTCP(80, std::make_shared<http::Site>(reactor, root));
  }
  /// The attempt that is under way becomes a connection.
  void join() {
    pumps.push_back(reactor.connectTo(80, reactor.tcpClients().back()->succeed()));
    flush();
  }
  void flush() {
    for (const auto& pump : pumps) pump->flush(most);
  }
  testing::MemoryReactor reactor;
  std::vector<std::unique_ptr<testing::IOPump>> pumps;
  std::size_t most = 65536;
};

template <class T>
std::string failureOf(Deferred<T>& deferred) {
  std::string text = "(nothing)";
  deferred.addCallbacks([&](const T&) { text = "(connected)"; },
                        [&](const Failure& failure) { text = failure.typeName() + ": " + failure.getErrorMessage(); });
  return text;
}

}  // namespace

// RFC 6455, 1.3.
BOOST_AUTO_TEST_CASE(the_example_of_the_specification_gives_its_answer) {
  BOOST_TEST(acceptFor(key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  BOOST_TEST(makeKey().size() == 24);
  BOOST_TEST(makeKey() != makeKey());
}

static const Change changes[] = {
    {"nothing", "X", "y", 101},
    {"Upgrade in another case, in a list", "Upgrade", "h2c, WebSocket", 101},
    {"no Upgrade", "Upgrade", nullptr, 426},
    {"another Upgrade", "Upgrade", "h2c", 426},
    {"no Connection", "Connection", nullptr, 400},
    {"Connection: close", "Connection", "close", 400},
    {"version 8", "Sec-WebSocket-Version", "8", 426},
    {"no version", "Sec-WebSocket-Version", nullptr, 426},
    {"two versions", "Sec-WebSocket-Version", "13", 426, true},
    {"no key", "Sec-WebSocket-Key", nullptr, 400},
    {"a short key", "Sec-WebSocket-Key", "dGhlIHNhbXBsZQ==", 400},
    {"a key that is no base64", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j*Q==", 400},
    {"a key with stray bits", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZR==", 400},
    {"two keys", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", 400, true},
    {"our own origin", "Origin", "http://example.org", 101},
    {"our own origin, by TLS", "Origin", "HTTPS://EXAMPLE.org", 101},
    {"another origin", "Origin", "http://example.com", 403},
    {"another port", "Origin", "http://example.org:8080", 403},
    {"no origin that has a name", "Origin", "null", 403},
    {"subprotocols", "Sec-WebSocket-Protocol", "soap, wamp", 101},
    {"a subprotocol twice", "Sec-WebSocket-Protocol", "soap, soap", 400},
    {"a subprotocol that is no token", "Sec-WebSocket-Protocol", "a b", 400},
    {"no subprotocol at all", "Sec-WebSocket-Protocol", "", 400},
    {"extensions", "Sec-WebSocket-Extensions", "foo; bar=\"baz\"", 101},
    {"malformed extensions", "Sec-WebSocket-Extensions", "foo;;", 400},
};

BOOST_DATA_TEST_CASE(a_request_is_accepted_or_refused_with_a_fitting_status, data::make(changes), one) {
  http::Headers headers = opening();
  if (one.value == nullptr) {
    headers.remove(one.name);
  } else if (one.more) {
    headers.add(one.name, one.value);
  } else {
    headers.set(one.name, one.value);
  }
  testing::Clock clock;
  auto request = http::Request::make("GET", "/socket", headers);
  websocket::Resource resource(clock, [] { return std::make_shared<Diary>(); }, {.deflate = DeflateOptions{}});
  auto answer = resource.render(*request);
  int status = 101;
  std::string fields;
  std::move(answer).response().addCallbacks(
      [&](const http::Response& response) {
        status = response.status;
        fields = std::string(response.headers.wire());
      },
      [](const Failure& failure) { failure.trap<std::logic_error>(); });  // an upgrade
  BOOST_TEST(status == one.status);
  BOOST_TEST((fields.find("Sec-WebSocket-Version: 13") != std::string::npos) == (status == 426));
}

BOOST_AUTO_TEST_CASE(origins_are_allowed_by_name_or_all) {
  const auto allowed = [](std::vector<std::string> origins) {
    http::Headers headers = opening();
    headers.add("Origin", "https://pages.example");
    const auto request = http::Request::make("GET", "/", headers);
    try {
      readOpening(*request, {.allowedOrigins = std::move(origins)});
      return true;
    } catch (const http::StatusError& error) {
      BOOST_TEST(error.status() == 403);
      return false;
    }
  };
  BOOST_TEST(!allowed({}));
  BOOST_TEST(!allowed({"https://example.org"}));
  BOOST_TEST(allowed({"https://example.org", "https://pages.example"}));
  BOOST_TEST(allowed({"*"}));
}

static const Reply replies[] = {
    {"a good one", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %A\r\n", true},
    {"other cases", "upgrade: WebSocket\r\nCONNECTION: x, upgrade\r\nsec-websocket-accept:  %A \r\n", true},
    {"no Upgrade", "Connection: Upgrade\r\nSec-WebSocket-Accept: %A\r\n"},
    {"no Connection", "Upgrade: websocket\r\nSec-WebSocket-Accept: %A\r\n"},
    {"no Accept", "Upgrade: websocket\r\nConnection: Upgrade\r\n"},
    {"another Accept",
     "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"},
    {"a subprotocol asked for",
     "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %A\r\nSec-WebSocket-Protocol: b\r\n", true},
    {"a subprotocol not asked for",
     "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %A\r\nSec-WebSocket-Protocol: c\r\n"},
    {"two subprotocols",
     "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %A\r\nSec-WebSocket-Protocol: a, b\r\n"},
    {"an extension not asked for",
     "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %A\r\nSec-WebSocket-Extensions: "
     "permessage-deflate\r\n"},
    {"a malformed field", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %A\r\nno colon\r\n"},
    {"a folded field", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %A\r\n folded: x\r\n"},
};

BOOST_DATA_TEST_CASE(a_client_takes_the_right_answer_and_no_other, data::make(replies), one) {
  const Options options{.subprotocols = {"a", "b"}};
  const auto answer = [&](const auto& cut) {
    ClientHandshake handshake({.host = "example.org", .target = "/chat"}, options);
    const std::string& asked = handshake.request();
    const std::size_t at = asked.find("Sec-WebSocket-Key: ") + 19;
    std::string head = one.head;
    if (const auto mark = head.find("%A"); mark != std::string::npos)
      head.replace(mark, 2, acceptFor(asked.substr(at, 24)));
    return cut(handshake, "HTTP/1.1 101 Switching Protocols\r\n" + head + "\r\n\x81\x02hi");
  };
  const std::string whole = answer([&](ClientHandshake& handshake, const std::string& bytes) -> std::string {
    std::string_view input = bytes;
    try {
      return handshake.read(input, options) ? std::string(input) : "more";
    } catch (const HandshakeError&) {
      return "refused";
    }
  });
  BOOST_TEST(whole == (one.good ? "\x81\x02hi" : "refused"));
  const std::string bytewise = answer([&](ClientHandshake& handshake, const std::string& bytes) -> std::string {
    try {
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::string_view input = std::string_view(bytes).substr(i, 1);
        if (handshake.read(input, options)) return bytes.substr(i + 1);
      }
      return "more";
    } catch (const HandshakeError&) {
      return "refused";
    }
  });
  BOOST_TEST(bytewise == whole);
}

BOOST_AUTO_TEST_CASE(a_client_says_what_it_was_told_to_say) {
  const Options options{.deflate = DeflateOptions{}, .subprotocols = {"chat.v2", "chat"}};
  const ClientHandshake handshake({.host = "example.org:8080",
                                   .target = "/a?b=c",
                                   .origin = "https://x",
                                   .headers = {{"Authorization", "Basic YTpi"}}},
                                  options);
  const std::string& asked = handshake.request();
  BOOST_TEST(asked.starts_with("GET /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nUpgrade: websocket\r\n"));
  for (const char* line : {"Connection: Upgrade", "Sec-WebSocket-Version: 13", "Origin: https://x",
                           "Sec-WebSocket-Protocol: chat.v2, chat", "Authorization: Basic YTpi",
                           "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12; "
                           "server_max_window_bits=12"})
    BOOST_TEST(asked.find("\r\n" + std::string(line) + "\r\n") != std::string::npos, line);
  BOOST_CHECK_THROW(ClientHandshake({.host = "a", .headers = {{"Upgrade", "x"}}}, options), std::invalid_argument);
}

// ---- both sides, in memory ----

BOOST_AUTO_TEST_CASE(a_client_and_a_server_agree_and_talk) {
  for (const std::size_t most : {65536, 1}) {
    std::shared_ptr<Diary> server;
    Net net(std::make_shared<http::Directory>());
    auto root = std::make_shared<websocket::Resource>(
        net.reactor, [&] { return server = std::make_shared<Diary>(true); },
        Options{.deflate = DeflateOptions{}, .subprotocols = {"v2", "v1"}});
    net.reactor.listenTCP(81, std::make_shared<http::Site>(net.reactor, root));
    net.most = most;
    auto diary = std::make_shared<Diary>();
    bool open = false;
    auto connecting = websocket::connect(net.reactor, "ws://127.0.0.1:81/socket/room?a=b", diary,
                                         {.deflate = DeflateOptions{}, .subprotocols = {"v1", "v2"}})
                          .addCallback([&](const std::shared_ptr<Diary>&) { open = true; });
    BOOST_TEST(net.reactor.tcpClients().back()->port() == 81);
    net.pumps.push_back(net.reactor.connectTo(81, net.reactor.tcpClients().back()->succeed()));
    net.flush();
    BOOST_TEST(open);
    BOOST_TEST(diary->subprotocol() == "v2");
    BOOST_TEST(server->subprotocol() == "v2");
    BOOST_TEST((diary->compression() == DeflateAgreement{.ownWindowBits = 12, .peerWindowBits = 12}));
    diary->sendMessage("hello");
    diary->sendMessage(std::string(3000, 'x'), true);
    diary->beginMessage();
    diary->beginMessageFrame(5);
    diary->sendMessageFrameData("in");
    diary->sendMessageFrameData(" pa");
    diary->sendMessageFrame("rts");
    diary->endMessage();
    diary->sendPing("?");
    net.flush();
    BOOST_TEST(diary->entries() == "open text:hello binary:3000 text:in parts pong:?");
    diary->sendClose(3000, "done");
    net.flush();
    BOOST_TEST(diary->entries() == "close:clean,3000");
    BOOST_TEST(server->entries() == "open text:hello binary:3000 text:in parts ping:? close:clean,3000");
    BOOST_TEST(net.reactor.getDelayedCalls().size() <= 2U);  // those of the Site
  }
}

BOOST_AUTO_TEST_CASE(a_client_learns_why_it_could_not_connect) {
  Net net(http::on("GET", [](http::Request&) { return http::Response::text("only text here"); }));
  auto diary = std::make_shared<Diary>();
  auto refused = websocket::connect(net.reactor, "ws://127.0.0.1/socket", diary);
  net.join();
  BOOST_TEST(
      failureOf(refused) ==
      "bight::websocket::HandshakeError: The server does not speak WebSocket at this address: it answers 200 OK.");
  BOOST_TEST(diary->entries() == "close:1006");

  auto silent = websocket::connect(net.reactor, "ws://127.0.0.1/", std::make_shared<Diary>(), {}, {.openTimeout = 3s});
  testing::IOPump pump(net.reactor.tcpClients().back()->succeed(), std::make_shared<testing::AccumulatingProtocol>());
  pump.flush();
  net.reactor.advance(3s);
  BOOST_TEST(failureOf(silent).find("did not answer the handshake in time") != std::string::npos);

  auto nobody = websocket::connect(net.reactor, "ws://127.0.0.1/", std::make_shared<Diary>());
  net.reactor.tcpClients().back()->fail(Failure(ConnectionRefusedError()));
  BOOST_TEST(failureOf(nobody).find("refused") != std::string::npos);

  auto cancelled = websocket::connect(net.reactor, "ws://127.0.0.1/", std::make_shared<Diary>());
  cancelled.cancel();
  BOOST_TEST(failureOf(cancelled).find("ancelled") != std::string::npos);

  auto late = websocket::connect(net.reactor, "ws://127.0.0.1/", std::make_shared<Diary>());
  testing::IOPump other(net.reactor.tcpClients().back()->succeed(), std::make_shared<testing::AccumulatingProtocol>());
  other.flush();
  late.cancel();
  BOOST_TEST(failureOf(late).find("ancelled") != std::string::npos);
  BOOST_TEST(other.clientTransport().aborting());

  for (const char* url : {"http://127.0.0.1/", "ws://127.0.0.1/#top", "ws://user@127.0.0.1/"})
    BOOST_CHECK_THROW(static_cast<void>(websocket::connect(net.reactor, url, std::make_shared<Diary>())),
                      std::invalid_argument);
}

/// Lets in who has a ticket, after having thought about it.
struct Doorman : Diary {
  Deferred<Acceptance> onConnect(const Opening& asked) override {
    if (asked.request.queryValue("ticket") != "gold") throw http::StatusError(402, "There is no free entry.");
    Deferred<Acceptance> later;
    decision = later.promise();
    return later;
  }
  std::optional<Promise<Acceptance>> decision;
};

BOOST_AUTO_TEST_CASE(a_server_may_think_about_it_and_refuse) {
  std::shared_ptr<Doorman> doorman;
  Net net(std::make_shared<http::Directory>());
  auto resource =
      std::make_shared<websocket::Resource>(net.reactor, [&] { return doorman = std::make_shared<Doorman>(); });
  net.reactor.listenTCP(82, std::make_shared<http::Site>(net.reactor, resource));
  const auto ask = [&](const char* url) {
    auto connecting = websocket::connect(net.reactor, url, std::make_shared<Diary>(), {.subprotocols = {"vip"}});
    net.pumps.push_back(net.reactor.connectTo(82, net.reactor.tcpClients().back()->succeed()));
    net.flush();
    return connecting;
  };
  auto poor = ask("ws://127.0.0.1:82/");
  BOOST_TEST(failureOf(poor).find("it answers 402") != std::string::npos);
  auto rich = ask("ws://127.0.0.1:82/?ticket=gold");
  BOOST_TEST(doorman->entries() == "");
  doorman->decision->callback(Acceptance{"vip", {{"Set-Cookie", "seat=1"}}});
  net.flush();
  BOOST_TEST(failureOf(rich) == "(connected)");
  BOOST_TEST(doorman->entries() == "open");
  BOOST_TEST(doorman->subprotocol() == "vip");
}

BOOST_AUTO_TEST_CASE(a_server_that_goes_away_tells_its_clients) {
  Net net(std::make_shared<http::Directory>());
  auto resource = std::make_shared<websocket::Resource>(net.reactor, [] { return std::make_shared<Diary>(); });
  net.reactor.listenTCP(82, std::make_shared<http::Site>(net.reactor, resource));
  const auto join = [&](const std::shared_ptr<Diary>& client) {
    auto connecting = websocket::connect(net.reactor, "ws://127.0.0.1:82/", client);
    net.pumps.push_back(net.reactor.connectTo(82, net.reactor.tcpClients().back()->succeed()));
    net.flush();
    return failureOf(connecting);
  };
  auto polite = std::make_shared<Diary>(), silent = std::make_shared<Diary>();
  BOOST_TEST(join(polite) == "(connected)");
  BOOST_TEST(join(silent) == "(connected)");
  BOOST_CHECK_THROW(static_cast<void>(resource->closeAll(1005)), std::invalid_argument);
  std::string gone;
  resource->closeAll(closeCode::goingAway, "Good night.", 3s).addCallback([&] { gone = "gone"; });
  silent->pauseProducing();
  net.flush();
  BOOST_TEST(polite->entries() == "open close:clean,1001");
  BOOST_TEST(polite->reason == "Good night.");
  BOOST_TEST(gone == "");
  BOOST_TEST(join(std::make_shared<Diary>()).find("it answers 503") != std::string::npos);
  net.reactor.advance(3s);
  BOOST_TEST(gone == "gone");
  BOOST_TEST(resource->closeAll().called());
}

BOOST_AUTO_TEST_CASE(clients_go_through_proxies) {
  for (const char* url : {"ws://a.example:81/x", "wss://a.example/x"}) {
    testing::MemoryReactor reactor;
    const std::string hostPort = Url(url).secure() ? "a.example:443" : "a.example:81";
    auto client = std::make_shared<Diary>();
    auto connecting = websocket::connect(reactor, url, client, {}, {.proxy = "http://u:p@10.0.0.1:3128"});
    BOOST_TEST(reactor.tcpClients().back()->host() == "10.0.0.1");
    auto proxy = std::make_shared<testing::AccumulatingProtocol>();
    testing::IOPump pump(reactor.tcpClients().back()->succeed(), proxy);
    pump.flush();
    BOOST_TEST(proxy->data() == "CONNECT " + hostPort + " HTTP/1.1\r\nHost: " + hostPort +
                                    "\r\nProxy-Authorization: Basic dTpw\r\n\r\n");
    proxy->transport().write("HTTP/1.1 200 Yes\r\n\r\n");
    pump.flush();
    const std::string behind = proxy->data().substr(proxy->data().find("\r\n\r\n") + 4);
    BOOST_TEST(behind.starts_with(Url(url).secure() ? "\x16\x03" : "GET /x HTTP/1.1\r\nHost: a.example:81\r\n"));
    if (Url(url).secure()) {
      reactor.advance(60s);  // it does not answer in time
      pump.flush();
      const std::string failure = failureOf(connecting);
      BOOST_TEST((failure != "(nothing)" && failure != "(connected)"), failure);
      continue;
    }
    // What pauses inside of the tunnel makes the proxy wait.
    const std::size_t at = behind.find("Sec-WebSocket-Key: ") + 19;
    proxy->transport().write("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
                             acceptFor(behind.substr(at, 24)) + "\r\n\r\n" +
                             frame(Opcode::text, "one", true, false, false));
    pump.flush();
    BOOST_TEST(failureOf(connecting) == "(connected)");
    BOOST_TEST(client->entries() == "open text:one");
    client->pauseProducing();
    BOOST_TEST((pump.clientTransport().producerState() == testing::StringTransport::ProducerState::paused));
    proxy->transport().write(frame(Opcode::text, "two", true, false, false));
    pump.flush();
    BOOST_TEST(client->entries() == "");
    client->resumeProducing();
    pump.flush();
    BOOST_TEST(client->entries() == "text:two");
  }
  // One that takes the connection and says nothing.
  testing::MemoryReactor reactor;
  auto connecting = websocket::connect(reactor, "ws://a.example/", std::make_shared<Diary>(), {},
                                       {.connectTimeout = 2s, .proxy = "http://10.0.0.1:3128"});
  auto proxy = std::make_shared<testing::AccumulatingProtocol>();
  testing::IOPump pump(reactor.tcpClients().back()->succeed(), proxy);
  pump.flush();
  reactor.advance(2s);
  pump.flush();
  BOOST_TEST(failureOf(connecting).starts_with("bight::TimeoutError"));
  BOOST_CHECK_THROW(static_cast<void>(websocket::connect(reactor, "ws://a.example/", std::make_shared<Diary>(), {},
                                                         {.proxy = "ftp://10.0.0.1"})),
                    std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(what_comes_right_behind_the_request_is_read) {
  std::shared_ptr<Diary> server;
  testing::MemoryReactor reactor;
  auto resource =
      std::make_shared<websocket::Resource>(reactor, [&] { return server = std::make_shared<Diary>(true); });
  reactor.listenTCP(80, std::make_shared<http::Site>(reactor, resource));
  auto raw = std::make_shared<testing::AccumulatingProtocol>();
  const auto pump = reactor.connectTo(80, raw);
  std::string bytes;
  http::appendRequest(bytes, "GET", "/", opening());
  raw->transport().write(bytes + frame(Opcode::text, "eager") + frame(Opcode::close, ""));
  pump->flush();
  reactor.advance(0s);
  pump->flush();
  BOOST_TEST(
      raw->data().ends_with("\r\n\r\n\x81\x05"
                            "eager\x88" +
                            std::string(1, '\0')));
  BOOST_TEST(server->entries() == "open text:eager close:clean,1005");
}

BOOST_AUTO_TEST_CASE(a_factory_makes_clients_for_connectors) {
  std::shared_ptr<Diary> server;
  testing::MemoryReactor reactor;
  auto resource =
      std::make_shared<websocket::Resource>(reactor, [&] { return server = std::make_shared<Diary>(true); });
  reactor.listenTCP(80, std::make_shared<http::Site>(reactor, resource));
  auto client = std::make_shared<Diary>();
  reactor.connectTCP("127.0.0.1", 80, clientFactory(reactor, "ws://a.example/x", [&] { return client; }));
  const auto pump = reactor.connectTo(80, reactor.tcpClients().back()->succeed());
  pump->flush();
  client->sendMessage("hi");
  pump->flush();
  BOOST_TEST(client->entries() == "open text:hi");
}

BOOST_AUTO_TEST_SUITE_END()
