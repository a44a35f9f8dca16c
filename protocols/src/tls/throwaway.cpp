#include <bight/tls/throwaway.hpp>

#include <arpa/inet.h>
#include <openssl/rand.h>

#include <array>
#include <new>
#include <stdexcept>

#include <bight/tls/errors.hpp>

#include "openssl.hpp"

namespace bight::tls {

namespace detail {

struct AuthorityState {
  std::shared_ptr<const AuthorityState> parent;  // null: a root
  X509Ptr certificate;
  KeyPtr key;
};

}  // namespace detail

namespace {

using namespace detail;

void check(bool worked) {
  if (!worked) throw ContextError("a throw-away certificate cannot be made: " + takeError());
}

std::string toPem(X509* x509) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  check(bio && PEM_write_bio_X509(bio.get(), x509) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string toPem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  check(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

KeyPtr makeKey() {
  KeyPtr key(EVP_EC_gen("P-256"));
  check(key != nullptr);
  return key;
}

void setTime(ASN1_TIME* time, std::chrono::system_clock::time_point moment) {
  check(ASN1_TIME_set(time, std::chrono::system_clock::to_time_t(moment)) != nullptr);
}

void addExtension(X509* x509, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  check(extension != nullptr);
  const bool added = X509_add_ext(x509, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  check(added);
}

bool isAddress(const std::string& name) {
  std::array<unsigned char, 16> bytes;
  return inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

/// A name that no other authority has.
std::string newName() {
  std::array<unsigned char, 4> bytes{};
  check(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  std::string name = "throw-away authority ";
  for (const unsigned char byte : bytes)
    for (const unsigned digit : {byte / 16U, byte % 16U}) name += "0123456789abcdef"[digit];
  return name;
}

/// A certificate without names; signed by nobody yet.
X509Ptr makeCertificate(const std::string& commonName, const X509_NAME* issuer, EVP_PKEY* key,
                        const Validity& validity) {
  X509Ptr x509(X509_new());
  check(x509 && X509_set_version(x509.get(), X509_VERSION_3) == 1);
  std::array<unsigned char, 16> serial{};
  check(RAND_bytes(serial.data(), static_cast<int>(serial.size())) == 1);
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7fU) | 0x40U);  // positive, and as long as it is
  BIGNUM* number = BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr);
  const bool numbered = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509.get()));
  BN_free(number);
  check(numbered);
  setTime(X509_getm_notBefore(x509.get()), validity.from);
  setTime(X509_getm_notAfter(x509.get()), validity.until);
  X509_NAME* subject = X509_get_subject_name(x509.get());
  // A common name has at most 64 characters; what counts are the alternative names anyway.
  const std::string shortened = commonName.substr(0, 64);
  check(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(shortened.c_str()), -1, -1, 0) == 1);
  check(X509_set_issuer_name(x509.get(), issuer ? const_cast<X509_NAME*>(issuer) : subject) == 1);
  check(X509_set_pubkey(x509.get(), key) == 1);
  return x509;
}

std::shared_ptr<const AuthorityState> makeAuthority(std::shared_ptr<const AuthorityState> parent,
                                                    const std::string& name, const Validity& validity) {
  auto made = std::make_shared<AuthorityState>();
  made->key = makeKey();
  made->certificate = makeCertificate(name, parent ? X509_get_subject_name(parent->certificate.get()) : nullptr,
                                      made->key.get(), validity);
  X509* self = made->certificate.get();
  X509* issuer = parent ? parent->certificate.get() : self;
  addExtension(self, issuer, NID_basic_constraints, "critical,CA:TRUE");
  addExtension(self, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  // Issuers are looked up by their names: where several have the same, the identifiers of their keys tell the right one.
  addExtension(self, issuer, NID_subject_key_identifier, "hash");
  if (parent) addExtension(self, issuer, NID_authority_key_identifier, "keyid:always");
  check(X509_sign(self, parent ? parent->key.get() : made->key.get(), EVP_sha256()) > 0);
  made->parent = std::move(parent);
  return made;
}

Identity makeLeaf(const AuthorityState* authority, const std::vector<std::string>& names, const Validity& validity) {
  if (names.empty()) throw std::invalid_argument("a certificate needs at least one name");
  const KeyPtr key = makeKey();
  const X509Ptr x509 = makeCertificate(
      names.front(), authority ? X509_get_subject_name(authority->certificate.get()) : nullptr, key.get(), validity);
  std::string alternatives;
  for (const auto& name : names) {
    if (!alternatives.empty()) alternatives += ',';
    alternatives += (isAddress(name) ? "IP:" : "DNS:") + name;
  }
  X509* issuer = authority ? authority->certificate.get() : x509.get();
  addExtension(x509.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
  addExtension(x509.get(), issuer, NID_subject_key_identifier, "hash");
  if (authority) addExtension(x509.get(), issuer, NID_authority_key_identifier, "keyid:always");
  addExtension(x509.get(), issuer, NID_key_usage, "critical,digitalSignature");
  addExtension(x509.get(), issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  addExtension(x509.get(), issuer, NID_subject_alt_name, alternatives);
  check(X509_sign(x509.get(), authority ? authority->key.get() : key.get(), EVP_sha256()) > 0);
  std::string chain = toPem(x509.get());
  for (; authority && authority->parent; authority = authority->parent.get())
    chain += toPem(authority->certificate.get());
  return {.certificate = Pem::text(std::move(chain)), .key = Pem::text(toPem(key.get()))};
}

}  // namespace

ThrowawayAuthority::ThrowawayAuthority(const std::string& name, const Validity& validity)
    : state_(makeAuthority(nullptr, name.empty() ? newName() : name, validity)) {}

Identity ThrowawayAuthority::issue(const std::vector<std::string>& names, const Validity& validity) const {
  return makeLeaf(state_.get(), names, validity);
}

ThrowawayAuthority ThrowawayAuthority::issueAuthority(const std::string& name, const Validity& validity) const {
  return ThrowawayAuthority(makeAuthority(state_, name, validity));
}

Pem ThrowawayAuthority::certificate() const {
  return Pem::text(toPem(state_->certificate.get()));
}

Identity selfSigned(const std::vector<std::string>& names, const Validity& validity) {
  return makeLeaf(nullptr, names, validity);
}

}  // namespace bight::tls
