/// @file
/// `tls::Certificate`: reading one.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>

namespace bight::tls {

class Certificate;

namespace detail {
struct CertificateState;
/// The certificate that `x509` (an OpenSSL X509*, whose count goes up) is.
Certificate wrapCertificate(void* x509);
}  // namespace detail

/// An X.509 certificate: an immutable value, cheap to copy. (Twisted: ssl.Certificate)
///
/// ```cpp
/// if (auto peer = tls::Connection::of(transport())->peerCertificate()) log.info(peer->subject());
/// ```
class BIGHT_API Certificate {
 public:
  /// Reads the first certificate of a PEM text. @throws ContextError if there is none
  static Certificate fromPem(std::string_view pem);

  /// Who it is for, as RFC 2253 writes it: "CN=a.example,O=Example".
  std::string subject() const;
  /// Who says so.
  std::string issuer() const;
  /// The subject's common name, or empty. For people: what counts are `names()`.
  std::string commonName() const;
  /// The DNS names and IP addresses it is valid for, as they stand in it ("*.example.org", "192.0.2.1", "2001:db8::1").
  std::vector<std::string> names() const;
  /// It is valid from here …
  std::chrono::system_clock::time_point notBefore() const;
  /// … until here.
  std::chrono::system_clock::time_point notAfter() const;
  /// The serial number in hexadecimal.
  std::string serialNumber() const;
  /// The SHA-256 of the whole certificate: "AB:CD:…", 95 characters.
  std::string digest() const;
  /// As a PEM text.
  std::string pem() const;

  /// Equal to the last bit.
  friend BIGHT_API bool operator==(const Certificate& a, const Certificate& b);

 private:
  friend Certificate detail::wrapCertificate(void* x509);
  explicit Certificate(std::shared_ptr<const detail::CertificateState> state) : state_(std::move(state)) {}

  std::shared_ptr<const detail::CertificateState> state_;
};

}  // namespace bight::tls
