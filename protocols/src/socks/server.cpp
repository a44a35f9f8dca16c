#include <bight/socks/server.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/connection_errors.hpp>
#include <bight/log.hpp>
#include <bight/resolver.hpp>

#include "../relay/relay.hpp"

namespace bight::socks {

namespace {

const Logger& log() {
  static const Logger logger("bight.socks");
  return logger;
}

class NotAllowedError : public DNSLookupError {
 public:
  explicit NotAllowedError(const std::string& name) : DNSLookupError(0, name + " means no address that is allowed") {}
};

/// Gives only those of a name's addresses that are allowed.
class AllowedAddresses final : public NameResolver {
 public:
  AllowedAddresses(ReactorNames& all, std::function<bool(const Address&)> allow)
      : all_(all), allow_(std::move(allow)) {}

  Deferred<std::vector<Address>> resolveHostName(const NameQuery& query) override {
    return all_.nameResolver()->resolveHostName(query).addCallback(
        [allow = allow_, name = query.name](std::vector<Address> found) -> Result<std::vector<Address>> {
          std::erase_if(found, [&](const Address& address) { return !allow(address); });
          if (found.empty()) return Failure(NotAllowedError(name));
          return found;
        });
  }

 private:
  ReactorNames& all_;
  std::function<bool(const Address&)> allow_;
};

/// The address that is written where a name is expected: "192.0.2.1", "::1", "[::1]".
std::optional<Address> literalIn(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return Address::parse(host, 0);
}

Reply replyFor(const Failure& failure) {
  if (failure.check<NotAllowedError>()) return Reply::notAllowed;
  if (failure.check<ConnectionRefusedError>()) return Reply::connectionRefused;
  if (failure.check<NoRouteError>()) return Reply::networkUnreachable;
  if (failure.check<DNSLookupError, UnknownHostError, TCPTimedOutError, ConnectTimeoutError>())
    return Reply::hostUnreachable;
  return Reply::generalFailure;
}

class Client final : public bight::detail::RelayEnd, public TimeoutMixin {
 public:
  Client(const HostReactor& reactor, const ServerOptions& options)
      : TimeoutMixin(reactor.time),
        reactor_(reactor),
        options_(options),
        opening_(std::make_unique<ServerOpening>(static_cast<bool>(options.authenticate))) {}

  void connectionMade() override {
    if (options_.openingTimeout > Duration::zero()) setTimeout(options_.openingTimeout);
  }

  void dataReceived(std::string_view data) override {
    if (!opening_) return passOn(data);
    try {
      act(opening_->feed(data));
    } catch (const ProtocolError& error) {
      log().info(transport().getPeer().toString() + ": " + error.what());
      transport().loseConnection();
    }
  }

  void connectionLost(const Failure& reason) override {
    setTimeout(std::nullopt);
    RelayEnd::connectionLost(reason);
  }

  /// Whoever says no more before there is a connection onward wants none.
  void readConnectionLost() override {
    RelayEnd::readConnectionLost();
    if (!joined()) transport().loseConnection();
  }

 private:
  void act(ServerOpening::Step step) {
    if (const std::string output = opening_->takeOutput(); !output.empty()) transport().write(output);
    switch (step) {
      case ServerOpening::Step::incomplete:
        return;
      case ServerOpening::Step::refused:
        return transport().loseConnection();
      case ServerOpening::Step::authenticate:
        return authenticate();
      case ServerOpening::Step::request:
        return decide();
    }
  }

  void authenticate() {
    transport().pauseProducing();
    track(options_.authenticate(opening_->user(), opening_->password()))
        .addErrback([](const Failure& failure) {
          log().failure("while authenticating a client; it is refused", failure, LogLevel::error);
          return false;
        })
        .addCallback([this](bool accepted) {
          transport().resumeProducing();
          act(opening_->authenticated(accepted));
        })
        .addErrback([this](const Failure& failure) {
          log().info(transport().getPeer().toString() + ": " + failure.getErrorMessage());
          transport().loseConnection();
        });
  }

  void decide() {
    setTimeout(std::nullopt);
    const Request& request = opening_->request();
    if (request.command != Command::connect) return refuse(Reply::commandNotSupported, "only CONNECT is served");
    if (request.target.port() == 0) return refuse(Reply::generalFailure, "port 0 cannot be connected to");
    transport().pauseProducing();
    track(options_.allow(request))
        .addErrback([](const Failure& failure) {
          log().failure("while deciding on a request; it is refused", failure, LogLevel::error);
          return false;
        })
        .addCallback([this](bool allowed) {
          if (allowed)
            connect();
          else
            refuse(Reply::notAllowed, "it is not allowed");
        });
  }

