/// @file
/// Factories make protocols: one for each connection. What connections share lives in the factory.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include <bight/export.hpp>
#include <bight/protocol.hpp>

namespace bight {

class Address;
class Connector;
class Failure;

/// Makes the protocols of a listening port. (Twisted: Factory)
///
/// A connection keeps the factory that made its protocol alive, so a protocol may hold a plain reference to its
/// factory.
class BIGHT_API Factory : public std::enable_shared_from_this<Factory> {
 public:
  Factory(const Factory&) = delete;
  Factory& operator=(const Factory&) = delete;
  virtual ~Factory();

  /// A protocol for a connection with `peer`. Null refuses: the connection is closed at once. What it throws is logged,
  /// and the connection is closed.
  virtual std::shared_ptr<Protocol> buildProtocol(const Address& peer) = 0;

  /// Called before the first port (or connector) uses the factory, and after the last one has ceased to.
  virtual void startFactory() {}
  virtual void stopFactory() {}

  /// The counted ends of the two above: called by ports and connectors.
  void doStart();
  void doStop();
  /// How many ports and connectors use the factory.
  std::size_t numPorts() const noexcept { return numPorts_; }

  /// A factory of P: every connection gets `std::make_shared<P>(args...)`. The arguments are kept and passed as const;
  /// wrap in `std::ref` what is to be passed by reference.
  template <class P, class... Args>
  static std::shared_ptr<Factory> forProtocol(Args&&... args);

 protected:
  Factory() = default;

 private:
  std::size_t numPorts_ = 0;
};

/// Makes the protocol of a connector, and hears how the connecting went. (Twisted: ClientFactory)
class BIGHT_API ClientFactory : public Factory {
 public:
  /// An attempt has begun. `connector.stopConnecting()` is allowed here.
  virtual void startedConnecting([[maybe_unused]] Connector& connector) {}
  /// The attempt failed; `connector.connect()` here tries again.
  virtual void clientConnectionFailed([[maybe_unused]] Connector& connector, [[maybe_unused]] const Failure& reason) {}
  /// The connection was made and is lost, after the protocol's `connectionLost()`; `connector.connect()` here connects
  /// again.
  virtual void clientConnectionLost([[maybe_unused]] Connector& connector, [[maybe_unused]] const Failure& reason) {}

  /// As `Factory::forProtocol`, for clients.
  template <class P, class... Args>
  static std::shared_ptr<ClientFactory> forProtocol(Args&&... args);
};

namespace detail {

/// What people give instead of a factory, so that a function can say what it wants in one message.
template <class F>
concept NoFactory = !std::is_convertible_v<F, std::shared_ptr<Factory>>;
template <class F>
concept NoClientFactory = !std::is_convertible_v<F, std::shared_ptr<ClientFactory>>;

template <class Base, class P, class... Args>
class ProtocolFactory final : public Base {
 public:
  template <class... Given>
  explicit ProtocolFactory(Given&&... given) : args_(std::forward<Given>(given)...) {}

  std::shared_ptr<Protocol> buildProtocol(const Address&) override {
    return std::apply([](const Args&... args) { return std::make_shared<P>(args...); }, args_);
  }

 private:
  std::tuple<Args...> args_;
};

template <class Base, class P, class... Args>
std::shared_ptr<Base> makeProtocolFactory(Args&&... args) {
  constexpr bool isProtocol = std::is_base_of_v<Protocol, P>;
  static_assert(isProtocol, "bight: forProtocol<P> wants a P that derives, publicly, from bight::Protocol");
  constexpr bool isWhole = !std::is_abstract_v<P>;
  static_assert(!isProtocol || isWhole,
                "bight: this protocol does not override all that its base leaves open (lineReceived, …): "
                "is a name misspelt? write `override` to be told");
  constexpr bool canBeKept = (std::is_constructible_v<std::unwrap_ref_decay_t<Args>, Args> && ...);
  static_assert(
      canBeKept,
      "bight: forProtocol keeps copies of its arguments, and one of them cannot be copied: wrap in std::ref what "
      "shall be passed by reference");
  constexpr bool canBeMade = std::is_constructible_v<P, const std::unwrap_ref_decay_t<Args>&...>;
  static_assert(!isProtocol || !isWhole || !canBeKept || canBeMade,
                "bight: this protocol has no public constructor that takes these arguments, each as const&");
  if constexpr (isProtocol && isWhole && canBeKept && canBeMade) {
    return std::make_shared<ProtocolFactory<Base, P, std::unwrap_ref_decay_t<Args>...>>(std::forward<Args>(args)...);
  } else {
    return nullptr;
  }
}

}  // namespace detail

template <class P, class... Args>
std::shared_ptr<Factory> Factory::forProtocol(Args&&... args) {
  return detail::makeProtocolFactory<Factory, P>(std::forward<Args>(args)...);
}

template <class P, class... Args>
std::shared_ptr<ClientFactory> ClientFactory::forProtocol(Args&&... args) {
  return detail::makeProtocolFactory<ClientFactory, P>(std::forward<Args>(args)...);
}

}  // namespace bight
