// From options to an SSL_CTX.
//
// Everything that OpenSSL asks for later (which certificate for this name, which protocol of those) it asks through
// callbacks, which find their answers in `Settings`. Those hang on the SSL_CTX and are deleted with it, so whoever has
// an SSL has all that belongs to it, whatever a reload does meanwhile.
#include "settings.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>

#include <bight/tls/errors.hpp>

#include "layer.hpp"

namespace bight::tls::detail {

namespace {

constexpr const char* goodCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* ancientCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:HIGH:!aNULL:!eNULL:@SECLEVEL=0";

/// Where an SSL_CTX keeps its Settings.
int settingsIndex() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* settings, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Settings*>(settings); });
  return index;
}

int versionNumber(Version version) {
  switch (version) {
    case Version::tls10:
      return TLS1_VERSION;
    case Version::tls11:
      return TLS1_1_VERSION;
    case Version::tls12:
      return TLS1_2_VERSION;
    case Version::tls13:
      return TLS1_3_VERSION;
  }
  throw std::invalid_argument("tls: there is no such version");
}

std::string alpnForm(const std::vector<std::string>& protocols) {
  std::string form;
  for (const auto& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255)
      throw std::invalid_argument("tls: the name of an application protocol has 1 to 255 bytes; \"" + protocol +
                                  "\" has not");
    form += static_cast<char>(protocol.size());
    form += protocol;
  }
  return form;
}

void applyProtocol(SSL_CTX* context, Settings& settings, const ProtocolOptions& options) {
  const Version minimum = options.insecurelyLowerMinimumTo.value_or(options.raiseMinimumTo);
  if (!options.insecurelyLowerMinimumTo && minimum < Version::tls12)
    throw std::invalid_argument("tls: raiseMinimumTo cannot go below TLS 1.2; insecurelyLowerMinimumTo can");
  if (options.maximum < minimum)
    throw std::invalid_argument("tls: the maximum, " + std::string(toString(options.maximum)) +
                                ", is below the minimum, " + std::string(toString(minimum)));
  const bool ancient = minimum < Version::tls12;
  SSL_CTX_set_security_level(context, ancient ? 0 : 2);
  if (SSL_CTX_set_min_proto_version(context, versionNumber(minimum)) != 1 ||
      SSL_CTX_set_max_proto_version(context, versionNumber(options.maximum)) != 1)
    throw ContextError("OpenSSL refuses the versions " + std::string(toString(minimum)) + " to " +
                       std::string(toString(options.maximum)) + ": " + takeError());
  const std::string ciphers = !options.ciphers.empty() ? options.ciphers : ancient ? ancientCiphers : goodCiphers;
  if (SSL_CTX_set_cipher_list(context, ciphers.c_str()) != 1)
    throw ContextError("OpenSSL knows no cipher of the list \"" + ciphers + "\": " + takeError());
  if (!options.cipherSuites.empty() && SSL_CTX_set_ciphersuites(context, options.cipherSuites.c_str()) != 1)
    throw ContextError("OpenSSL does not understand the cipher suites \"" + options.cipherSuites +
                       "\": " + takeError());
  settings.applicationProtocols = alpnForm(options.applicationProtocols);
  settings.handshakeTimeout = options.handshakeTimeout;
  SSL_CTX_set_dh_auto(context, 1);  // for whoever adds ciphers that need it
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA);
}

void useIdentity(SSL_CTX* context, const LoadedIdentity& identity) {
  if (SSL_CTX_use_cert_and_key(context, identity.certificate.get(), identity.key.get(), identity.chain.get(), 1) != 1)
    throw ContextError("OpenSSL refuses the certificate of " + displayName(identity.certificate.get()) + ": " +
                       takeError());
}

std::string nameOf(const Pem& pem) {
  return pem.path().empty() ? std::string("a text given as trusted root") : std::string(pem.path());
}

void applyTrust(SSL_CTX* context, const Trust& trust, bool namesThem) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  if (trust.platform && SSL_CTX_set_default_verify_paths(context) != 1)
    throw ContextError("the system's trusted certificates cannot be found: " + takeError());
  for (const auto& directory : trust.directories)
    if (X509_STORE_load_path(store, directory.c_str()) != 1)
      throw ContextError("the directory of trusted certificates " + directory + " cannot be used: " + takeError());
  for (const auto& pem : trust.roots) {
    const auto read = readCertificates(pem.read(), nameOf(pem));
    if (read.empty())
      throw ContextError(nameOf(pem) + " has no certificate in it (no line \"-----BEGIN CERTIFICATE-----\")");
    for (const auto& root : read) {
      if (X509_STORE_add_cert(store, root.get()) != 1) throw ContextError(nameOf(pem) + ": " + takeError());
      if (namesThem && SSL_CTX_add_client_CA(context, root.get()) != 1) throw std::bad_alloc();
    }
  }
  // What the user trusts ends a chain, also if it is not a root.
  if (!trust.roots.empty()) X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
}

/// Does "*.example.org" or "a.example.org" cover `name`? Both in lower case.
bool covers(const std::string& pattern, const std::string& name) {
  if (pattern == name) return true;
  if (!pattern.starts_with("*.")) return false;
  const std::size_t dot = name.find('.');
  return dot != std::string::npos && dot > 0 && name.compare(dot, std::string::npos, pattern, 1) == 0;
}

