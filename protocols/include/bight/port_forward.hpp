/// @file
/// Port forwarding: whoever connects here is connected there.
///
/// ```cpp
/// auto there = bight::clientFromString(*reactor, "tcp:192.0.2.7:80");
/// reactor->listenTCP(8080, std::make_shared<bight::PortForwardFactory>(*reactor, std::move(there)));
/// ```
#pragma once

#include <chrono>
#include <memory>

#include <bight/endpoint.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/time.hpp>

namespace bight {

/// How a `PortForwardFactory` passes on.
struct PortForwardOptions {
  /// A connection over which nothing passes for so long is closed. Zero or less: never.
  Duration idleTimeout = std::chrono::minutes(30);
  /// 1 or 2: the connection onward begins with a header of the PROXY protocol of this version, which tells who has
  /// connected. 0: it does not.
  int proxyHeader = 0;
};

/// For each connection makes another one, and passes the bytes on in both directions. (Twisted:
/// protocols.portforward.ProxyFactory)
///
/// - Nothing is read until the onward connection is there. If it fails, this is logged and the connection is reset.
/// - **Back-pressure**: who reads slowly slows down who writes. Kept are at most 64 KiB and a packet in each direction.
/// - **Half close**: an end of data is passed on, and the answer to it still arrives.
/// - **Loss**: a connection that is reset resets the other one, so that half a stream is not taken for a whole one.
class BIGHT_API PortForwardFactory : public Factory {
 public:
  /// @param clock  must outlive the connections
  /// @param there  where to connect onward
  /// @throws std::invalid_argument if `there` is null, or there is no such version of the PROXY protocol
  PortForwardFactory(ReactorTime& clock, std::shared_ptr<ClientEndpoint> there, const PortForwardOptions& options = {});
  ~PortForwardFactory() override;

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;

 private:
  ReactorTime& clock_;
  std::shared_ptr<ClientEndpoint> there_;
  PortForwardOptions options_;
};

}  // namespace bight
