/// @file
/// What a TLS context is made of. Every structure is meant for designated initialisers, and its defaults are safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/export.hpp>

namespace bight::tls {

/// A version of the protocol.
enum class Version : std::uint8_t { tls10, tls11, tls12, tls13 };

/// "TLS 1.2".
BIGHT_API std::string_view toString(Version version) noexcept;

/// Where certificates or a key come from: a file in PEM form, or its text.
class BIGHT_API Pem {
 public:
  Pem() = default;
  /// Read when the context is made, and again by `reload()`.
  static Pem file(std::string path) { return Pem(std::move(path), true); }
  static Pem text(std::string pem) { return Pem(std::move(pem), false); }

  bool empty() const noexcept { return value_.empty(); }
  /// The file's path; empty if this is a text.
  std::string_view path() const noexcept { return isFile_ ? std::string_view(value_) : std::string_view(); }
  /// The text itself, read from the file if it is one. @throws ContextError if that cannot be read, or is larger than
  /// 16 MiB
  std::string read() const;

 private:
  Pem(std::string value, bool isFile) : value_(std::move(value)), isFile_(isFile) {}

  std::string value_;
  bool isFile_ = false;
};

/// A certificate, and the key that proves that it is ours.
struct Identity {
  /// The certificate, and behind it the certificates of its authorities, as files usually have them ("fullchain.pem").
  Pem certificate;
  /// The private key. Not given: it is in the same PEM as the certificate.
  Pem key = {};
  /// Further certificates of the chain, sent behind those of `certificate`.
  Pem extraChain = {};
  /// If the key is encrypted.
  std::string keyPassphrase = {};
  /// The server names this is for (a server chooses by the name that the client asks for); "*.example.org" covers one
  /// label. Not given: the names in the certificate.
  std::vector<std::string> names = {};
};

/// Whom we believe: the roots that a peer's certificate must lead to.
struct Trust {
  /// Those that the operating system trusts.
  bool platform = true;
  /// Certificates of our own choice; each is trusted for all that it has signed, and for itself.
  std::vector<Pem> roots = {};
  /// Directories of certificates under hashed names, as `openssl rehash` makes them.
  std::vector<std::string> directories = {};

  /// `roots` and nobody else.
  static Trust only(std::vector<Pem> roots) { return {.platform = false, .roots = std::move(roots)}; }
};

/// Whether a server asks its clients for certificates.
enum class ClientCertificates : std::uint8_t { ignored, optional, required };

/// What servers and clients have in common.
struct ProtocolOptions {
  /// The oldest version that is spoken. @see insecurelyLowerMinimumTo
  Version raiseMinimumTo = Version::tls12;
  /// TLS 1.0 and 1.1 are broken. Who needs them for an ancient peer says so here; this also admits ancient ciphers.
  std::optional<Version> insecurelyLowerMinimumTo = std::nullopt;
  /// The newest version that is spoken.
  Version maximum = Version::tls13;
  /// OpenSSL's cipher list for TLS 1.2 and older. Empty: ephemeral keys with AES-GCM or ChaCha20 only.
  std::string ciphers = {};
  /// OpenSSL's list of cipher suites for TLS 1.3. Empty: OpenSSL's default.
  std::string cipherSuites = {};
  /// The protocols spoken inside (ALPN), the best first: {"h2", "http/1.1"}. Empty: no negotiation.
  std::vector<std::string> applicationProtocols = {};
  /// Whether a later connection may take up where an earlier one left off, without certificates.
  bool sessions = true;
  /// The time from the beginning of the handshake to its end. Zero or less: for ever.
  std::chrono::nanoseconds handshakeTimeout = std::chrono::seconds(10);
};

/// How to serve.
struct ServerOptions {
  /// At least one. The first is shown to clients that ask for no name, or for one that we do not have.
  std::vector<Identity> identities;
  ClientCertificates clientCertificates = ClientCertificates::ignored;
  /// Who may have signed the clients' certificates.
  Trust clientTrust = {.platform = false};
  ProtocolOptions protocol = {};
};

/// How to connect.
struct ClientOptions {
  Trust trust = {};
  /// Our own certificate, for servers that ask for one.
  std::optional<Identity> identity = std::nullopt;
  ProtocolOptions protocol = {};
  /// Believe whatever the server shows: anybody on the way can then read and change everything. For tests only.
  bool insecurelySkipVerification = false;
};

}  // namespace bight::tls