  void connect() {
    const Address& target = opening_->request().target;
    if (const auto literal = literalIn(target.host());
        literal && options_.allowAddress && !options_.allowAddress(*literal))
      return refuse(Reply::notAllowed, "the address is not allowed");
    const auto back = std::make_shared<RelayEnd>();
    track(dial(target, std::make_shared<bight::detail::OnlyOne>(back)))
        .addCallbacks([this, back](const std::shared_ptr<Protocol>&) { connected(back); },
                      [this](const Failure& failure) { refuse(replyFor(failure), failure.getErrorMessage()); });
  }

  /// What the client wrote may be no host at all: that is the client's fault, hence a failure.
  Deferred<std::shared_ptr<Protocol>> dial(const Address& target, std::shared_ptr<Factory> factory) {
    return maybeDeferred([&] {
      return HostnameEndpoint(reactor_, target.host(), target.port(), options_.connect).connect(std::move(factory));
    });
  }

  void connected(const std::shared_ptr<RelayEnd>& back) {
    if (const auto there = literalIn(back->transport().getPeer().host());
        there && options_.allowAddress && !options_.allowAddress(*there)) {
      back->transport().abortConnection();  // whatever way it was come by
      return refuse(Reply::notAllowed, "the address is not allowed");
    }
    transport().write(opening_->reply(Reply::succeeded, back->transport().getHost()));
    const std::string early = opening_->takeRest();
    opening_.reset();
    bight::detail::Relay::join(std::static_pointer_cast<RelayEnd>(shared_from_this()), back, clock(),
                               options_.idleTimeout);
    passOn(early);
    transport().resumeProducing();
  }

  void refuse(Reply reply, const std::string& why) {
    if (!transport().connected()) return;  // it was the client who went
    log().info(transport().getPeer().toString() + " is not connected to " + opening_->request().target.toString() +
               ": " + why);
    transport().write(opening_->reply(reply));
    transport().loseConnection();
  }

  HostReactor reactor_;
  const ServerOptions& options_;
  std::unique_ptr<ServerOpening> opening_;  // null when the client is connected onward
};

}  // namespace

class ServerFactory::CarefulReactor final : public ReactorTCP, public ReactorTime, public ReactorNames {
 public:
  CarefulReactor(const HostReactor& reactor, const std::function<bool(const Address&)>& allow)
      : reactor_(reactor), resolver_(std::make_shared<AllowedAddresses>(reactor.names, allow)) {}

  Duration seconds() const override { return reactor_.time.seconds(); }
  DelayedCall callLater(Duration delay, Function<void()> call) override {
    return reactor_.time.callLater(delay, std::move(call));
  }
  std::vector<DelayedCall> getDelayedCalls() const override { return reactor_.time.getDelayedCalls(); }
  std::shared_ptr<NameResolver> nameResolver() override { return resolver_; }
  std::shared_ptr<NameResolver> installNameResolver(std::shared_ptr<NameResolver> resolver) override {
    return std::exchange(resolver_, std::move(resolver));
  }

 protected:
  std::shared_ptr<Port> doListenTCP(std::uint16_t port, std::shared_ptr<Factory> factory,
                                    const ListenOptions& options) override {
    return reactor_.tcp.listenTCP(port, std::move(factory), options);
  }
  std::shared_ptr<Connector> doConnectTCP(const std::string& host, std::uint16_t port,
                                          std::shared_ptr<ClientFactory> factory,
                                          const ConnectOptions& options) override {
    return reactor_.tcp.connectTCP(host, port, std::move(factory), options);
  }

 private:
  HostReactor reactor_;
  std::shared_ptr<NameResolver> resolver_;
};

ServerFactory::ServerFactory(const HostReactor& reactor, ServerOptions options)
    : reactor_(reactor), options_(std::move(options)) {
  if (!options_.allow) throw std::invalid_argument("socks::ServerFactory: say in options.allow who may connect where");
  if (!options_.allowAddress) return;
  careful_ = std::make_unique<CarefulReactor>(reactor_, options_.allowAddress);
}

ServerFactory::~ServerFactory() = default;

std::shared_ptr<Protocol> ServerFactory::buildProtocol(const Address&) {
  return std::make_shared<Client>(careful_ ? HostReactor(*careful_) : reactor_, options_);
}

}  // namespace bight::socks
