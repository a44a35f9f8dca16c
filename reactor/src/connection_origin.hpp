/// @file
/// Where a connection comes from: a listening port or a connector.
#pragma once

#include <memory>

#include <bight/factory.hpp>
#include <bight/failure.hpp>
#include <bight/ref.hpp>

namespace bight::detail {

class ReactorBase;

/// What the connections of one port or connector have in common; each holds one word on it. It keeps the factory alive as long as there are
/// connections, so that protocols may hold plain references to their factory.
class ConnectionOrigin {
 public:
  ConnectionOrigin(ReactorBase& ownerReactor, std::shared_ptr<Factory> ownerFactory)
      : reactor(ownerReactor), factory(std::move(ownerFactory)) {}
  ConnectionOrigin(const ConnectionOrigin&) = delete;
  ConnectionOrigin& operator=(const ConnectionOrigin&) = delete;

  /// The connection is gone; its protocol has been told.
  virtual void connectionEnded([[maybe_unused]] const Failure& reason) {}

  void ref() const noexcept { count_.add(); }
  void unref() const noexcept {
    if (count_.drop()) delete this;
  }

  ReactorBase& reactor;
  const std::shared_ptr<Factory> factory;

 protected:
  virtual ~ConnectionOrigin() = default;

 private:
  mutable RefCount count_;
};

}  // namespace bight::detail