/// The certificates for a name: those that have it, else those that cover it. None: leave the context's own.
std::vector<const LoadedIdentity*> identitiesFor(const Settings& settings, const std::string& name) {
  std::vector<const LoadedIdentity*> found;
  for (const auto& identity : settings.identities)
    if (std::find(identity.names.begin(), identity.names.end(), name) != identity.names.end())
      found.push_back(&identity);
  if (!found.empty()) return found;
  for (const auto& identity : settings.identities)
    if (std::any_of(identity.names.begin(), identity.names.end(), [&](const auto& own) { return covers(own, name); }))
      found.push_back(&identity);
  return found;
}

/// OpenSSL has read the name that the client asks for.
int chooseIdentity(SSL* ssl, int*, void*) noexcept {
  try {
    const char* asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!asked) return SSL_TLSEXT_ERR_NOACK;
    std::string name(asked);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    Layer::of(ssl).setServerName(name);
    const auto found = identitiesFor(Settings::of(SSL_get_SSL_CTX(ssl)), name);
    if (found.empty()) return SSL_TLSEXT_ERR_OK;
    SSL_certs_clear(ssl);  // or a certificate for other names, with another kind of key, could still be chosen
    for (const auto* identity : found)
      if (SSL_use_cert_and_key(ssl, identity->certificate.get(), identity->key.get(), identity->chain.get(), 1) != 1)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
  } catch (...) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
}

/// OpenSSL has read the application protocols that the client offers.
int chooseProtocol(SSL* ssl, const unsigned char** out, unsigned char* outSize, const unsigned char* in,
                   unsigned inSize, void*) noexcept {
  const auto& ours = Settings::of(SSL_get_SSL_CTX(ssl)).applicationProtocols;
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, outSize, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), in, inSize) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

struct Fresh {
  SslCtxPtr context;
  Settings* settings;  // the context's
};

Fresh freshContext(const SSL_METHOD* method) {
  Fresh fresh{SslCtxPtr(SSL_CTX_new(method)), nullptr};
  if (!fresh.context) throw ContextError("OpenSSL makes no context: " + takeError());
  auto settings = std::make_unique<Settings>();
  if (SSL_CTX_set_ex_data(fresh.context.get(), settingsIndex(), settings.get()) != 1) throw std::bad_alloc();
  fresh.settings = settings.release();
  return fresh;
}

}  // namespace

const Settings& Settings::of(const SSL_CTX* context) noexcept {
  return *static_cast<const Settings*>(SSL_CTX_get_ex_data(context, settingsIndex()));
}

SslCtxPtr makeContext(const ServerOptions& options) {
  if (options.identities.empty())
    throw std::invalid_argument("tls: a server needs a certificate; ServerOptions::identities is empty");
  Fresh fresh = freshContext(TLS_server_method());
  SSL_CTX* context = fresh.context.get();
  applyProtocol(context, *fresh.settings, options.protocol);

  auto& identities = fresh.settings->identities;
  for (const auto& identity : options.identities) identities.push_back(loadIdentity(identity));
  // The first one speaks for unknown names; so do those for the same names, which have another kind of key.
  for (const auto& identity : identities)
    if (identity.names == identities.front().names) useIdentity(context, identity);
  SSL_CTX_set_tlsext_servername_callback(context, chooseIdentity);
  if (!fresh.settings->applicationProtocols.empty()) SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nullptr);

  if (options.clientCertificates != ClientCertificates::ignored) {
    const Trust& trust = options.clientTrust;
    if (!trust.platform && trust.roots.empty() && trust.directories.empty())
      throw std::invalid_argument(
          "tls: client certificates are asked for, but nobody is trusted to sign them; see ServerOptions::clientTrust");
    applyTrust(context, trust, true);
    const bool required = options.clientCertificates == ClientCertificates::required;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       Layer::verifyCallback);
  }

  // Sessions are in tickets, which the clients keep: the server remembers nothing.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  static constexpr unsigned char sessionContext[] = "bight";
  SSL_CTX_set_session_id_context(context, sessionContext, sizeof sessionContext - 1);
  if (!options.protocol.sessions) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
  }
  return std::move(fresh.context);
}

SslCtxPtr makeContext(const ClientOptions& options) {
  Fresh fresh = freshContext(TLS_client_method());
  SSL_CTX* context = fresh.context.get();
  applyProtocol(context, *fresh.settings, options.protocol);
  if (options.identity) useIdentity(context, loadIdentity(*options.identity));
  const auto& protocols = fresh.settings->applicationProtocols;
  // Unlike its siblings, this one returns 0 for success.
  if (!protocols.empty() && SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(protocols.data()),
                                                    static_cast<unsigned>(protocols.size())) != 0)
    throw std::bad_alloc();
  fresh.settings->verifies = !options.insecurelySkipVerification;
  if (fresh.settings->verifies) {
    applyTrust(context, options.trust, false);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, Layer::verifyCallback);
  }
  if (options.protocol.sessions) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, Layer::newSessionCallback);
  } else {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  }
  return std::move(fresh.context);
}

}  // namespace bight::tls::detail
