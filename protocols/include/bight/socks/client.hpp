/// @file
/// Connecting through a SOCKS server.
///
/// ```cpp
/// auto proxy = bight::clientFromString(*reactor, "tcp:127.0.0.1:1080");
/// bight::socks::ClientEndpoint endpoint(*reactor, std::move(proxy), "example.org", 80);
/// bight::connectProtocol(endpoint, std::make_shared<Asker>()).addCallback(...);
/// ```
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <bight/deferred.hpp>
#include <bight/endpoint.hpp>
#include <bight/export.hpp>
#include <bight/socks/messages.hpp>
#include <bight/time.hpp>

namespace bight::socks {

/// A way to a host through a SOCKS server, which looks the host's name up. (Twisted has none; txsocksx has)
///
/// The factory builds its protocol when the server has connected us; the protocol's `getPeer()` is the host as it was
/// asked for. `connect()` fails with what the endpoint to the server says, with `RefusedError` if the server does not
/// connect us, with `ProtocolError` if it does not speak SOCKS, with `TimeoutError` if all of it takes too long.
class BIGHT_API ClientEndpoint final : public bight::ClientEndpoint {
 public:
  /// @param clock  for the limit of time; must outlive the attempts
  /// @param proxy  how to reach the server
  /// @param host  a name, or a literal
  /// @param timeout  for all of it. Zero or less: no limit but the proxy endpoint's own
  /// @throws std::invalid_argument for what SOCKS cannot express, see `ClientOpening`; for a port that is not 1 to
  ///         65535; if `proxy` is null
  ClientEndpoint(ReactorTime& clock, std::shared_ptr<bight::ClientEndpoint> proxy, const std::string& host, int port,
                 ClientOptions options = {}, Duration timeout = std::chrono::seconds(30));
  ~ClientEndpoint() override;

  Deferred<std::shared_ptr<Protocol>> connect(std::shared_ptr<Factory> factory) override;
  std::string toString() const override;

 private:
  ReactorTime& clock_;
  std::shared_ptr<bight::ClientEndpoint> proxy_;
  Address target_;
  ClientOptions options_;
  Duration timeout_;
};

}  // namespace bight::socks
