/// @file
/// Putting TLS under protocols: from the beginning, or in the middle of a connection.
#pragma once

#include <memory>
#include <string>

#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/time.hpp>
#include <bight/tls/context.hpp>

namespace bight::tls {

/// A factory for `listenTCP` and its like: speaks TLS, and builds `factory`'s protocols above it.
/// @param clock  for the limits of time; must outlive the connections: the reactor, or a test's `Clock`
/// @throws std::invalid_argument if `factory` is null
BIGHT_API std::shared_ptr<Factory> wrapServer(ReactorTime& clock, std::shared_ptr<Factory> factory,
                                              ServerContext context);

/// A factory for `connectTCP` and its like. A handshake that fails ends the protocol with `connectionLost(reason)`, and
/// `clientConnectionLost()` gets the same reason.
/// @param hostname  the name (ASCII) or IP address that the server's certificate must be for. A name is also sent to
///                  the server (SNI), an address is not.
/// @throws std::invalid_argument if `factory` is null, or `hostname` is empty or not ASCII
BIGHT_API std::shared_ptr<ClientFactory> wrapClient(ReactorTime& clock, std::shared_ptr<ClientFactory> factory,
                                                    ClientContext context, const std::string& hostname);

/// A single protocol, wrapped as the factories do it: for a transport that you have at hand, as
/// `testing::IOPump(clientProtocol(…), serverProtocol(…))`.
BIGHT_API std::shared_ptr<Protocol> serverProtocol(ReactorTime& clock, std::shared_ptr<Protocol> protocol,
                                                   ServerContext context);
BIGHT_API std::shared_ptr<Protocol> clientProtocol(ReactorTime& clock, std::shared_ptr<Protocol> protocol,
                                                   ClientContext context, const std::string& hostname);

/// Switches a live connection to TLS, as STARTTLS commands ask for: from this call on `protocol.transport()` is another
/// one, a `tls::Connection`. What was written before goes out in clear first; everything written from now on is
/// encrypted, everything that arrives from now on must be TLS. A registered producer goes on, on the new transport.
/// `connectionMade()` is not called again; mix in `HandshakeListener` to know when the handshake is through. On a
/// connection that is lost already, nothing happens.
///
/// To be called while the protocol treats the peer's command, as the last thing it does with it:
///
/// ```cpp
/// void lineReceived(std::string_view line) override {      // a LineReceiver
///   if (line == "STARTTLS") { sendLine("220 go ahead"); tls::startTLS(*reactor, *this, context); }
/// ```
/// @throws InjectionError if `protocol.unreadInput()` says that there are bytes behind the command. Let it out of
///         `dataReceived()`: it closes the connection. `LineReceiver` and its kin know; a protocol with a buffer of its
///         own overrides `unreadInput()`, or the check cannot protect it.
/// @throws std::logic_error if the protocol has no connection yet, it is closing, or its transport cannot change its
///         protocol
BIGHT_API void startTLS(ReactorTime& clock, Protocol& protocol, ServerContext context);
/// The same for the side that speaks first. @param hostname  as for `wrapClient`
BIGHT_API void startTLS(ReactorTime& clock, Protocol& protocol, ClientContext context, const std::string& hostname);

}  // namespace bight::tls
