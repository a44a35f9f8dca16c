/// @file
/// Internal: between a factory and whatever connects. For those who write endpoints.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/function.hpp>
#include <bight/tcp.hpp>

namespace bight::detail {

/// A ClientFactory that turns one attempt into a Deferred. It passes the protocols of another factory on, wrapped until
/// they are connected.
///
/// ```cpp
/// return ConnectingFactory::connect(factory, "tcp:…", [&](auto own) { return reactor.connectTCP(host, port, own); });
/// ```
class BIGHT_API ConnectingFactory final : public ClientFactory {
 public:
  /// Starts an attempt: `start` is given this factory. What it throws fails the Deferred.
  /// @param where  where to, for messages
  /// @throws std::invalid_argument if `factory` is null
  static Deferred<std::shared_ptr<Protocol>> connect(
      std::shared_ptr<Factory> factory, std::string where,
      Function<std::shared_ptr<Connector>(std::shared_ptr<ClientFactory>)> start);

  ConnectingFactory(std::shared_ptr<Factory> factory, std::string where);

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;
  void startFactory() override { factory_->doStart(); }
  void stopFactory() override { factory_->doStop(); }
  void clientConnectionFailed(Connector& connector, const Failure& reason) override;
  void clientConnectionLost(Connector& connector, const Failure& reason) override;

 private:
  class Introduction;
  class HalfCloseableIntroduction;

  bool wanted() const noexcept { return promise_.has_value(); }
  Deferred<std::shared_ptr<Protocol>> begin();
  void cancel();
  void made(std::shared_ptr<Protocol> protocol);
  void failed(const Failure& reason);

  const std::shared_ptr<Factory> factory_;
  const std::string where_;
  std::optional<Promise<std::shared_ptr<Protocol>>> promise_;  // until it is fired
  std::shared_ptr<Connector> connector_;                       // as long as there may be something to cancel
};

}  // namespace bight::detail
