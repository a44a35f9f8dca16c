#include "openssl.hpp"

#include <arpa/inet.h>

#include <array>
#include <ctime>
#include <new>

#include <bight/tls/errors.hpp>

namespace bight::tls::detail {

BioPtr readingFrom(std::string_view text) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) throw std::bad_alloc();
  return bio;
}

X509Ptr share(X509* x509) noexcept {
  if (x509) X509_up_ref(x509);
  return X509Ptr(x509);
}

std::string takeError() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

std::vector<X509Ptr> readCertificates(std::string_view pem, const std::string& where) {
  const BioPtr bio = readingFrom(pem);
  std::vector<X509Ptr> read;
  ERR_clear_error();
  while (X509* x509 = PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)) read.emplace_back(x509);
  const unsigned long code = ERR_peek_last_error();
  // The end of the text is an error as well, and the usual one.
  if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
    throw ContextError(where + " has a certificate that cannot be read (number " + std::to_string(read.size() + 1) +
                       "): " + takeError());
  ERR_clear_error();
  return read;
}

std::string nameText(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio) throw std::bad_alloc();
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::vector<std::string> namesOf(X509* x509) {
  std::vector<std::string> names;
  GENERAL_NAMES* all = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    if (name->type == GEN_DNS) {
      const ASN1_IA5STRING* text = name->d.dNSName;
      names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                         static_cast<std::size_t>(ASN1_STRING_length(text)));
    } else if (name->type == GEN_IPADD) {
      std::array<char, INET6_ADDRSTRLEN> text{};
      const int size = ASN1_STRING_length(name->d.iPAddress);
      if (size != 4 && size != 16) continue;
      inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text.data(), text.size());
      names.emplace_back(text.data());
    }
  }
  GENERAL_NAMES_free(all);
  return names;
}

/// A peer may put anything into its certificate; it shall not write into our log with it.
std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  if (text.size() > 256) text.resize(256);
  return text;
}

std::string displayName(X509* x509) {
  if (const auto names = namesOf(x509); !names.empty()) return printable(names.front());
  std::array<char, 256> common{};
  const X509_NAME* subject = X509_get_subject_name(x509);
  if (X509_NAME_get_text_by_NID(const_cast<X509_NAME*>(subject), NID_commonName, common.data(), common.size()) > 0)
    return printable(common.data());
  return printable(nameText(subject));
}

std::string dayOf(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1 || std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts) == 0)
    return "at an unreadable time";
  return text.data();
}

}  // namespace bight::tls::detail
