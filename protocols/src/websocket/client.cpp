#include <bight/websocket/client.hpp>

#include <stdexcept>

#include <bight/connection_errors.hpp>
#include <bight/timeout.hpp>
#include <bight/tls/endpoints.hpp>

#include "../http/client/pool.hpp"

namespace bight::websocket {

namespace {

/// What the request says.
ClientRequest requestFor(const Url& url, const ConnectOptions& how) {
  const auto refuse = [&](const char* why) { throw std::invalid_argument("WebSocket: \"" + url.str() + "\" " + why); };
  if (url.scheme() != "ws" && url.scheme() != "wss") refuse("begins with neither ws: nor wss:");
  if (url.fragment()) refuse("has a fragment, which addresses of WebSocket have not");
  if (!url.userinfo().empty()) refuse("has a user's name: send it in an Authorization field");
  return {.host = std::string(url.authority()),
          .target = std::string(url.target()),
          .origin = how.origin,
          .headers = how.headers};
}

class Clients final : public bight::ClientFactory {
 public:
  Clients(ReactorTime& clock, ClientRequest request, Function<std::shared_ptr<Protocol>()> make, Options options,
          Duration openTimeout)
      : clock_(clock),
        request_(std::move(request)),
        make_(std::move(make)),
        options_(std::make_shared<const Options>(std::move(options))),
        openTimeout_(openTimeout) {}

  std::shared_ptr<bight::Protocol> buildProtocol(const Address&) override {
    auto protocol = make_();
    if (!protocol) return nullptr;
    protocol->prepareClient(clock_, options_, request_, openTimeout_).addErrback([](const Failure&) {
    });  // onClose() is told
    return protocol;
  }

 private:
  ReactorTime& clock_;
  const ClientRequest request_;
  Function<std::shared_ptr<Protocol>()> make_;
  const std::shared_ptr<const Options> options_;
  const Duration openTimeout_;
};

/// A way with a limit of time to all of it: also to what a proxy takes to agree.
class InTime final : public ClientEndpoint {
 public:
  InTime(std::shared_ptr<ClientEndpoint> way, ReactorTime& clock, Duration limit)
      : way_(std::move(way)), clock_(clock), limit_(limit) {}

  Deferred<std::shared_ptr<bight::Protocol>> connect(std::shared_ptr<Factory> factory) override {
    auto connecting = way_->connect(std::move(factory));
    if (limit_ > Duration::zero()) connecting.addTimeout(limit_, clock_);
    return connecting;
  }
  std::string toString() const override { return way_->toString(); }

 private:
  const std::shared_ptr<ClientEndpoint> way_;
  ReactorTime& clock_;
  const Duration limit_;
};

}  // namespace

namespace detail {

Deferred<void> connect(ClientEndpoint& endpoint, ReactorTime& clock, const Url& url,
                       const std::shared_ptr<Protocol>& protocol, Options options, ConnectOptions how) {
  if (!protocol) throw std::invalid_argument("websocket::connect needs a protocol, and got a null pointer");
  auto open = std::make_shared<Deferred<void>>(protocol->prepareClient(
      clock, std::make_shared<const Options>(std::move(options)), requestFor(url, how), how.openTimeout));
  return endpoint.connect(bight::detail::factoryOf(protocol))
      .addCallbacks([open](const std::shared_ptr<bight::Protocol>&) { return std::move(*open); },
                    [open](const Failure& failure) -> Deferred<void> {
                      open->addErrback([](const Failure&) {});
                      open->cancel();  // nobody waits for it any more
                      return fail<void>(failure);
                    });
}

Deferred<void> connect(const HostReactor& reactor, const Url& url, const std::shared_ptr<Protocol>& protocol,
                       Options options, ConnectOptions how) {
  std::shared_ptr<ClientEndpoint> endpoint;
  if (how.proxy) {
    auto proxy = http::detail::byProxy(reactor, *how.proxy, url, true, how.connectTimeout);
    endpoint = std::make_shared<InTime>(std::move(proxy), reactor.time, how.connectTimeout);
  } else {
    endpoint = std::make_shared<HostnameEndpoint>(reactor, std::string(url.host()), url.port(),
                                                  HostnameOptions{.timeout = how.connectTimeout});
  }
  if (url.secure()) {
    endpoint = tls::wrapClientTLS(reactor.time, std::move(endpoint), how.tls ? *how.tls : tls::ClientContext(),
                                  std::string(url.host()));
  }
  return connect(*endpoint, reactor.time, url, protocol, std::move(options), std::move(how));
}

}  // namespace detail

std::shared_ptr<bight::ClientFactory> clientFactory(ReactorTime& clock, const Url& url,
                                                    Function<std::shared_ptr<Protocol>()> make, Options options,
                                                    ConnectOptions how) {
  options.check();
  return std::make_shared<Clients>(clock, requestFor(url, how), std::move(make), std::move(options), how.openTimeout);
}

}  // namespace bight::websocket
