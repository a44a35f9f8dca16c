// The server over real sockets, on every backend: what the tests in memory cannot show.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <bight/http/server.hpp>
#include <bight/reactor.hpp>

#include "site_fixture.hpp"

BOOST_AUTO_TEST_SUITE(SiteOverSockets)

using namespace bight;
using namespace bight::http;
using namespace std::chrono_literals;
using bight::http::testcases::get;
using bight::http::testcases::textAnswer;
using bight::http::testcases::withoutDates;

namespace http_socket_test {  // with a name: BOOST_DATA_TEST_CASE makes templates of its cases

auto reactors() {
  return boost::unit_test::data::make(availableReactors());
}

// A plain client: it writes what it can, and collects what comes.
class Client {
 public:
  explicit Client(int port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  Client(Client&& other) noexcept : received(std::move(other.received)), fd_(std::exchange(other.fd_, -1)) {}
  ~Client() { close(); }

  // How much of it the system took.
  std::size_t send(std::string_view bytes) const {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  void read() {
    char buffer[65536];
    for (;;) {
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n > 0) {
        received.append(buffer, static_cast<std::size_t>(n));
      } else {
        ended = n == 0;
        reset = n < 0 && errno == ECONNRESET;
        return;
      }
    }
  }
  void shutdownWrites() const { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  std::string text() const { return withoutDates(received); }

  std::string received;
  bool ended = false;
  bool reset = false;

 private:
  int fd_;
};

// "/hello", "/later" (held), "/events" (a stream that is kept), "/large" (4 MiB).
struct Server {
  explicit Server(const std::string& backend) : reactor(makeReactor(backend)) {
    root->putChild("hello", on("GET", [](Request&) { return Response::text("Hello!"); }));
    root->putChild("later", on("GET", [this](Request&) {
                     Deferred<Response> d([this] { ++cancelled; });
                     waiting.push_back(d.promise());
                     return d;
                   }));
    root->putChild("events", on("GET", [this](Request& request) -> Answer {
                     streams.emplace_back(request, Response{200, "text/event-stream"});
                     streams.back().ended().addCallback([this](bool finished) { cutOff += !finished; });
                     return streams.back();
                   }));
    root->putChild("large", on("GET", [](Request&) { return Response::text(std::string(4 << 20, 'x')); }));
    port = reactor->listenTCP(0, std::make_shared<Site>(*reactor, root), {.interface = "127.0.0.1"});
  }
  Client connect() const { return Client(port->getHost().port()); }
  template <class Done>
  void until(Done&& done) {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
      if (std::chrono::steady_clock::now() > limit) BOOST_FAIL("what the test waits for does not happen");
      reactor->iterate(5ms);
    }
  }

  std::unique_ptr<Reactor> reactor;
  std::shared_ptr<Directory> root = std::make_shared<Directory>();
  std::shared_ptr<Port> port;
  std::vector<Promise<Response>> waiting;
  std::vector<ResponseStream> streams;
  int cancelled = 0;
  int cutOff = 0;
};

}  // namespace http_socket_test

using namespace http_socket_test;

BOOST_DATA_TEST_CASE(requests_are_answered_in_order_over_one_connection, reactors(), backend) {
  Server server(backend);
  Client client = server.connect();
  client.send(get("/hello") + get("/later") + get("/hello"));
  server.until([&] { return server.waiting.size() == 1; });
  server.waiting[0].callback(Response::text("now"));
  const std::string expected = textAnswer("Hello!") + textAnswer("now") + textAnswer("Hello!");
  server.until([&] { return client.read(), client.text().size() >= expected.size(); });
  BOOST_TEST(client.text() == expected);
  client.send(get("/hello", "Connection: close\r\n"));
  server.until([&] { return client.read(), client.ended; });
  BOOST_TEST(client.text() == expected + textAnswer("Hello!", "Connection: close\r\n"));
}

BOOST_DATA_TEST_CASE(a_client_that_closes_cancels_what_it_waited_for, reactors(), backend) {
  Server server(backend);
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(server.connect());
  for (Client& client : clients) client.send(get("/later"));
  server.until([&] { return server.waiting.size() == 3; });
  clients[0].close();
  clients[1].shutdownWrites();
  server.until([&] { return server.cancelled == 2; });
  for (auto& promise : server.waiting) {
    if (!promise.called()) promise.callback(Response::text("for you"));
  }
  server.until([&] { return clients[2].read(), !clients[2].received.empty(); });
  BOOST_TEST(clients[2].text() == textAnswer("for you"));
}

// To close a socket while input is unread makes the system reset the connection, and the answer may be lost on its way.
BOOST_DATA_TEST_CASE(a_client_in_the_middle_of_sending_rubbish_can_still_read_what_is_wrong, reactors(), backend) {
  Server server(backend);
  Client client = server.connect();
  client.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n");
  const std::string rubbish(256 * 1024, 'x');
  for (std::size_t sent = 0; sent < rubbish.size();) {
    sent += client.send(std::string_view(rubbish).substr(sent));
    server.reactor->iterate(1ms);
  }
  client.shutdownWrites();
  server.until([&] { return client.read(), client.ended || client.reset; });
  BOOST_TEST(client.ended);
  BOOST_TEST(client.received.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  BOOST_TEST(client.received.ends_with("There is white space in or after the name of a header field.\n"));
}

BOOST_DATA_TEST_CASE(one_event_reaches_many_streams, reactors(), backend) {
  Server server(backend);
  std::vector<Client> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(server.connect());
  for (Client& client : clients) client.send(get("/events"));
  server.until([&] { return server.streams.size() == clients.size(); });
  clients[7].close();
  server.until([&] { return server.cutOff == 1; });
  for (ResponseStream& stream : server.streams) stream.write("data: hi\n\n");
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (i == 7) continue;
    server.until(
        [&] { return clients[i].read(), clients[i].received.find("a\r\ndata: hi\n\n\r\n") != std::string::npos; });
  }
  for (ResponseStream& stream : server.streams) stream.finish();
  server.until([&] { return clients[0].read(), clients[0].received.ends_with("\r\n0\r\n\r\n"); });
  clients[0].send(get("/hello"));
  server.until([&] { return clients[0].read(), clients[0].text().ends_with(textAnswer("Hello!")); });
}

BOOST_DATA_TEST_CASE(a_slow_reader_gets_all_of_a_large_answer_and_then_the_next, reactors(), backend) {
  Server server(backend);
  Client client = server.connect();
  client.send(get("/large") + get("/hello"));
  for (int i = 0; i < 20; ++i) server.reactor->iterate(1ms);  // nobody reads: what is left over waits in the server
  const std::string expected = textAnswer(std::string(4 << 20, 'x')) + textAnswer("Hello!");
  server.until([&] { return client.read(), client.text().size() >= expected.size(); });
  BOOST_TEST((client.text() == expected));
}

BOOST_DATA_TEST_CASE(all_who_wait_are_answered_by_one_loop, reactors(), backend) {
  Server server(backend);
  std::vector<Client> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(server.connect());
    clients.back().send(get("/later"));
    server.reactor->iterate(0ms);  // keep the queue of connections that wait to be accepted short
  }
  server.until([&] { return server.waiting.size() == clients.size(); });
  for (auto& promise : server.waiting) promise.callback(Response::text("news"));
  for (Client& client : clients) {
    server.until([&] { return client.read(), !client.received.empty(); });
    BOOST_TEST(client.text() == textAnswer("news"));
  }
}

// B7: the end of the reactor is the end of its connections.
BOOST_DATA_TEST_CASE(a_reactor_that_ends_cancels_what_is_awaited, reactors(), backend) {
  auto server = std::make_unique<Server>(backend);
  Client client = server->connect();
  client.send(get("/later"));
  Client streaming = server->connect();
  streaming.send(get("/events"));
  server->until([&] { return server->waiting.size() == 1 && server->streams.size() == 1; });
  server->reactor.reset();
  BOOST_TEST(server->cancelled == 1);
  BOOST_TEST(server->cutOff == 1);
  BOOST_TEST(!server->streams[0].write("too late"));
}

BOOST_AUTO_TEST_SUITE_END()
