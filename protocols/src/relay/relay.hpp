/// @file
/// Internal: two connections whose bytes are passed on to each other.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <bight/factory.hpp>
#include <bight/protocol.hpp>
#include <bight/timeout_mixin.hpp>

namespace bight::detail {

class RelayEnd;

/// What the two have in common: when something passed last.
class Relay final : public TimeoutMixin {
 public:
  /// Joins two connected ends. From now on everything that one receives is written to the other; who reads slowly slows
  /// the other down; an end of data is passed on as such; and when one is lost the other is closed, in the same manner.
  /// @param idleTimeout  nothing passed for so long: both are closed. Zero or less: no limit
  static void join(const std::shared_ptr<RelayEnd>& a, const std::shared_ptr<RelayEnd>& b, ReactorTime& clock,
                   Duration idleTimeout);

  Relay(const std::shared_ptr<RelayEnd>& a, const std::shared_ptr<RelayEnd>& b, ReactorTime& clock)
      : TimeoutMixin(clock), a_(a), b_(b) {}

 private:
  void timeoutConnection() override;

  std::weak_ptr<RelayEnd> a_;
  std::weak_ptr<RelayEnd> b_;
};

/// One of the two. It may say something of its own before it is joined.
class RelayEnd : public Protocol, public HalfCloseable {
 public:
  /// @param greeting  written as soon as there is a connection
  explicit RelayEnd(std::string greeting = {}) : greeting_(std::move(greeting)) {}

  bool joined() const noexcept { return other_ != nullptr; }

  void connectionMade() override;
  void dataReceived(std::string_view data) override;
  void connectionLost(const Failure& reason) override;
  void readConnectionLost() override;
  void writeConnectionLost() override {}

 protected:
  /// The other end of a joined connection gets `data`.
  void passOn(std::string_view data);

 private:
  friend class Relay;
  void endOther();

  std::string greeting_;
  std::shared_ptr<RelayEnd> other_;
  std::shared_ptr<Relay> relay_;
  bool peerEnded_ = false;
};

/// A factory of one protocol, for one connection.
class OnlyOne final : public Factory {
 public:
  explicit OnlyOne(std::shared_ptr<Protocol> protocol) : protocol_(std::move(protocol)) {}
  std::shared_ptr<Protocol> buildProtocol(const Address&) override { return std::exchange(protocol_, nullptr); }

 private:
  std::shared_ptr<Protocol> protocol_;
};

}  // namespace bight::detail
