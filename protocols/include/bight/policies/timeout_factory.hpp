/// @file
/// Idle connections are closed.
#pragma once

#include <chrono>
#include <memory>

#include <bight/export.hpp>
#include <bight/policies/protocol_wrapper.hpp>
#include <bight/time.hpp>

namespace bight {

/// Closes (`loseConnection()`) a connection on which nothing was received or written for `timeoutPeriod`. A peer that
/// does not read what is left is aborted after the graceful limit. (Twisted: policies.TimeoutFactory)
class BIGHT_API TimeoutFactory : public WrappingFactory {
 public:
  /// @param clock  the reactor, or a test's `Clock`; must outlive the connections
  /// @throws std::invalid_argument if the period is not above 0
  TimeoutFactory(ReactorTime& clock, std::shared_ptr<Factory> wrapped,
                 Duration timeoutPeriod = std::chrono::minutes(30));
  ~TimeoutFactory() override;

 protected:
  std::shared_ptr<ProtocolWrapper> wrapProtocol(std::shared_ptr<Protocol> protocol, const Address& peer) override;

 private:
  ReactorTime& clock_;
  Duration timeoutPeriod_;
};

}  // namespace bight
