// What the tests of port forwarding and of SOCKS share: two connections, one behind the other, with what is tested between them.
#pragma once

#include <bight/port_forward.hpp>
#include <bight/tcp_endpoints.hpp>
#include <bight/testing.hpp>
#include <memory>

#include "../reactor/tcp_fixture.hpp"

namespace relay_test {

using namespace bight;
using namespace std::chrono_literals;
using namespace std::string_literals;
using tcp_test::HalfProbe;
using tcp_test::is;
using tcp_test::Probe;
using tcp_test::spin;

/// Two pumps, one behind the other, with what is tested between them.
struct Chain {
  testing::LogCapture quiet;
  testing::MemoryReactor reactor;
  std::shared_ptr<HalfProbe> client = std::make_shared<HalfProbe>();
  std::shared_ptr<HalfProbe> server = std::make_shared<HalfProbe>();
  std::unique_ptr<testing::IOPump> front;
  std::unique_ptr<testing::IOPump> back;

  explicit Chain(std::shared_ptr<Factory> middle) {
    reactor.listenTCP(8080, std::move(middle));
    front = reactor.connectTo(8080, client);
  }
  explicit Chain(const PortForwardOptions& options = {}) {
    reactor.listenTCP(8080, std::make_shared<PortForwardFactory>(
                                reactor, std::make_shared<HostnameEndpoint>(reactor, "192.0.2.9", 80), options));
    front = reactor.connectTo(8080, client);
  }
  testing::MemoryConnector& connector() { return *reactor.tcpClients().at(0); }
  void connectBack() {
    back = std::make_unique<testing::IOPump>(connector().succeed(), server);
    flush();
  }
  void flush() {
    for (bool again = true; again;) {
      again = front->pump();
      if (back) again = back->pump() || again;
    }
  }
};

}  // namespace relay_test
