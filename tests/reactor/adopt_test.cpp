#include <bight/adopt.hpp>

#include <sys/un.h>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(adopted_sockets)

using namespace tcp_test;

namespace adopt_test {

/// A socket without a reactor, bound to 127.0.0.1 if it is an IPv4 one.
FileDescriptor rawSocket(int family, int type) {
  FileDescriptor fd(::socket(family, type | SOCK_CLOEXEC, 0));
  BOOST_REQUIRE(fd);
  if (family == AF_INET) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE_EQUAL(::bind(fd.get(), reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
  }
  return fd;
}
std::pair<FileDescriptor, FileDescriptor> rawPair(int type) {
  int fds[2];
  BOOST_REQUIRE_EQUAL(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
  return {FileDescriptor(fds[0]), FileDescriptor(fds[1])};
}
std::string receive(int fd) {
  char buffer[100];
  const ssize_t got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  return got < 0 ? "nothing" : std::string(buffer, static_cast<std::size_t>(got));
}
bool isOpen(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

class Letters : public DatagramProtocol {
 public:
  void datagramReceived(std::string_view data, const Address&) override { received.emplace_back(data); }
  std::vector<std::string> received;
};

}  // namespace adopt_test

using namespace adopt_test;

// B59: the reactor works on a duplicate; the port is as any other, but cannot be opened again.
BOOST_DATA_TEST_CASE(a_listening_socket_is_adopted, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto factory = std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
  auto socket = rawSocket(AF_INET, SOCK_STREAM);
  BOOST_REQUIRE_EQUAL(::listen(socket.get(), 5), 0);
  const auto port = reactor->adoptStreamPort(socket.get(), AddressFamily::ipv4, factory);
  socket.reset();
  RawPeer peer(port->getHost().port());
  spin(*reactor, [&] { return factory->built.size() == 1; });
  BOOST_TEST(factory->events == std::vector<std::string>{"start"}, boost::test_tools::per_element());
  port->stopListening();
  BOOST_TEST(factory->events == (std::vector<std::string>{"start", "stop"}), boost::test_tools::per_element());
  BOOST_CHECK_THROW(port->startListening(), std::logic_error);
}

// B59: the file of an adopted UNIX socket belongs to who made it.
BOOST_DATA_TEST_CASE(an_adopted_unix_socket_keeps_its_file, systemReactors(), backend) {
  auto reactor = makeReactor(backend);
  char directory[] = "/tmp/bight-adopt-XXXXXX";
  BOOST_REQUIRE(::mkdtemp(directory));
  const std::string path = std::string(directory) + "/s";
  const auto socket = rawSocket(AF_UNIX, SOCK_STREAM);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  BOOST_REQUIRE_EQUAL(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  BOOST_REQUIRE_EQUAL(::listen(socket.get(), 5), 0);
  const auto server = std::make_shared<Probe>();
  const auto client = std::make_shared<Probe>();
  reactor->adoptStreamPort(socket.get(), AddressFamily::local, std::make_shared<ProbeFactory>([&] { return server; }));
  reactor->connectUNIX(path, std::make_shared<ProbeClientFactory>([&] { return client; }));
  spin(*reactor, [&] { return server->made() && client->made(); });
  reactor.reset();
  BOOST_TEST(::unlink(path.c_str()) == 0);
  ::rmdir(directory);
}

// B59: a connection; the factory is neither started nor stopped, and may refuse.
BOOST_DATA_TEST_CASE(a_connected_socket_is_adopted, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  auto [ours, theirs] = rawPair(SOCK_STREAM);
  const auto factory = std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
  const auto protocol =
      std::dynamic_pointer_cast<Probe>(reactor->adoptStreamConnection(ours.get(), AddressFamily::local, factory));
  BOOST_REQUIRE(protocol);
  BOOST_TEST(protocol->made());
  BOOST_TEST(isOpen(ours.get()));
  ours.reset();
  protocol->transport().write("hello");
  BOOST_TEST(::send(theirs.get(), "hi", 2, 0) == 2);
  spin(*reactor, [&] { return protocol->data() == "hi"; });
  BOOST_TEST(receive(theirs.get()) == "hello");
  theirs.reset();
  spin(*reactor, [&] { return protocol->closed(); });
  BOOST_TEST(is<ConnectionDone>(protocol->closedReason()));
  BOOST_TEST(factory->events.empty());

  auto [kept, other] = rawPair(SOCK_STREAM);
  const auto refusing = std::make_shared<ProbeFactory>([] { return nullptr; });
  BOOST_TEST(!reactor->adoptStreamConnection(kept.get(), AddressFamily::any, refusing));
  const auto throwing =
      std::make_shared<ProbeFactory>([]() -> std::shared_ptr<Protocol> { throw std::domain_error("no"); });
  BOOST_CHECK_THROW(reactor->adoptStreamConnection(kept.get(), AddressFamily::any, throwing), std::domain_error);
  BOOST_TEST(receive(other.get()) == "nothing");
  kept.reset();
  turns(*reactor);
  BOOST_TEST(receive(other.get()) == "");  // no duplicate is left open
}

// B59: datagrams, connected or not, of either kind.
BOOST_DATA_TEST_CASE(datagram_sockets_are_adopted, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  auto [ours, theirs] = rawPair(SOCK_DGRAM);
  const auto letters = std::make_shared<Letters>();
  const auto pairPort = reactor->adoptDatagramPort(ours.get(), AddressFamily::local, letters);
  BOOST_TEST(pairPort->getPeer().has_value());
  BOOST_TEST(!pairPort->write("out"));
  BOOST_TEST(receive(theirs.get()) == "out");
  BOOST_TEST(::send(theirs.get(), "in", 2, 0) == 2);
  spin(*reactor, [&] { return letters->received.size() == 1; });

  auto udp = rawSocket(AF_INET, SOCK_DGRAM);
  const auto echo = std::make_shared<Letters>();
  const auto port = reactor->adoptDatagramPort(udp.get(), AddressFamily::ipv4, echo, 3);
  udp.reset();
  BOOST_TEST(!port->getPeer());
  port->write("to myself", port->getHost());
  spin(*reactor, [&] { return echo->received.size() == 1; });
  BOOST_TEST(echo->received[0] == "to ");
  bool done = false;
  port->stopListening().addCallback([&] { done = true; });
  spin(*reactor, [&] { return done; });
  BOOST_CHECK_THROW(port->startListening(), std::logic_error);
}

// B59: what does not fit is refused with a message that says what it is, and nothing is left open.
BOOST_DATA_TEST_CASE(what_does_not_fit_is_refused, systemReactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto factory = std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
  const auto letters = std::make_shared<Letters>();
  const auto stream = rawSocket(AF_INET, SOCK_STREAM);
  const auto datagram = rawSocket(AF_INET, SOCK_DGRAM);
  auto [local, other] = rawPair(SOCK_STREAM);
  const FileDescriptor file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const int next = FileDescriptor::duplicate(0).get();
  const auto says = [](const std::string& text) {
    return [text](const std::exception& e) {
      BOOST_TEST_CONTEXT(e.what()) BOOST_TEST(std::string(e.what()).find(text) != std::string::npos);
      return true;
    };
  };
  const auto any = AddressFamily::any;
  BOOST_CHECK_THROW(reactor->adoptStreamPort(-1, any, factory), std::system_error);
  BOOST_CHECK_THROW(reactor->adoptStreamConnection(9999, any, factory), std::system_error);
  BOOST_CHECK_THROW(reactor->adoptDatagramPort(-1, any, letters), std::system_error);
  BOOST_CHECK_THROW(reactor->adoptStreamPort(stream.get(), any, nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->adoptStreamConnection(local.get(), any, nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->adoptDatagramPort(datagram.get(), any, nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->adoptDatagramPort(datagram.get(), any, letters, 0), std::invalid_argument);
  BOOST_CHECK_EXCEPTION(reactor->adoptStreamPort(file.get(), any, factory), UnsupportedSocketType,
                        says("is not a socket"));
  BOOST_CHECK_EXCEPTION(reactor->adoptStreamPort(datagram.get(), any, factory), UnsupportedSocketType,
                        says("is a datagram socket"));
  BOOST_CHECK_EXCEPTION(reactor->adoptDatagramPort(stream.get(), any, letters), UnsupportedSocketType,
                        says("is a stream socket"));
  BOOST_CHECK_EXCEPTION(reactor->adoptStreamPort(stream.get(), any, factory), UnsupportedSocketType,
                        says("does not listen"));
  BOOST_CHECK_EXCEPTION(reactor->adoptStreamConnection(stream.get(), any, factory), UnsupportedSocketType,
                        says("is not connected"));
  BOOST_CHECK_EXCEPTION(reactor->adoptStreamConnection(local.get(), AddressFamily::ipv6, factory),
                        UnsupportedAddressFamily, says("is of the family UNIX, and not IPv6"));
  BOOST_CHECK_EXCEPTION(reactor->adoptDatagramPort(datagram.get(), AddressFamily::local, letters),
                        UnsupportedAddressFamily, says("is of the family IPv4, and not UNIX"));
  BOOST_TEST(FileDescriptor::duplicate(0).get() == next);
  BOOST_TEST(factory->built.empty());
}

BOOST_AUTO_TEST_SUITE_END()
