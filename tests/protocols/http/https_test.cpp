// Client and server over TLS and real sockets, on every backend: certificates of clients, a file that is sent up, and WebSocket.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <bight/files.hpp>
#include <bight/http/client.hpp>
#include <bight/http/server.hpp>
#include <bight/reactor.hpp>
#include <bight/tls.hpp>
#include <bight/websocket.hpp>

using namespace bight;
using namespace std::chrono_literals;

namespace https_test {  // with a name: BOOST_DATA_TEST_CASE makes templates of its cases

const tls::ThrowawayAuthority& authority() {
  static const tls::ThrowawayAuthority one("the authority of the tests");
  return one;
}

class Echo : public http::Resource {
  bool isLeaf() const noexcept override { return true; }
  std::uint64_t streamedBody(const http::Request&) const override { return 1 << 30; }
  http::Answer render(http::Request& request) override {
    return request.reader().readAll(1 << 30).addCallback(
        [](std::string content) { return http::Response{200, "text/plain", {}, std::move(content)}; });
  }
};

struct SocketEcho : websocket::Protocol {
  void onMessage(std::string_view payload, bool isBinary) override { sendMessage(payload, isBinary); }
};

struct Speaker : websocket::Protocol {
  void onOpen() override { sendMessage("hello"); }
  void onMessage(std::string_view payload, bool) override {
    got = payload;
    sendClose();
  }
  void onClose(bool wasClean, std::uint16_t code, std::string_view) override {
    if (wasClean && code == 1000) got += ", and a good end";
  }
  std::string got;
};

// A server that wants its clients' certificates, and what a client needs to speak to it.
struct House {
  explicit House(const std::string& backend) : reactor(makeReactor(backend)) {
    auto root = std::make_shared<http::Directory>();
    root->putChild("echo", std::make_shared<Echo>());
    root->putChild("socket",
                   std::make_shared<websocket::Resource>(*reactor, [] { return std::make_shared<SocketEcho>(); }));
    const tls::ServerContext context({.identities = {authority().issue({"127.0.0.1"})},
                                      .clientCertificates = tls::ClientCertificates::required,
                                      .clientTrust = authority().trust()});
    port = reactor->listenTCP(0, tls::wrapServer(*reactor, std::make_shared<http::Site>(*reactor, root), context),
                              {.interface = "127.0.0.1"});
  }
  std::string url(const std::string& scheme, const std::string& path) const {
    return scheme + "://127.0.0.1:" + std::to_string(port->getHost().port()) + path;
  }
  static tls::ClientContext member() {
    return tls::ClientContext({.trust = authority().trust(), .identity = authority().issue({"a member"})});
  }
  http::Client client(tls::ClientContext context) const {
    http::AgentOptions options;
    options.tls = std::move(context);
    return http::Client(std::make_shared<http::NetworkAgent>(*reactor, std::move(options)));
  }
  template <class T>
  std::optional<Result<T>> result(Deferred<T> deferred) {
    std::optional<Result<T>> came;
    deferred.addBoth([&came](Result<T> r) { came = std::move(r); });
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!came && std::chrono::steady_clock::now() < limit) reactor->iterate(20ms);
    if (!came) deferred.cancel();
    return came;
  }

  std::unique_ptr<Reactor> reactor;
  std::shared_ptr<Port> port;
};

auto reactors() {
  return boost::unit_test::data::make(availableReactors());
}

Deferred<std::string> send(http::Client client, std::string url, http::RequestBody body) {
  http::RequestOptions options;
  options.data = std::move(body);
  Deferred<http::ClientResponse> answer = client.put(url, std::move(options));
  http::ClientResponse response = co_await std::move(answer);
  Deferred<std::string> content = response.content();
  co_return co_await std::move(content);
}

}  // namespace https_test

using namespace https_test;

BOOST_AUTO_TEST_SUITE(HttpsTest)

BOOST_DATA_TEST_CASE(who_shows_a_certificate_is_served_and_who_shows_none_is_not, reactors(), backend) {
  House house(backend);
  const auto member = house.result(send(house.client(House::member()), house.url("https", "/echo"), "it is me"));
  BOOST_REQUIRE(member);
  BOOST_TEST(member->value() == "it is me");
  const tls::ClientContext nobody({.trust = authority().trust()});
  const auto stranger = house.result(send(house.client(nobody), house.url("https", "/echo"), "let me in"));
  BOOST_REQUIRE(stranger);
  BOOST_REQUIRE(!*stranger);
  BOOST_TEST(stranger->failure().check<http::RequestError>());
}

BOOST_DATA_TEST_CASE(a_file_goes_up_in_step_with_the_server, reactors(), backend) {
  House house(backend);
  std::string content(3'000'000, 'x');
  for (std::size_t i = 0; i < content.size(); i += 7) content[i] = static_cast<char>('a' + i % 26);
  char place[] = "/tmp/bight-upload-XXXXXX";
  ::close(::mkstemp(place));
  std::ofstream(place, std::ios::binary) << content;
  const auto opened = house.result(openFile(*house.reactor, place));
  std::remove(place);
  BOOST_REQUIRE(opened);
  const auto file = std::make_shared<File>(opened->value());
  for (const bool announced : {true, false}) {
    std::uint64_t at = 0;
    auto next = [file, &at] {
      return file->readAt(at, 65536).addCallback([&at](std::string piece) {
        at += piece.size();
        return piece;
      });
    };
    auto length = announced ? std::optional<std::uint64_t>(content.size()) : std::nullopt;
    const auto back = house.result(send(house.client(House::member()), house.url("https", "/echo"),
                                        http::RequestBody::stream(std::move(next), length)));
    BOOST_REQUIRE(back);
    BOOST_TEST((back->value() == content));
  }
}

BOOST_DATA_TEST_CASE(a_connection_over_tls_is_upgraded, reactors(), backend) {
  House house(backend);
  auto speaker = std::make_shared<Speaker>();
  websocket::ConnectOptions how;
  how.tls = House::member();
  const auto open = house.result(
      websocket::connect(*house.reactor, house.url("wss", "/socket"), speaker, websocket::Options(), std::move(how)));
  BOOST_REQUIRE(open);
  BOOST_TEST(open->hasValue());
  for (int i = 0; i < 200 && !speaker->got.ends_with("end"); ++i) house.reactor->iterate(20ms);
  BOOST_TEST(speaker->got == "hello, and a good end");
}

BOOST_AUTO_TEST_SUITE_END()
