// A client whose servers are the test itself: it sees the bytes that are sent, and says what comes back.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/connection_errors.hpp>
#include <bight/endpoint.hpp>
#include <bight/http/client.hpp>
#include <bight/testing/memory_reactor.hpp>
#include <bight/testing/string_transport.hpp>

namespace bight::testcases {

// One connection that the client has made.
struct Line {
  std::shared_ptr<Protocol> client;
  Ref<testing::StringTransport> transport = makeRef<testing::StringTransport>();

  // What the client has sent since the last time.
  std::string sent() {
    std::string value = transport->value();
    transport->clear();
    return value;
  }
  void send(std::string_view bytes) const { client->dataReceived(bytes); }
  void close() { lose(Failure(ConnectionDone())); }
  void reset() { lose(Failure(ConnectionLost())); }

  bool lost = false;

 private:
  void lose(const Failure& reason) {
    lost = true;
    const std::shared_ptr<Protocol> kept = client;  // lines may move meanwhile
    kept->breakConnection(reason);
  }
};

struct Wires {
  testing::MemoryReactor reactor;
  std::vector<Line> lines;
  std::vector<Promise<std::shared_ptr<Protocol>>> dials;  // that the test has to answer, if `slow`
  bool slow = false;
  int cancelled = 0;

  // Connections that are left end, as those of a reactor would.
  ~Wires() {
    for (std::size_t i = 0; i < lines.size(); ++i) {  // a request may be sent once more, on another
      const Line line = lines[i];
      if (!line.lost) line.client->breakConnection(Failure(ConnectionLost()));
    }
  }

  class Endpoint final : public ClientEndpoint {
   public:
    explicit Endpoint(Wires& wires) : wires_(wires) {}
    Deferred<std::shared_ptr<Protocol>> connect(std::shared_ptr<Factory> factory) override {
      if (wires_.slow) {
        Deferred<std::shared_ptr<Protocol>> dial([this] { ++wires_.cancelled; });
        wires_.dials.push_back(dial.promise());
        return dial;
      }
      Line line;
      line.client = factory->buildProtocol(IPv4Address({127, 0, 0, 1}, 80));
      line.client->makeConnection(*line.transport);
      wires_.lines.push_back(line);
      return succeed(line.client);
    }
    std::string toString() const override { return "a wire"; }

   private:
    Wires& wires_;
  };

  std::shared_ptr<http::NetworkAgent> agent(http::AgentOptions options = {}) {
    options.endpoint = [this](const Url&) -> std::shared_ptr<ClientEndpoint> {
      return std::make_shared<Endpoint>(*this);
    };
    return std::make_shared<http::NetworkAgent>(reactor, std::move(options));
  }
};

// A Deferred, and what has become of it: "waits", its value, or what the failure says.
class Asked {
 public:
  Asked(Deferred<std::string> d)  // NOLINT(google-explicit-constructor): what the functions below return
      : done_(std::move(d).addBoth(
            [said = said_](const Result<std::string>& r) { *said = r ? *r : r.failure().getErrorMessage(); })) {}
  void cancel() { done_.cancel(); }
  const std::string& said() const noexcept { return *said_; }

 private:
  std::shared_ptr<std::string> said_ = std::make_shared<std::string>("waits");
  Deferred<void> done_;
};
inline const std::string& now(const Asked& asked) {
  return asked.said();
}

// Status and content: "200 hello".
inline Asked whole(Deferred<http::ClientResponse> answer) {
  return std::move(answer).addCallback([](http::ClientResponse response) {
    return response.content().addCallback(
        [response](const std::string& content) { return std::to_string(response.status()) + " " + content; });
  });
}

}  // namespace bight::testcases
