#include <bight/tls/certificate.hpp>

#include <array>
#include <ctime>
#include <new>

#include <bight/tls/errors.hpp>

#include "openssl.hpp"

namespace bight::tls {

namespace detail {

struct CertificateState {
  X509Ptr x509;
};

Certificate wrapCertificate(void* x509) {
  return Certificate(std::make_shared<CertificateState>(CertificateState{share(static_cast<X509*>(x509))}));
}

}  // namespace detail

namespace {

std::chrono::system_clock::time_point toTimePoint(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) throw Error("a certificate has a time that cannot be read");
  // The range of system_clock ends in 2262; "no well-defined end" is written as the year 9999.
  constexpr std::time_t most = 9'000'000'000;
  const std::time_t seconds = timegm(&parts);
  return std::chrono::system_clock::from_time_t(seconds < -most ? -most : seconds > most ? most : seconds);
}

}  // namespace

Certificate Certificate::fromPem(std::string_view pem) {
  const auto read = detail::readCertificates(pem, "the text");
  if (read.empty()) throw ContextError("the text has no certificate in it (no line \"-----BEGIN CERTIFICATE-----\")");
  return detail::wrapCertificate(read.front().get());
}

std::string Certificate::subject() const {
  return detail::nameText(X509_get_subject_name(state_->x509.get()));
}
std::string Certificate::issuer() const {
  return detail::nameText(X509_get_issuer_name(state_->x509.get()));
}

std::string Certificate::commonName() const {
  std::array<char, 256> text{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(state_->x509.get()), NID_commonName, text.data(),
                                             static_cast<int>(text.size()));
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

std::vector<std::string> Certificate::names() const {
  return detail::namesOf(state_->x509.get());
}
std::chrono::system_clock::time_point Certificate::notBefore() const {
  return toTimePoint(X509_get0_notBefore(state_->x509.get()));
}
std::chrono::system_clock::time_point Certificate::notAfter() const {
  return toTimePoint(X509_get0_notAfter(state_->x509.get()));
}

std::string Certificate::serialNumber() const {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(state_->x509.get()), nullptr);
  char* text = number ? BN_bn2hex(number) : nullptr;
  std::string serial = text ? text : "";
  OPENSSL_free(text);
  BN_free(number);
  return serial;
}

std::string Certificate::digest() const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (X509_digest(state_->x509.get(), EVP_sha256(), bytes.data(), &size) != 1) throw std::bad_alloc();
  constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    if (i > 0) text += ':';
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::string Certificate::pem() const {
  const detail::BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), state_->x509.get()) != 1) throw std::bad_alloc();
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool operator==(const Certificate& a, const Certificate& b) {
  return X509_cmp(a.state_->x509.get(), b.state_->x509.get()) == 0;
}

}  // namespace bight::tls
