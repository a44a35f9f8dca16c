// CONNECT: a tunnel through an HTTP proxy (RFC 9110, 9.3.6).
#include <optional>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/http/response_parser.hpp>

#include "../../relay/tunnel.hpp"
#include "pool.hpp"

namespace bight::http::detail {

namespace {

class Tunnel final : public bight::detail::Tunnel {
 public:
  Tunnel(std::shared_ptr<Factory> factory, const Url& target, const std::string& authorization)
      : bight::detail::Tunnel(std::move(factory), HostnameAddress{std::string(target.host()), target.port()}) {
    const std::string hostPort = std::string(target.hostIsBracketed() ? "[" : "") + std::string(target.host()) +
                                 (target.hostIsBracketed() ? "]:" : ":") + std::to_string(target.port());
    request_ = "CONNECT " + hostPort + " HTTP/1.1\r\nHost: " + hostPort + "\r\n";
    if (!authorization.empty()) request_ += "Proxy-Authorization: " + authorization + "\r\n";
    request_ += "\r\n";
    parser_->expect(ResponseParser::Request::connect);
  }

 private:
  void ask() override { transport().write(std::exchange(request_, {})); }
  std::optional<std::string> answered(std::string_view data) override {
    for (;;) {
      switch (parser_->next(data)) {
        case ResponseParser::Event::head: {
          const ReceivedHead& head = parser_->head();
          if (head.status < 200 && head.status != 101) break;
          if (!head.upgrade || head.status == 101) {
            throw ConnectError(0, "the proxy answers CONNECT with " + std::to_string(head.status) +
                                      (head.reason.empty() ? "" : " ") + std::string(head.reason.substr(0, 200)));
          }
          break;
        }
        case ResponseParser::Event::end:
          parser_.reset();
          return std::string(data);
        case ResponseParser::Event::needMore:
          return std::nullopt;
        default:
          throw ConnectError(0, "the proxy does not answer CONNECT in HTTP");
      }
    }
  }
  const char* closedEarly() const noexcept override {
    return "the proxy closed the connection before it had answered CONNECT";
  }

  std::string request_;
  std::unique_ptr<ResponseParser> parser_ = std::make_unique<ResponseParser>();  // null when the tunnel is open
};

class Through final : public ClientEndpoint {
 public:
  Through(std::shared_ptr<ClientEndpoint> proxy, Url target, std::string authorization)
      : proxy_(std::move(proxy)), target_(std::move(target)), authorization_(std::move(authorization)) {}

  Deferred<std::shared_ptr<Protocol>> connect(std::shared_ptr<Factory> factory) override {
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
