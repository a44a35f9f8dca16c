/// @file
/// A way to connect, for those who connect on behalf of others: a port forwarder, a SOCKS server.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/tcp.hpp>

namespace bight {

/// Connects a protocol of the factory, and fires with it when its `connectionMade()` has returned. Fails if there is no
/// connection. Cancelling gives the attempt up.
using Connect = std::function<Deferred<std::shared_ptr<Protocol>>(std::shared_ptr<Factory>)>;

/// Connects over TCP. Each call of the result makes a connection.
/// @param reactor  must outlive the attempts
/// @throws std::invalid_argument for a port that is not 1 to 65535, or an empty host
BIGHT_API Connect connectOverTCP(ReactorTCP& reactor, const std::string& host, int port,
                                 const ConnectOptions& options = {});

}  // namespace bight
