// CONNECT: a tunnel through an HTTP proxy (RFC 9110, 9.3.6).
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/factory.hpp>
#include <bight/http/response_parser.hpp>
#include <bight/policies/protocol_wrapper.hpp>

#include "../../relay/relay.hpp"
#include "pool.hpp"

namespace bight::http::detail {

namespace {

using Connected = std::shared_ptr<Protocol>;

// The connection to the proxy: asks for the tunnel, then is a wrapper that changes nothing but the peer's address.
class Tunnel final : public ProtocolWrapper, public HalfCloseable {
 public:
  Tunnel(std::shared_ptr<Factory> factory, const Url& target, const std::string& authorization)
      : ProtocolWrapper(nullptr),
        factory_(std::move(factory)),
        target_(HostnameAddress{std::string(target.host()), target.port()}) {
    const std::string hostPort = std::string(target.hostIsBracketed() ? "[" : "") + std::string(target.host()) +
                                 (target.hostIsBracketed() ? "]:" : ":") + std::to_string(target.port());
    request_ = "CONNECT " + hostPort + " HTTP/1.1\r\nHost: " + hostPort + "\r\n";
    if (!authorization.empty()) request_ += "Proxy-Authorization: " + authorization + "\r\n";
    request_ += "\r\n";
    parser_ = std::make_unique<ResponseParser>();
    parser_->expect(ResponseParser::Request::connect);
    factory_->doStart();
  }
  ~Tunnel() override { stopFactory(); }

  Deferred<Connected> open(ClientEndpoint& proxy) {
    const auto self = std::static_pointer_cast<Tunnel>(shared_from_this());
    Deferred<Connected> done([weak = std::weak_ptr<Tunnel>(self)] {
      if (const auto tunnel = weak.lock()) tunnel->giveUp();
    });
    done_ = done.promise();
    dial_.emplace(proxy.connect(std::make_shared<bight::detail::OnlyOne>(self))
                      .addCallbacks([](const Connected&) {}, [self](const Failure& failure) { self->fail(failure); }));
    return done;
  }

  void connectionMade() override {
    ProtocolWrapper::connectionMade();
    transport().write(request_);
  }

  void dataReceived(std::string_view data) override {
    if (!parser_) return ProtocolWrapper::dataReceived(data);
    for (;;) {
      switch (parser_->next(data)) {
        case ResponseParser::Event::head: {
          const ReceivedHead& head = parser_->head();
          if (head.status < 200 && head.status != 101) break;
          if (!head.upgrade || head.status == 101) {
            return refuse("the proxy answers CONNECT with " + std::to_string(head.status) +
                          (head.reason.empty() ? "" : " ") + std::string(head.reason.substr(0, 200)));
          }
          break;
        }
        case ResponseParser::Event::end:
          parser_.reset();
          opened();
          if (!data.empty() && !transport().disconnecting()) ProtocolWrapper::dataReceived(data);
          return;
        case ResponseParser::Event::needMore:
          return;
        default:
          return refuse("the proxy does not answer CONNECT in HTTP");
      }
    }
  }

  void connectionLost(const Failure& reason) override {
    if (done_) fail(Failure(ConnectError(0, "the proxy closed the connection before it had answered CONNECT")));
    stopFactory();
    ProtocolWrapper::connectionLost(reason);
  }
  void readConnectionLost() override { ProtocolWrapper::readConnectionLost(); }
  void writeConnectionLost() override { ProtocolWrapper::writeConnectionLost(); }
  Address getPeer() const override { return target_; }

 private:
  void opened() {
    try {
      auto protocol = factory_->buildProtocol(target_);
      if (!protocol) throw NoProtocol(target_.toString());
      wrapProtocol(protocol);
      if (const auto done = std::exchange(done_, std::nullopt)) done->callback(std::move(protocol));
    } catch (...) {
      fail(Failure());
      transport().abortConnection();
    }
  }

  void refuse(const std::string& why) {
    fail(Failure(ConnectError(0, why)));
    transport().abortConnection();
  }

  void fail(const Failure& why) {
    if (const auto done = std::exchange(done_, std::nullopt)) done->errback(why);
  }

  void giveUp() {
    const auto done = std::exchange(done_, std::nullopt);
    const auto self = shared_from_this();
    if (auto dial = std::exchange(dial_, std::nullopt)) dial->cancel();
    if (isMade()) transport().abortConnection();
    if (done) done->errback(ConnectingCancelledError(target_.toString()));
  }

  void stopFactory() {
    if (const auto factory = std::exchange(factory_, nullptr)) factory->doStop();
  }

  std::shared_ptr<Factory> factory_;
  Address target_;
  std::string request_;
  std::unique_ptr<ResponseParser> parser_;  // null when the tunnel is open
  std::optional<Promise<Connected>> done_;
  std::optional<Deferred<void>> dial_;
};

class Through final : public ClientEndpoint {
 public:
  Through(std::shared_ptr<ClientEndpoint> proxy, Url target, std::string authorization)
      : proxy_(std::move(proxy)), target_(std::move(target)), authorization_(std::move(authorization)) {}

  Deferred<Connected> connect(std::shared_ptr<Factory> factory) override {
    if (!factory) throw std::invalid_argument("connect needs a factory, and got a null pointer");
    return std::make_shared<Tunnel>(std::move(factory), target_, authorization_)->open(*proxy_);
  }
  std::string toString() const override {
    return std::string(target_.authority()) + " through the proxy at " + proxy_->toString();
  }

 private:
  const std::shared_ptr<ClientEndpoint> proxy_;
  const Url target_;
  const std::string authorization_;
};

}  // namespace

std::shared_ptr<ClientEndpoint> connectThrough(std::shared_ptr<ClientEndpoint> proxy, const Url& target,
                                               std::string authorization) {
  return std::make_shared<Through>(std::move(proxy), target, std::move(authorization));
}

}  // namespace bight::http::detail
