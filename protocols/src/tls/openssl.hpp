/// @file
/// Internal: OpenSSL's objects with owners, and its errors as text. Included by the sources of this directory only.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bight/tls/certificate.hpp>
#include <bight/tls/options.hpp>

namespace bight::tls::detail {

template <auto release>
struct Release {
  template <class T>
  void operator()(T* object) const noexcept {
    release(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Release<BIO_free>>;
using SslPtr = std::unique_ptr<SSL, Release<SSL_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, Release<SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Release<SSL_SESSION_free>>;
using X509Ptr = std::unique_ptr<X509, Release<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
struct ReleaseChain {
  void operator()(STACK_OF(X509) * chain) const noexcept { sk_X509_pop_free(chain, X509_free); }
};
using ChainPtr = std::unique_ptr<STACK_OF(X509), ReleaseChain>;

/// A BIO that reads `text`, which must outlive it. @throws std::bad_alloc
BioPtr readingFrom(std::string_view text);

/// One more owner of an X509.
X509Ptr share(X509* x509) noexcept;

/// What the oldest error in this thread's queue says, in a few words; the queue is emptied. "unknown error" if there is
/// none.
std::string takeError();

/// All certificates of a PEM text, in order. @throws ContextError that begins with `where` if one cannot be read
std::vector<X509Ptr> readCertificates(std::string_view pem, const std::string& where);

/// Text from a peer, fit for a message: no control characters, at most 256 bytes.
std::string printable(std::string text);
/// How to call a certificate for people: its first name, or its common name, or its subject.
std::string displayName(X509* x509);
/// Its DNS names and addresses.
std::vector<std::string> namesOf(X509* x509);
/// "CN=a.example,O=Example".
std::string nameText(const X509_NAME* name);
/// The day of a moment in a certificate: "2026-01-03".
std::string dayOf(const ASN1_TIME* time);

/// A certificate with its key and chain, read and checked.
struct LoadedIdentity {
  X509Ptr certificate;
  KeyPtr key;
  ChainPtr chain;                  // without the certificate itself; never null
  std::vector<std::string> names;  // lower case
};

/// Reads what an `Identity` names. @throws ContextError, which says which file
LoadedIdentity loadIdentity(const Identity& identity);

}  // namespace bight::tls::detail
