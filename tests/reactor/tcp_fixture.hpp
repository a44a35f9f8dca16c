// What the TCP tests share: a reactor of each kind, protocols that can be told what to do, and a raw peer.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>
#include <bight/log.hpp>
#include <bight/reactor.hpp>
#include <bight/testing.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace tcp_test {

using namespace bight;
using namespace std::chrono_literals;

/// Every reactor of this system: tests that have sockets of their own run on all of them.
inline auto systemReactors() {
  return boost::unit_test::data::make(availableReactors());
}

/// The simulated one, too: whatever only speaks to the reactor runs on all of these.
inline auto reactors() {
  auto names = availableReactors();
  names.emplace_back("simulated");
  return boost::unit_test::data::make(std::move(names));
}

/// Turns the loop until `done()`; the limit is only there so that a broken test ends.
template <class Done>
void spin(Reactor& reactor, Done&& done) {
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > limit) BOOST_FAIL("what the test waits for does not happen");
    reactor.iterate(20ms);
  }
}

/// A few turns in which nothing is expected to happen.
inline void turns(Reactor& reactor, int count = 5) {
  for (int i = 0; i < count; ++i) reactor.iterate(1ms);
}

/// Remembers, and does what the test wants done.
class Probe : public testing::AccumulatingProtocol {
 public:
  void connectionMade() override {
    AccumulatingProtocol::connectionMade();
    if (onMade) onMade(*this);
  }
  void dataReceived(std::string_view data) override {
    AccumulatingProtocol::dataReceived(data);
    if (onData) onData(*this, data);
  }
  void connectionLost(const Failure& reason) override {
    AccumulatingProtocol::connectionLost(reason);
    if (onLost) onLost(*this, reason);
  }
  using Protocol::track;

  std::function<void(Probe&)> onMade;
  std::function<void(Probe&, std::string_view)> onData;
  std::function<void(Probe&, const Failure&)> onLost;
};

/// A probe that goes on when half of the connection has ended.
class HalfProbe : public Probe, public HalfCloseable {
 public:
  void readConnectionLost() override {
    ++readLost;
    if (onReadLost) onReadLost(*this);
  }
  void writeConnectionLost() override {
    ++writeLost;
    if (onWriteLost) onWriteLost(*this);
  }

  int readLost = 0;
  int writeLost = 0;
  std::function<void(HalfProbe&)> onReadLost;
  std::function<void(HalfProbe&)> onWriteLost;
};

/// Gives out what `make` makes, and keeps it.
template <class Base>
class ProbeFactoryOf : public Base {
 public:
  using Make = std::function<std::shared_ptr<Protocol>()>;
  explicit ProbeFactoryOf(Make f) : make(std::move(f)) {}

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override {
    peers.push_back(peer);
    auto protocol = make();
    built.push_back(protocol);
    return protocol;
  }
  void startFactory() override { events.push_back("start"); }
  void stopFactory() override { events.push_back("stop"); }

  Make make;
  std::vector<std::shared_ptr<Protocol>> built;
  std::vector<Address> peers;
  std::vector<std::string> events;
};

using ProbeFactory = ProbeFactoryOf<Factory>;

class ProbeClientFactory : public ProbeFactoryOf<ClientFactory> {
 public:
  using ProbeFactoryOf::ProbeFactoryOf;
  void startedConnecting(Connector& connector) override {
    events.push_back("started");
    if (onStarted) onStarted(connector);
  }
  void clientConnectionFailed(Connector& connector, const Failure& why) override {
    events.push_back("failed");
    reason = why;
    if (onFailed) onFailed(connector);
  }
  void clientConnectionLost(Connector& connector, const Failure& why) override {
    events.push_back("lost");
    reason = why;
    if (onGone) onGone(connector);
  }

  std::optional<Failure> reason;
  std::function<void(Connector&)> onStarted;
  std::function<void(Connector&)> onFailed;
  std::function<void(Connector&)> onGone;
};

/// A reactor and two connected probes.
template <class ServerProbe = Probe, class ClientProbe = Probe>
struct Pair {
  explicit Pair(const std::string& backend, const std::function<void(ServerProbe&, ClientProbe&)>& prepare = {})
      : reactor(makeReactor(backend)) {
    server = std::make_shared<ServerProbe>();
    client = std::make_shared<ClientProbe>();
    if (prepare) prepare(*server, *client);
    serverFactory = std::make_shared<ProbeFactory>([this] { return server; });
    clientFactory = std::make_shared<ProbeClientFactory>([this] { return client; });
    port = reactor->listenTCP(0, serverFactory, {.interface = "127.0.0.1"});
    connector = reactor->connectTCP("127.0.0.1", port->getHost().port(), clientFactory);
    spin(*reactor, [this] { return server->made() && client->made(); });
  }

  void spinUntil(const std::function<bool()>& done) { spin(*reactor, done); }
  void spinUntilClosed() {
    spin(*reactor, [this] { return server->closed() && client->closed(); });
  }

  std::unique_ptr<Reactor> reactor;
  std::shared_ptr<ServerProbe> server;
  std::shared_ptr<ClientProbe> client;
  std::shared_ptr<ProbeFactory> serverFactory;
  std::shared_ptr<ProbeClientFactory> clientFactory;
  std::shared_ptr<Port> port;
  std::shared_ptr<Connector> connector;
};

/// A socket without a reactor: a peer that does exactly what it is told, also what no protocol does.
class RawPeer {
 public:
  explicit RawPeer(std::uint16_t port, int receiveBuffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receiveBuffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE_EQUAL(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
  }
  ~RawPeer() { close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void send(std::string_view bytes) {
    BOOST_REQUIRE_EQUAL(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  /// Reads what is there. @return false at the end
  bool receive(std::size_t most = 65536) {
    std::string buffer(most, '\0');
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got > 0) data.append(buffer, 0, static_cast<std::size_t>(got));
    if (got < 0 && errno != EAGAIN) error = errno;
    return got > 0 || (got < 0 && errno == EAGAIN);
  }
  void endWriting() { ::shutdown(fd_, SHUT_WR); }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  std::string data;
  int error = 0;

 private:
  int fd_;
};

/// Whether there is a reason, and it is an E.
template <class E>
bool is(const std::optional<Failure>& reason) {
  return reason && reason->check<E>();
}

/// The system's error number in a reason, or -1 if it is no ConnectionLost.
inline int osErrorOf(const std::optional<Failure>& reason) {
  const auto* lost = reason ? reason->get<ConnectionLost>() : nullptr;
  return lost ? lost->osError() : -1;
}

/// Collects what is logged, instead of stderr.
class LogCatcher {
 public:
  LogCatcher() {
    removeLogObserver(stderrLogObserver);
    id_ = addLogObserver([this](const LogEvent& event) {
      if (event.level >= LogLevel::warn) lines.push_back(formatLogEvent(event));
    });
  }
  ~LogCatcher() { removeLogObserver(id_); }
  LogCatcher(const LogCatcher&) = delete;
  LogCatcher& operator=(const LogCatcher&) = delete;

  std::size_t count(std::string_view text) const {
    std::size_t n = 0;
    for (const auto& line : lines) n += line.find(text) != std::string::npos;
    return n;
  }

  std::vector<std::string> lines;

 private:
  LogObserverId id_{};
};

}  // namespace tcp_test
