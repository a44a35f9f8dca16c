// How a Deferred learns that a protocol is connected: the connector is given an `Introduction` in the protocol's place.
// When its `connectionMade()` is called, the real one takes its place, so that nothing stands between it and the transport
// any more; its connection is made, and the Deferred fires. Where a transport cannot change its protocol, the
// introduction stays, and passes on what it hears.
#include <bight/detail/connecting_factory.hpp>

#include <exception>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/endpoint.hpp>

namespace bight::detail {

class ConnectingFactory::Introduction : public Protocol {
 public:
  Introduction(std::shared_ptr<ConnectingFactory> factory, std::shared_ptr<Protocol> protocol)
      : factory_(std::move(factory)), protocol_(std::move(protocol)) {}

  void connectionMade() override {
    const auto factory = std::exchange(factory_, nullptr);
    if (!factory->wanted()) return transport().abortConnection();  // cancelled meanwhile
    const auto self = shared_from_this();
    const Ref<Transport> connection(&transport());
    try {
      introduced_ = true;
      try {
        connection->takeOver(protocol_);
      } catch (const std::logic_error&) {
        // This transport cannot change its protocol: we go on between the two.
      }
      protocol_->makeConnection(*connection);
    } catch (...) {
      factory->failed(Failure());
      throw;
    }
    factory->made(protocol_);
  }
  void dataReceived(std::string_view data) override { protocol_->dataReceived(data); }
  void connectionLost(const Failure& reason) override {
    if (introduced_) protocol_->breakConnection(reason);
    if (const auto factory = std::exchange(factory_, nullptr)) factory->failed(reason);
  }

 private:
  std::shared_ptr<ConnectingFactory> factory_;  // until the connection is made, or lost
  const std::shared_ptr<Protocol> protocol_;
  bool introduced_ = false;
};

/// The same for a protocol that goes on with half a connection.
class ConnectingFactory::HalfCloseableIntroduction final : public Introduction, public HalfCloseable {
 public:
  HalfCloseableIntroduction(std::shared_ptr<ConnectingFactory> factory, std::shared_ptr<Protocol> protocol,
                            HalfCloseable& half)
      : Introduction(std::move(factory), std::move(protocol)), half_(half) {}

  void readConnectionLost() override { half_.readConnectionLost(); }
  void writeConnectionLost() override { half_.writeConnectionLost(); }

 private:
  HalfCloseable& half_;  // the protocol
};

Deferred<std::shared_ptr<Protocol>> ConnectingFactory::connect(
    std::shared_ptr<Factory> factory, std::string where,
    Function<std::shared_ptr<Connector>(std::shared_ptr<ClientFactory>)> start) {
  const auto own = std::make_shared<ConnectingFactory>(std::move(factory), std::move(where));
  auto deferred = own->begin();
  try {
    auto connector = start(own);
    if (own->promise_) own->connector_ = std::move(connector);
  } catch (...) {
    own->failed(Failure());
  }
  return deferred;
}

ConnectingFactory::ConnectingFactory(std::shared_ptr<Factory> factory, std::string where)
    : factory_(std::move(factory)), where_(std::move(where)) {
  if (!factory_) throw std::invalid_argument("connect needs a factory, and got a null pointer");
}

Deferred<std::shared_ptr<Protocol>> ConnectingFactory::begin() {
  Deferred<std::shared_ptr<Protocol>> deferred([weak = weak_from_this()] {
    if (const auto self = std::static_pointer_cast<ConnectingFactory>(weak.lock())) self->cancel();
  });
  promise_ = deferred.promise();
  return deferred;
}

void ConnectingFactory::cancel() {
  const auto connector = std::exchange(connector_, nullptr);
  failed(Failure(ConnectingCancelledError(where_)));
  if (connector) connector->disconnect();
}

void ConnectingFactory::made(std::shared_ptr<Protocol> protocol) {
  connector_.reset();
  if (const auto promise = std::exchange(promise_, std::nullopt)) promise->callback(std::move(protocol));
}

void ConnectingFactory::failed(const Failure& reason) {
  connector_.reset();
  if (const auto promise = std::exchange(promise_, std::nullopt)) promise->errback(reason);
}

std::shared_ptr<Protocol> ConnectingFactory::buildProtocol(const Address& peer) {
  if (!promise_) return nullptr;  // cancelled meanwhile
  std::shared_ptr<Protocol> protocol;
  try {
    protocol = factory_->buildProtocol(peer);
  } catch (...) {
    failed(Failure());
    return nullptr;
  }
  if (!protocol) {
    failed(Failure(NoProtocol(where_)));
    return nullptr;
  }
  auto self = std::static_pointer_cast<ConnectingFactory>(shared_from_this());
  if (auto* half = dynamic_cast<HalfCloseable*>(protocol.get()))
    return std::make_shared<HalfCloseableIntroduction>(std::move(self), std::move(protocol), *half);
  return std::make_shared<Introduction>(std::move(self), std::move(protocol));
}

void ConnectingFactory::clientConnectionFailed(Connector&, const Failure& reason) {
  failed(reason);
}

void ConnectingFactory::clientConnectionLost(Connector&, const Failure& reason) {
  failed(reason);
}

}  // namespace bight::detail
