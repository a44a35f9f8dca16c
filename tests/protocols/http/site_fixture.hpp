// A Site and one connection to it, in memory.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/connection_errors.hpp>
#include <bight/http/server.hpp>
#include <bight/log.hpp>
#include <bight/testing/clock.hpp>
#include <bight/testing/string_transport.hpp>

namespace bight::http::testcases {

// Answers that were written, without their Date fields (each must have one).
inline std::string withoutDates(std::string text) {
  for (std::size_t at; (at = text.find("Date: ")) != std::string::npos;) text.erase(at, text.find('\n', at) + 1 - at);
  return text;
}

inline std::string textAnswer(std::string_view body, std::string_view extra = "") {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + std::string(extra) + "\r\n" + std::string(body);
}

class Served {
 public:
  explicit Served(std::shared_ptr<Resource> root, SiteOptions options = {})
      : site(std::make_shared<Site>(clock, std::move(root), options)),
        protocol(site->buildProtocol(IPv4Address({192, 168, 1, 1}, 54321))),
        transport(makeRef<bight::testing::StringTransport>()) {
    protocol->makeConnection(*transport);
  }
  ~Served() {
    if (transport->connected()) lose();
  }

  void send(std::string_view bytes) {
    if (!transport->disconnecting()) protocol->dataReceived(bytes);
  }
  // What was answered since the last call.
  std::string answers() {
    std::string text = withoutDates(transport->value());
    transport->clear();
    return text;
  }
  std::string ask(std::string_view bytes) {
    send(bytes);
    return answers();
  }
  // The connection ends as one does that was closed by the peer, or after loseConnection().
  void lose() { transport->lose(*protocol, Failure(ConnectionDone())); }
  void endOfData() { dynamic_cast<HalfCloseable&>(*protocol).readConnectionLost(); }
  bool paused() const { return transport->producerState() == bight::testing::StringTransport::ProducerState::paused; }

  bight::testing::Clock clock;
  std::shared_ptr<Site> site;
  std::shared_ptr<Protocol> protocol;
  Ref<bight::testing::StringTransport> transport;
};

// What was logged while it lives, instead of on stderr.
class CapturedLog {
 public:
  CapturedLog() {
    removeLogObserver(usual());
    id_ = addLogObserver([this](const LogEvent& event) { text += formatLogEvent(event) + '\n'; });
  }
  ~CapturedLog() {
    removeLogObserver(id_);
    usual() =
        addLogObserver([](const LogEvent& event) { std::fprintf(stderr, "%s\n", formatLogEvent(event).c_str()); });
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  std::string text;

 private:
  // There is no way to put the first observer back; one that does the same has its place.
  static LogObserverId& usual() {
    static LogObserverId id = stderrLogObserver;
    return id;
  }

  LogObserverId id_;
};

inline const std::string hostField = "Host: a\r\n";
inline std::string get(std::string_view path, std::string_view extra = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\n" + hostField + std::string(extra) + "\r\n";
}

}  // namespace bight::http::testcases
