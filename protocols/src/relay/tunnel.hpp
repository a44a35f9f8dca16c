/// @file
/// Internal: a connection through a server in between, which is asked for it first: SOCKS, CONNECT.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <bight/deferred.hpp>
#include <bight/endpoint.hpp>
#include <bight/factory.hpp>
#include <bight/policies/protocol_wrapper.hpp>

namespace bight::detail {

/// The connection to that server. When it has agreed, it builds the protocol above, and is a wrapper that changes
/// nothing but the peer's address.
class Tunnel : public ProtocolWrapper, public HalfCloseable {
 public:
  using Connected = std::shared_ptr<Protocol>;

  Tunnel(std::shared_ptr<Factory> factory, Address target);
  ~Tunnel() override;

  /// Connects to the server and asks; fires with the protocol above. Cancelling closes the connection.
  Deferred<Connected> open(ClientEndpoint& between);

  void connectionMade() override;
  void dataReceived(std::string_view data) override;
  void connectionLost(const Failure& reason) override;
  void readConnectionLost() override { ProtocolWrapper::readConnectionLost(); }
  void writeConnectionLost() override { ProtocolWrapper::writeConnectionLost(); }
  Address getPeer() const override { return target_; }

 private:
  /// The connection to the server is made: writes what it is to be asked first.
  virtual void ask() = 0;
  /// Reads what the server answers, and may write more.
  /// @returns what came behind its answer, which belongs to the protocol above; nothing if it has not agreed yet
  /// @throws what `open` is to fail with
  virtual std::optional<std::string> answered(std::string_view data) = 0;
  /// Why there is no tunnel, if the server closes the connection before it has agreed.
  virtual const char* closedEarly() const noexcept = 0;

  void agreed();
  void fail(const Failure& why);
  void giveUp();
  void stopFactory();

  std::shared_ptr<Factory> factory_;
  Address target_;
  std::optional<Promise<Connected>> done_;
  std::optional<Deferred<void>> dial_;
  bool agreed_ = false;
};

}  // namespace bight::detail
