/// @file
/// Endpoints over TLS. A program that includes this (`bight/tls.hpp` does) also has the types `tls:` and `ssl:` in
/// `clientFromString` and `serverFromString`; both mean the same.
///
/// | client | values |
/// |---|---|
/// | `tls:` | host, port; what `tcp:` takes; hostname, trustRoots, certificate, privateKey; endpoint |
///
/// - hostname: the name or address that the certificate must be for; it is the host if not given
/// - trustRoots: a PEM file, or a directory of certificates under hashed names; if not given, what the system trusts
/// - certificate, privateKey: PEM files of our own, for servers that ask; both may be in one file
/// - endpoint: another client endpoint, quoted, to speak TLS over; host and port are not given then, hostname must be:
///   `tls:hostname=a.example:endpoint=unix\:/run/proxy`
///
/// | server | values |
/// |---|---|
/// | `tls:` | port; what `tcp:` takes; privateKey, certKey, extraCertChain |
///
/// - privateKey: a PEM file, "server.pem" if not given; certKey: one of the certificate, the same if not given
/// - extraCertChain: a PEM file of further certificates
///
/// A file that cannot be read, or a key that does not fit, is told when the endpoint is made.
#pragma once

#include <memory>
#include <string>

#include <bight/endpoint.hpp>
#include <bight/export.hpp>
#include <bight/time.hpp>
#include <bight/tls/context.hpp>

namespace bight::tls {

/// An endpoint that speaks TLS over another one. Its `connect()` fires when the handshake is through and the server
/// verified, and fails with the reason if that does not happen; `connectionMade()` comes before the handshake, and what
/// is written there waits for it. Cancelling closes the connection. (Twisted: wrapClientTLS)
/// @param clock  for the limits of time; must outlive the connections: the reactor, or a test's `Clock`
/// @param hostname  as for `wrapClient`
/// @throws std::invalid_argument if `endpoint` is null, or `hostname` is empty or not ASCII
BIGHT_API std::shared_ptr<ClientEndpoint> wrapClientTLS(ReactorTime& clock, std::shared_ptr<ClientEndpoint> endpoint,
                                                        ClientContext context, const std::string& hostname);

/// The same for servers. @throws std::invalid_argument if `endpoint` is null
BIGHT_API std::shared_ptr<ServerEndpoint> wrapServerTLS(ReactorTime& clock, std::shared_ptr<ServerEndpoint> endpoint,
                                                        ServerContext context);

/// Makes `tls:` and `ssl:` known to strings; done by including this header. @return true
BIGHT_API bool registerEndpoints() noexcept;

namespace detail {
inline const bool endpointsRegistered = registerEndpoints();
}  // namespace detail

}  // namespace bight::tls
