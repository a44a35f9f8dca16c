// What can be asked of a TLS connection, and why one failed, in words.
#include <array>
#include <new>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/tls/errors.hpp>

#include "layer.hpp"

namespace bight::tls {

Connection::~Connection() = default;

TruncationError::TruncationError()
    : Error(
          "the connection ended without TLS's close_notify: the peer broke off, or somebody cut it, and data may be "
          "missing") {}

InjectionError::InjectionError(std::size_t bytes)
    : Error("startTLS refused: " + std::to_string(bytes) +
            " bytes had come in clear together with the command, and would have been taken for encrypted ones") {}

namespace detail {

// ---- facts ----

Deferred<void> Layer::handshake() {
  Deferred<void> done;
  if (fate_)
    done.errback(*fate_);
  else if (established_)
    done.callback();
  else
    opening_->waiters.push_back(done.promise());
  return done;
}

std::string Layer::negotiatedProtocol() const {
  if (!established_ || !ssl_) return {};
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return size > 0 ? std::string(reinterpret_cast<const char*>(name), size) : std::string();
}

std::optional<Certificate> Layer::peerCertificate() const {
  if (!established_ || !ssl_) return std::nullopt;
  X509* x509 = SSL_get0_peer_certificate(ssl_.get());
  if (!x509) return std::nullopt;
  return wrapCertificate(x509);
}

std::vector<Certificate> Layer::peerChain() const {
  std::vector<Certificate> chain;
  if (!established_ || !ssl_) return chain;
  X509* own = SSL_get0_peer_certificate(ssl_.get());
  // OpenSSL leaves the peer's own certificate out of the chain on the server's side.
  if (!client_ && own) chain.push_back(wrapCertificate(own));
  const STACK_OF(X509)* all = SSL_get_peer_cert_chain(ssl_.get());
  for (int i = 0; i < sk_X509_num(all); ++i) chain.push_back(wrapCertificate(sk_X509_value(all, i)));
  return chain;
}

std::optional<Version> Layer::version() const {
  if (!established_ || !ssl_) return std::nullopt;
  switch (SSL_version(ssl_.get())) {
    case TLS1_VERSION:
      return Version::tls10;
    case TLS1_1_VERSION:
      return Version::tls11;
    case TLS1_2_VERSION:
      return Version::tls12;
    case TLS1_3_VERSION:
      return Version::tls13;
    default:
      return std::nullopt;
  }
}

std::string Layer::cipher() const {
  return established_ && ssl_ ? SSL_get_cipher_name(ssl_.get()) : std::string();
}
std::string Layer::serverName() const {
  return established_ && ssl_ ? serverName_ : std::string();
}
bool Layer::resumed() const noexcept {
  return established_ && ssl_ && SSL_session_reused(ssl_.get()) == 1;
}

// ---- failures ----

namespace {

/// What an alert means for people; empty if OpenSSL's own words do.
std::string_view meaning(int alert) {
  switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
      return "it finds no version, cipher or key that both sides have, or misses our certificate";
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_CERTIFICATE_UNKNOWN:
      return "it does not accept our certificate";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return "our certificate has expired";
    case SSL_AD_UNKNOWN_CA:
      return "it does not trust the authority that signed our certificate";
    case SSL_AD_PROTOCOL_VERSION:
      return "it does not speak the versions of TLS that we do";
    case SSL_AD_CERTIFICATE_REQUIRED:
      return "it wants a certificate of ours";
    case SSL_AD_NO_APPLICATION_PROTOCOL:
      return "it speaks none of the application protocols that we offer";
    case SSL_AD_UNRECOGNIZED_NAME:
      return "it does not know the name that we asked for";
    default:
      return {};
  }
}

/// If the oldest error in the queue is an alert from the peer: that.
std::optional<Failure> alertFailure() {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET || reason > SSL_AD_REASON_OFFSET + 255)
    return std::nullopt;
  ERR_clear_error();
  const int alert = reason - SSL_AD_REASON_OFFSET;
  std::string what = "the peer refused: alert " + std::to_string(alert) + ", " + SSL_alert_desc_string_long(alert);
  if (const auto words = meaning(alert); !words.empty()) what.append(" (").append(words).append(")");
  return Failure(AlertError(alert, what));
}

/// The names of ALPN's form, for people.
std::string listed(const std::string& protocols) {
  std::string list;
  for (std::size_t at = 0; at < protocols.size(); at += 1 + static_cast<unsigned char>(protocols[at])) {
    if (!list.empty()) list += ", ";
    list += protocols.substr(at + 1, static_cast<unsigned char>(protocols[at]));
  }
  return list;
}

}  // namespace

