// Reading certificates and keys, with messages that name the file.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include <bight/tls/errors.hpp>
#include <bight/tls/options.hpp>

#include "openssl.hpp"

namespace bight::tls {

namespace {

constexpr std::size_t largestPem = 16 * 1024 * 1024;

/// How to name a PEM in a message.
std::string where(const Pem& pem, const char* what) {
  return pem.path().empty() ? std::string("the text given as ") + what : std::string(pem.path());
}

int givePassphrase(char* buffer, int size, int, void* given) {
  const auto& passphrase = *static_cast<const std::string*>(given);
  if (passphrase.empty() || passphrase.size() > static_cast<std::size_t>(size)) return -1;
  std::copy(passphrase.begin(), passphrase.end(), buffer);  // its length is returned; nothing ends it
  return static_cast<int>(passphrase.size());
}

detail::KeyPtr readKey(const Pem& pem, const std::string& passphrase) {
  const std::string text = pem.read();
  const std::string from = where(pem, "key");
  if (text.find("PRIVATE KEY-----") == std::string::npos)
    throw ContextError(from + " has no private key in it (no line \"-----BEGIN PRIVATE KEY-----\")");
  const detail::BioPtr bio = detail::readingFrom(text);
  ERR_clear_error();
  detail::KeyPtr key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, givePassphrase, const_cast<std::string*>(&passphrase)));
  if (key) return key;
  const bool encrypted = text.find("ENCRYPTED") != std::string::npos;
  const std::string error = detail::takeError();
  if (encrypted && passphrase.empty())
    throw ContextError("the private key in " + from + " is encrypted: give Identity::keyPassphrase");
  if (encrypted)
    throw ContextError("the private key in " + from + " cannot be decrypted: is keyPassphrase right? (" + error + ")");
  throw ContextError("the private key in " + from + " cannot be read: " + error);
}

}  // namespace

std::string_view toString(Version version) noexcept {
  switch (version) {
    case Version::tls10:
      return "TLS 1.0";
    case Version::tls11:
      return "TLS 1.1";
    case Version::tls12:
      return "TLS 1.2";
    case Version::tls13:
      return "TLS 1.3";
  }
  return "TLS";
}

std::string Pem::read() const {
  if (!isFile_) return value_;
  const auto failed = [this] { return ContextError("cannot read " + value_ + ": " + std::strerror(errno)); };
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(value_.c_str(), "rbe"), close);
  if (!file) throw failed();
  struct stat about{};
  if (::fstat(fileno(file.get()), &about) != 0) throw failed();
  if (!S_ISREG(about.st_mode) && !S_ISFIFO(about.st_mode))
    throw ContextError("cannot read " + value_ + ": it is not a file");
  std::string text;
  char buffer[16384];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, got);
    if (text.size() > largestPem) throw ContextError(value_ + " is larger than 16 MiB: that is no PEM file");
  }
  if (std::ferror(file.get())) throw failed();
  return text;
}

namespace detail {

LoadedIdentity loadIdentity(const Identity& identity) {
  if (identity.certificate.empty())
    throw ContextError("an Identity has no certificate: give a Pem::file or a Pem::text");
  LoadedIdentity loaded;
  const std::string from = where(identity.certificate, "certificate");
  auto certificates = readCertificates(identity.certificate.read(), from);
  if (certificates.empty())
    throw ContextError(from + " has no certificate in it (no line \"-----BEGIN CERTIFICATE-----\")");
  loaded.certificate = std::move(certificates.front());
  certificates.erase(certificates.begin());
  if (!identity.extraChain.empty()) {
    const std::string extraFrom = where(identity.extraChain, "extraChain");
    auto extra = readCertificates(identity.extraChain.read(), extraFrom);
    if (extra.empty()) throw ContextError(extraFrom + " has no certificate in it");
    std::move(extra.begin(), extra.end(), std::back_inserter(certificates));
  }
  loaded.chain.reset(sk_X509_new_null());
  if (!loaded.chain) throw std::bad_alloc();
  for (auto& certificate : certificates) {
    if (sk_X509_push(loaded.chain.get(), certificate.get()) == 0) throw std::bad_alloc();
    static_cast<void>(certificate.release());
  }

  const Pem& key = identity.key.empty() ? identity.certificate : identity.key;
  loaded.key = readKey(key, identity.keyPassphrase);
  if (X509_check_private_key(loaded.certificate.get(), loaded.key.get()) != 1) {
    ERR_clear_error();
    throw ContextError("the private key in " + where(key, "key") + " does not belong to the certificate of " +
                       displayName(loaded.certificate.get()) + " in " + from);
  }

  loaded.names = identity.names.empty() ? namesOf(loaded.certificate.get()) : identity.names;
  for (auto& name : loaded.names)
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return loaded;
}

}  // namespace detail
}  // namespace bight::tls
