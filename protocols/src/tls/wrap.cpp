#include <bight/tls/wrap.hpp>

#include <optional>
#include <stdexcept>
#include <utility>

#include <bight/address.hpp>
#include <bight/failure.hpp>
#include <bight/tcp.hpp>
#include <bight/tls/errors.hpp>

#include "layer.hpp"

namespace bight::tls {

namespace {

using detail::Layer;
using detail::LayerProtocol;

class WrappingFactory final : public Factory {
 public:
  WrappingFactory(ReactorTime& clock, std::shared_ptr<Factory> factory, ServerContext context)
      : clock_(clock), factory_(std::move(factory)), context_(std::move(context)) {}

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override {
    auto above = factory_->buildProtocol(peer);
    if (!above) return nullptr;
    return std::make_shared<LayerProtocol>(makeRef<Layer>(clock_, std::move(above), context_));
  }
  void startFactory() override { factory_->doStart(); }
  void stopFactory() override { factory_->doStop(); }

 private:
  ReactorTime& clock_;
  std::shared_ptr<Factory> factory_;
  ServerContext context_;
};

class WrappingClientFactory final : public ClientFactory {
 public:
  WrappingClientFactory(ReactorTime& clock, std::shared_ptr<ClientFactory> factory, ClientContext context,
                        std::string hostname)
      : clock_(clock), factory_(std::move(factory)), context_(std::move(context)), hostname_(std::move(hostname)) {}

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override {
    auto above = factory_->buildProtocol(peer);
    if (!above) return nullptr;
    auto protocol = std::make_shared<LayerProtocol>(makeRef<Layer>(clock_, std::move(above), context_, hostname_));
    protocol->leaveReasonIn(reason_);
    return protocol;
  }
  void startFactory() override { factory_->doStart(); }
  void stopFactory() override { factory_->doStop(); }
  void startedConnecting(Connector& connector) override { factory_->startedConnecting(connector); }
  void clientConnectionFailed(Connector& connector, const Failure& reason) override {
    factory_->clientConnectionFailed(connector, reason);
  }
  /// A connector calls this right after the protocol's `connectionLost()`, which has left the reason as TLS sees it.
  void clientConnectionLost(Connector& connector, const Failure& reason) override {
    const auto left = std::exchange(*reason_, std::nullopt);
    factory_->clientConnectionLost(connector, left ? *left : reason);
  }

 private:
  ReactorTime& clock_;
  std::shared_ptr<ClientFactory> factory_;
  ClientContext context_;
  std::string hostname_;
  std::shared_ptr<std::optional<Failure>> reason_ = std::make_shared<std::optional<Failure>>();
};

template <class T>
void refuseNull(const std::shared_ptr<T>& pointer, const char* function, const char* what) {
  if (!pointer) throw std::invalid_argument(std::string(function) + " needs a " + what + ", and got a null pointer");
}

/// What both forms of startTLS have in common. @return whether there is a connection to switch
bool readyToSwitch(Protocol& protocol) {
  Transport& transport = protocol.transport();
  if (!transport.connected()) return false;
  if (transport.disconnecting()) throw std::logic_error("startTLS: the connection is closing already");
  if (const std::size_t bytes = protocol.unreadInput(); bytes > 0) throw InjectionError(bytes);
  return true;
}

void switchTo(Protocol& protocol, Ref<Layer> layer) {
  // Whoever is asked to give the connection up may have held the last pointer to the old transport.
  const Ref<Transport> below(&protocol.transport());
  const auto hears = std::make_shared<LayerProtocol>(std::move(layer));
  hears->slipUnder(*below, below->takeOver(hears));
}

}  // namespace

std::shared_ptr<Factory> wrapServer(ReactorTime& clock, std::shared_ptr<Factory> factory, ServerContext context) {
  refuseNull(factory, "wrapServer", "factory");
  return std::make_shared<WrappingFactory>(clock, std::move(factory), std::move(context));
}

std::shared_ptr<ClientFactory> wrapClient(ReactorTime& clock, std::shared_ptr<ClientFactory> factory,
                                          ClientContext context, const std::string& hostname) {
  refuseNull(factory, "wrapClient", "factory");
  Layer::checkHostname(hostname);
  return std::make_shared<WrappingClientFactory>(clock, std::move(factory), std::move(context), hostname);
}

std::shared_ptr<Protocol> serverProtocol(ReactorTime& clock, std::shared_ptr<Protocol> protocol,
                                         ServerContext context) {
  refuseNull(protocol, "serverProtocol", "protocol");
  return std::make_shared<LayerProtocol>(makeRef<Layer>(clock, std::move(protocol), context));
}

std::shared_ptr<Protocol> clientProtocol(ReactorTime& clock, std::shared_ptr<Protocol> protocol, ClientContext context,
                                         const std::string& hostname) {
  refuseNull(protocol, "clientProtocol", "protocol");
  return std::make_shared<LayerProtocol>(makeRef<Layer>(clock, std::move(protocol), context, hostname));
}

void startTLS(ReactorTime& clock, Protocol& protocol, ServerContext context) {
  if (!readyToSwitch(protocol)) return;
  switchTo(protocol, makeRef<Layer>(clock, protocol.shared_from_this(), context));
}

void startTLS(ReactorTime& clock, Protocol& protocol, ClientContext context, const std::string& hostname) {
  Layer::checkHostname(hostname);
  if (!readyToSwitch(protocol)) return;
  switchTo(protocol, makeRef<Layer>(clock, protocol.shared_from_this(), context, hostname));
}

}  // namespace bight::tls
