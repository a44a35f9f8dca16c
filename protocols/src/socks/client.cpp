#include <bight/socks/client.hpp>

#include <optional>
#include <stdexcept>
#include <utility>

#include "../relay/tunnel.hpp"

namespace bight::socks {

namespace {

class Tunnel final : public bight::detail::Tunnel {
 public:
  Tunnel(std::shared_ptr<Factory> factory, const Address& target, ClientOptions options)
      : bight::detail::Tunnel(std::move(factory), target),
        opening_(std::make_unique<ClientOpening>(target, std::move(options))) {}

 private:
  void ask() override { transport().write(opening_->takeOutput()); }
  std::optional<std::string> answered(std::string_view data) override {
    const bool open = opening_->feed(data);
    if (const std::string output = opening_->takeOutput(); !output.empty()) transport().write(output);
    if (!open) return std::nullopt;
    std::string rest = opening_->takeRest();
    opening_.reset();
    return rest;
  }
  const char* closedEarly() const noexcept override {
    return "the SOCKS server closed the connection before it had answered";
  }

  std::unique_ptr<ClientOpening> opening_;  // null when it is over
};

Address targetOf(const std::string& host, int port) {
  if (port < 1 || port > 65535)
    throw std::invalid_argument("socks::ClientEndpoint: " + std::to_string(port) +
                                " is no port to connect to; they go from 1 to 65535");
  const auto number = static_cast<std::uint16_t>(port);
  if (auto literal = Address::parse(host, number)) return *literal;
  return HostnameAddress{host, number};
}

}  // namespace

ClientEndpoint::ClientEndpoint(ReactorTime& clock, std::shared_ptr<bight::ClientEndpoint> proxy,
                               const std::string& host, int port, ClientOptions options, Duration timeout)
    : clock_(clock),
      proxy_(std::move(proxy)),
      target_(targetOf(host, port)),
      options_(std::move(options)),
      timeout_(timeout) {
  if (!proxy_)
    throw std::invalid_argument("socks::ClientEndpoint needs an endpoint of the server, and got a null pointer");
  ClientOpening(target_, options_);  // throws now rather than when somebody connects
}

ClientEndpoint::~ClientEndpoint() = default;

Deferred<std::shared_ptr<Protocol>> ClientEndpoint::connect(std::shared_ptr<Factory> factory) {
  if (!factory) throw std::invalid_argument("connect needs a factory, and got a null pointer");
  auto opened = std::make_shared<Tunnel>(std::move(factory), target_, options_)->open(*proxy_);
  if (timeout_ > Duration::zero()) opened.addTimeout(timeout_, clock_);
  return opened;
}

std::string ClientEndpoint::toString() const {
  return target_.toString() + " through SOCKS at " + proxy_->toString();
}

}  // namespace bight::socks