Failure Layer::recordFailure(int, const char* doing) const {
  if (auto alert = alertFailure()) return std::move(*alert);
  return Failure(Error(std::string("TLS failed while ") + doing + ": " + takeError()));
}

Failure Layer::handshakeFailure(int) {
  if (opening_->refusal != X509_V_OK) {
    ERR_clear_error();
    return verificationFailure(opening_->refusal, opening_->refused.get());
  }
  if (auto alert = alertFailure()) return std::move(*alert);
  const unsigned long code = ERR_peek_error();
  if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
    const auto say = [](const std::string& what) {
      ERR_clear_error();
      return Failure(Error(what));
    };
    switch (ERR_GET_REASON(code)) {
      case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        ERR_clear_error();
        return Failure(VerificationError(VerificationError::Problem::missing, X509_V_ERR_UNSPECIFIED,
                                         "the client has shown no certificate, and one is required"));
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_HTTP_REQUEST:
      case SSL_R_HTTPS_PROXY_REQUEST:
        ERR_clear_error();
        return Failure(PlainTextError("the peer does not speak TLS: what it sent is no TLS record"));
      case SSL_R_UNSUPPORTED_PROTOCOL:
      case SSL_R_VERSION_TOO_LOW:
        return say("the peer speaks none of the versions of TLS that we allow");
      case SSL_R_NO_SHARED_CIPHER:
        return say("the peer offers no cipher that we allow");
      case SSL_R_NO_APPLICATION_PROTOCOL:
        return say("the client offers none of the application protocols that this server speaks: " +
                   listed(Settings::of(SSL_get_SSL_CTX(ssl_.get())).applicationProtocols));
      default:
        break;
    }
  }
  return Failure(Error("the TLS handshake failed: " + takeError()));
}

Failure Layer::verificationFailure(int code, X509* refused) const {
  using Problem = VerificationError::Problem;
  const auto failure = [code](Problem problem, const std::string& what) {
    return Failure(VerificationError(problem, code, what));
  };
  if (!refused)
    return failure(Problem::other, std::string("the peer's certificate: ") + X509_verify_cert_error_string(code));
  const std::string owner = displayName(refused);
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return failure(Problem::expired, "certificate of " + owner + " expired " + dayOf(X509_get0_notAfter(refused)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return failure(Problem::notYetValid,
                     "certificate of " + owner + " is not valid before " + dayOf(X509_get0_notBefore(refused)));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: {
      constexpr std::size_t mostNames = 10;
      std::string has;
      const auto names = namesOf(refused);
      for (std::size_t i = 0; i < names.size() && i < mostNames; ++i) has += (i > 0 ? ", " : "") + printable(names[i]);
      if (names.size() > mostNames) has += " and " + std::to_string(names.size() - mostNames) + " more";
      if (names.empty()) has = "no names";
      return failure(Problem::nameMismatch, "name mismatch: wanted " + (client_ ? client_->hostname : std::string()) +
                                                ", certificate has " + has);
    }
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return failure(Problem::unknownAuthority,
                     "certificate of " + owner + " has signed itself, and is not among those we trust");
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return failure(Problem::unknownAuthority, "certificate is signed by an unknown authority: " +
                                                    printable(nameText(X509_get_subject_name(refused))));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return failure(Problem::unknownAuthority, "certificate of " + owner + " is signed by an unknown authority: " +
                                                    printable(nameText(X509_get_issuer_name(refused))));
    default:
      return failure(Problem::other, "certificate of " + owner + ": " + X509_verify_cert_error_string(code));
  }
}

}  // namespace detail
}  // namespace bight::tls
