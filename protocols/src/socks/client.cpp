#include <bight/socks/client.hpp>

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/factory.hpp>
#include <bight/policies/protocol_wrapper.hpp>

#include "../relay/relay.hpp"

namespace bight::socks {

namespace {

/// The connection to the server: opens it, then is a wrapper that changes nothing but the peer's address.
class Tunnel final : public ProtocolWrapper, public HalfCloseable {
 public:
  Tunnel(std::shared_ptr<Factory> factory, Address target, ClientOptions options)
      : ProtocolWrapper(nullptr),
        factory_(std::move(factory)),
        target_(target),
        opening_(std::make_unique<ClientOpening>(std::move(target), std::move(options))) {
    factory_->doStart();
  }
  ~Tunnel() override { stopFactory(); }

  Deferred<std::shared_ptr<Protocol>> open(bight::ClientEndpoint& proxy) {
    const auto self = std::static_pointer_cast<Tunnel>(shared_from_this());
    Deferred<std::shared_ptr<Protocol>> done([weak = std::weak_ptr<Tunnel>(self)] {
      if (const auto tunnel = weak.lock()) tunnel->giveUp();
    });
    done_ = done.promise();
    dial_.emplace(proxy.connect(std::make_shared<bight::detail::OnlyOne>(self))
                      .addCallbacks([](const std::shared_ptr<Protocol>&) {},
                                    [self](const Failure& failure) { self->fail(failure); }));
    return done;
  }

  void connectionMade() override {
    ProtocolWrapper::connectionMade();
    transport().write(opening_->takeOutput());
  }

  void dataReceived(std::string_view data) override {
    if (!opening_) return ProtocolWrapper::dataReceived(data);
    try {
      const bool open = opening_->feed(data);
      if (const std::string output = opening_->takeOutput(); !output.empty()) transport().write(output);
      if (!open) return;
    } catch (...) {
      fail(Failure());
      return transport().abortConnection();
    }
    const std::string rest = opening_->takeRest();
    opening_.reset();
    opened();
    passRest(rest);
  }

  void connectionLost(const Failure& reason) override {
    if (done_) fail(Failure(ConnectError(0, "the SOCKS server closed the connection before it had answered")));
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
      // connectionMade() may have thrown: the protocol is told, by connectionLost()
      fail(Failure());
      transport().abortConnection();
    }
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
  std::unique_ptr<ClientOpening> opening_;  // null when it is over
  std::optional<Promise<std::shared_ptr<Protocol>>> done_;
  std::optional<Deferred<void>> dial_;
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
