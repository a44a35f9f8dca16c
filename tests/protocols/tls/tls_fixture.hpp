// What the TLS tests share: certificates, protocols that can be told what to do, and two of them connected in memory.
#pragma once

#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>
#include <bight/testing.hpp>
#include <bight/tls.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tls_test {

using namespace bight;
using namespace std::chrono_literals;
using tls::VerificationError;

/// The authority of all tests; making keys costs time.
inline const tls::ThrowawayAuthority& authority() {
  static const tls::ThrowawayAuthority one("the authority of the tests");
  return one;
}

/// A certificate for a.example.
inline const tls::Identity& identity() {
  static const tls::Identity one = authority().issue({"a.example"});
  return one;
}

inline tls::ServerOptions serverOptions() {
  return {.identities = {identity()}};
}
inline tls::ClientOptions clientOptions() {
  return {.trust = authority().trust()};
}

/// A text of `size` bytes in which nothing repeats soon.
inline std::string text(std::size_t size) {
  std::string made(size, '\0');
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<char>(i * 7 + i / 251);
  return made;
}

template <class E>
bool is(const std::optional<Failure>& reason) {
  return reason && reason->check<E>();
}
template <class E>
bool isExactly(const std::optional<Failure>& reason) {
  return reason && reason->typeName() == typeName(typeid(E));
}
inline std::string message(const std::optional<Failure>& reason) {
  return reason ? reason->getErrorMessage() : "no reason at all";
}

/// Remembers, and does what the test wants done.
class Probe : public testing::AccumulatingProtocol, public tls::HandshakeListener {
 public:
  void connectionMade() override {
    AccumulatingProtocol::connectionMade();
    events.push_back("made");
    if (onMade) onMade(*this);
  }
  void handshakeCompleted() override {
    events.push_back("secure");
    if (onSecure) onSecure(*this);
  }
  void dataReceived(std::string_view data) override {
    AccumulatingProtocol::dataReceived(data);
    largest = std::max(largest, data.size());
    if (onData) onData(*this, data);
  }
  void connectionLost(const Failure& reason) override {
    AccumulatingProtocol::connectionLost(reason);
    events.push_back("lost");
    if (onLost) onLost(*this, reason);
  }
  tls::Connection& connection() const { return *tls::Connection::of(transport()); }

  std::function<void(Probe&)> onMade;
  std::function<void(Probe&)> onSecure;
  std::function<void(Probe&, std::string_view)> onData;
  std::function<void(Probe&, const Failure&)> onLost;
  std::vector<std::string> events;
  std::size_t largest = 0;
};

/// A probe that goes on when half of the connection has ended.
class HalfProbe : public Probe, public HalfCloseable {
 public:
  void readConnectionLost() override {
    events.push_back("read lost");
    if (onReadLost) onReadLost(*this);
  }
  void writeConnectionLost() override { events.push_back("write lost"); }

  std::function<void(HalfProbe&)> onReadLost;
};

/// Two probes with TLS and a pump between them.
template <class ServerProbe = Probe, class ClientProbe = Probe>
struct Link {
  explicit Link(const tls::ServerContext& serverContext = tls::ServerContext(serverOptions()),
                const tls::ClientContext& clientContext = tls::ClientContext(clientOptions()),
                const std::string& hostname = "a.example",
                const std::function<void(ServerProbe&, ClientProbe&)>& prepare = {}) {
    server = std::make_shared<ServerProbe>();
    client = std::make_shared<ClientProbe>();
    if (prepare) prepare(*server, *client);
    pump = std::make_unique<testing::IOPump>(tls::clientProtocol(clock, client, clientContext, hostname),
                                             tls::serverProtocol(clock, server, serverContext));
  }
  explicit Link(const std::function<void(ServerProbe&, ClientProbe&)>& prepare)
      : Link(tls::ServerContext(serverOptions()), tls::ClientContext(clientOptions()), "a.example", prepare) {}

  void flush(std::size_t most = 65536) { pump->flush(most); }
  bool secure() const { return client->connection().secure() && server->connection().secure(); }

  testing::Clock clock;
  std::shared_ptr<ServerProbe> server;
  std::shared_ptr<ClientProbe> client;
  std::unique_ptr<testing::IOPump> pump;
};

}  // namespace tls_test
