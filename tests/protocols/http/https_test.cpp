// Client and server over TLS and real sockets, on every backend: certificates of clients, a file that is sent up, and WebSocket.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
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

BOOST_AUTO_TEST_SUITE(HttpsTest)

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
    over->callback(got + (wasClean && code == 1000 ? ", and a good end" : ", and no good one"));
  }
  std::string got;
  std::optional<Promise<std::string>> over;
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
  // Runs the reactor until it has a result.
  template <class F>
  Result<std::string> result(F ask) {
    std::optional<Result<std::string>> came;
    reactor->callLater(20s, [this] { reactor->stop(); });
    reactor->callWhenRunning([&] {
      ask().addBoth([&](Result<std::string> r) {
        came = std::move(r);
        reactor->stop();
      });
    });
    reactor->run();
    BOOST_REQUIRE(came);
    return *std::move(came);
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

// The file twice: with its length, and in chunks.
Deferred<std::string> sendFile(http::Client client, std::string url, Reactor& reactor, std::string path,
                               std::size_t size) {
  Deferred<File> opening = openFile(reactor, path);
  const auto file = std::make_shared<File>(co_await std::move(opening));
  std::string back;
  for (int turn = 0; turn < 2; ++turn) {
    const auto at = std::make_shared<std::uint64_t>(0);
    auto next = [file, at] {
      return file->readAt(*at, 65536).addCallback([at](std::string piece) {
        *at += piece.size();
        return piece;
      });
    };
    auto length = turn == 0 ? std::optional<std::uint64_t>(size) : std::nullopt;
    Deferred<std::string> sending = send(client, url, http::RequestBody::stream(std::move(next), length));
    back += co_await std::move(sending);
  }
  co_return back;
}

}  // namespace https_test

using namespace https_test;

BOOST_DATA_TEST_CASE(who_shows_a_certificate_is_served_and_who_shows_none_is_not, reactors(), backend) {
  House house(backend);
  const Result<std::string> member =
      house.result([&] { return send(house.client(House::member()), house.url("https", "/echo"), "it is me"); });
  BOOST_TEST(member.value() == "it is me");
  House other(backend);
  const tls::ClientContext nobody({.trust = authority().trust()});
  const Result<std::string> stranger =
      other.result([&] { return send(other.client(nobody), other.url("https", "/echo"), "let me in"); });
  BOOST_REQUIRE(!stranger);
  BOOST_TEST(stranger.failure().check<http::RequestError>());
}

BOOST_DATA_TEST_CASE(a_file_goes_up_in_step_with_the_server, reactors(), backend) {
  House house(backend);
  std::string content(3'000'000, 'x');
  for (std::size_t i = 0; i < content.size(); i += 7) content[i] = static_cast<char>('a' + i % 26);
  std::string place = "/tmp/bight-upload-XXXXXX";
  ::close(::mkstemp(place.data()));
  std::ofstream(place, std::ios::binary) << content;
  const Result<std::string> back = house.result([&] {
    return sendFile(house.client(House::member()), house.url("https", "/echo"), *house.reactor, place, content.size());
  });
  std::remove(place.c_str());
  BOOST_TEST((back.value() == content + content));
}

BOOST_DATA_TEST_CASE(a_connection_over_tls_is_upgraded, reactors(), backend) {
  House house(backend);
  auto speaker = std::make_shared<Speaker>();
  const Result<std::string> said = house.result([&] {
    Deferred<std::string> over;
    speaker->over = over.promise();
    websocket::ConnectOptions how;
    how.tls = House::member();
    websocket::connect(*house.reactor, house.url("wss", "/socket"), speaker, websocket::Options(), std::move(how))
        .addCallbacks([](const std::shared_ptr<Speaker>&) {},
                      [](const Failure& f) { BOOST_ERROR(f.getErrorMessage()); });
    return over;
  });
  BOOST_TEST(said.value() == "hello, and a good end");
}

BOOST_AUTO_TEST_SUITE_END()
