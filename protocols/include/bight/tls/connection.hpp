/// @file
/// `tls::Connection`: the transport that a protocol over TLS has, and what there is to know about it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/tls/certificate.hpp>
#include <bight/tls/options.hpp>
#include <bight/transport.hpp>

namespace bight::tls {

/// A transport that encrypts.
///
/// It behaves as every transport; what is different follows from TLS:
///
/// - `connectionMade()` comes before the handshake. What is written until the handshake is through is kept, and nothing
///   of it leaves before the peer is verified. It counts for the limits of the write buffer.
/// - `loseConnection()` sends TLS's close_notify behind what was written, and waits for the peer's. Before the
///   handshake is through and with nothing written, the connection just ends, with `ConnectionLost`.
/// - A connection that ends without the peer's close_notify ends with `TruncationError`, unless it was we who closed.
/// - `loseWriteConnection()` sends close_notify and goes on reading; the TCP connection below stays whole.
/// - `pauseProducing()` lets the handshake go on.
/// - Small writes of one dispatch leave in one record.
///
/// What can be asked is known when the handshake is through, and until `connectionLost()` has returned; before and
/// after, everything is empty.
class BIGHT_API Connection : public Transport {
 public:
  /// `transport` as a TLS connection; null if it is none.
  static Connection* of(Transport& transport) noexcept { return dynamic_cast<Connection*>(&transport); }

  /// Fires when the handshake is through and the peer verified; fails with the reason if that does not happen. Any
  /// number may wait. (In TLS 1.3 a client is through before the server has looked at its certificate: a server that
  /// refuses it ends the connection with an `AlertError` afterwards.)
  virtual Deferred<void> handshake() = 0;
  /// The handshake is through, and the peer verified.
  virtual bool secure() const noexcept = 0;

  /// The protocol agreed upon by ALPN; empty if there was none.
  virtual std::string negotiatedProtocol() const = 0;
  /// The peer's certificate. A client always has one, a server if it asked for one and the client had it.
  virtual std::optional<Certificate> peerCertificate() const = 0;
  /// What the peer has sent: its certificate and those of its authorities. May be empty after a resumed handshake.
  virtual std::vector<Certificate> peerChain() const = 0;
  virtual std::optional<Version> version() const = 0;
  /// As OpenSSL names it: "TLS_AES_256_GCM_SHA384".
  virtual std::string cipher() const = 0;
  /// The name that the client asked for (SNI). Empty if it asked for none, or by address.
  virtual std::string serverName() const = 0;
  /// Whether this connection took up an earlier session.
  virtual bool resumed() const noexcept = 0;

  /// The transport that carries the encrypted bytes.
  virtual Transport& below() const noexcept = 0;

 protected:
  Connection() = default;
  ~Connection() override;
};

/// Mixed into a Protocol that wants to know when the handshake is through. (Twisted: IHandshakeListener)
///
/// What it throws is treated as if `dataReceived()` had thrown it.
class BIGHT_API HandshakeListener {
 public:
  /// The peer is verified, and `tls::Connection::of(transport())` tells about it. Comes before any data.
  virtual void handshakeCompleted() = 0;

 protected:
  HandshakeListener() = default;
  HandshakeListener(const HandshakeListener&) = default;
  HandshakeListener& operator=(const HandshakeListener&) = default;
  ~HandshakeListener() = default;
};

}  // namespace bight::tls
