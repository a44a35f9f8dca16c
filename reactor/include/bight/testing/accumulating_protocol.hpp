/// @file
/// A protocol that remembers what happened to it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <bight/failure.hpp>
#include <bight/protocol.hpp>

namespace bight::testing {

/// Keeps everything it is told. (Twisted: AccumulatingProtocol)
class AccumulatingProtocol : public Protocol {
 public:
  void connectionMade() override { made_ = true; }
  void dataReceived(std::string_view data) override { data_ += data; }
  void connectionLost(const Failure& reason) override {
    ++losses_;
    reason_ = reason;
  }

  /// `connectionMade()` was called.
  bool made() const noexcept { return made_; }
  /// Everything received since the last `clear()`.
  const std::string& data() const noexcept { return data_; }
  void clear() { data_.clear(); }
  /// `connectionLost()` was called.
  bool closed() const noexcept { return losses_ > 0; }
  /// How often; more than once would be a mistake of the transport.
  int losses() const noexcept { return losses_; }
  /// Why; nothing before.
  const std::optional<Failure>& closedReason() const noexcept { return reason_; }

 private:
  std::string data_;
  std::optional<Failure> reason_;
  int losses_ = 0;
  bool made_ = false;
};

}  // namespace bight::testing
