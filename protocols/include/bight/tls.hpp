/// @file
/// TLS over any transport: `#include <bight/tls.hpp>` brings the whole package.
///
/// ```cpp
/// tls::ServerContext server({.identities = {{.certificate = tls::Pem::file("server.pem")}}});
/// reactor->listenTCP(8443, tls::wrapServer(*reactor, Factory::forProtocol<Echo>(), server));
///
/// tls::ClientContext client;   // trusts whom the system trusts
/// reactor->connectTCP("example.org", 443, tls::wrapClient(*reactor, factory, client, "example.org"));
/// ```
///
/// TLS is a Protocol below and a Transport above: nothing here knows a socket, and a protocol does not notice that its
/// transport encrypts. What it wants to know all the same, it asks `tls::Connection::of(transport())`.
#pragma once

#include <bight/tls/certificate.hpp>
#include <bight/tls/connection.hpp>
#include <bight/tls/context.hpp>
#include <bight/tls/endpoints.hpp>
#include <bight/tls/errors.hpp>
#include <bight/tls/options.hpp>
#include <bight/tls/throwaway.hpp>
#include <bight/tls/wrap.hpp>
