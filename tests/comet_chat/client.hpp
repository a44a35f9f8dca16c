// What the tests of the chat talk to it with: one question over one connection, and the whole answer later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>
#include <bight/factory.hpp>
#include <bight/protocol.hpp>
#include <bight/reactor.hpp>
#include <bight/tcp.hpp>

namespace chat::testing {

/// A connection that keeps all it is sent.
class Line : public bight::Protocol {
 public:
  explicit Line(std::string first, std::function<void()> made = {})
      : first_(std::move(first)), made_(std::move(made)) {}

  void connectionMade() override {
    transport().write(first_);
    if (made_) made_();
  }
  void dataReceived(std::string_view data) override { received += data; }
  void connectionLost(const bight::Failure&) override {
    lost = true;
    if (ended) ended->callback(received);
  }

  /// True if what was received holds all of `pieces`.
  template <class... Pieces>
  bool has(const Pieces&... pieces) const {
    return ((received.find(pieces) != std::string::npos) && ...);
  }

  std::string received;
  bool lost = false;
  std::optional<bight::Promise<std::string>> ended;

 private:
  std::string first_;
  std::function<void()> made_;
};

/// A factory for a protocol that is there already.
class Only : public bight::ClientFactory {
 public:
  explicit Only(std::shared_ptr<Line> line) : line_(std::move(line)) {}
  std::shared_ptr<bight::Protocol> buildProtocol(const bight::Address&) override { return line_; }
  void clientConnectionFailed(bight::Connector&, const bight::Failure& reason) override {
    line_->lost = true;
    if (line_->ended) line_->ended->errback(reason);
  }

 private:
  std::shared_ptr<Line> line_;
};

/// Connects and sends `first` at once.
inline std::shared_ptr<Line> call(bight::Reactor& reactor, std::uint16_t port, std::string first,
                                  const std::string& source = {}, std::function<void()> made = {}) {
  auto line = std::make_shared<Line>(std::move(first), std::move(made));
  bight::ConnectOptions options;
  if (!source.empty()) options.bindAddress.emplace(source, std::uint16_t{0});
  reactor.connectTCP("127.0.0.1", port, std::make_shared<Only>(line), options);
  return line;
}

/// The whole answer to one request, head and content. The request asks for the connection to be closed after it.
inline bight::Deferred<std::string> ask(bight::Reactor& reactor, std::uint16_t port, std::string request,
                                        const std::string& source = {}, std::function<void()> made = {}) {
  bight::Deferred<std::string> answer;
  call(reactor, port, std::move(request), source, std::move(made))->ended.emplace(answer.promise());
  return answer;
}

inline std::string get(std::string_view target, std::string_view fields = "Connection: close\r\n") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + std::string(fields) + "\r\n";
}

inline std::string post(std::string_view content, std::string_view type = "application/json",
                        std::string_view fields = {}) {
  return "POST /put HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(content.size()) + "\r\n" + std::string(fields) + "\r\n" +
         std::string(content);
}

}  // namespace chat::testing
