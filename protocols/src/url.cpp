// Url. The grammar is uriparser's, IDNA is libidn2's; this file maps what is not ASCII, normalises, and resolves references.
#include <bight/url.hpp>

#include <idn2.h>
#include <uriparser/Uri.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include <bight/http/form.hpp>

namespace bight {

namespace {

constexpr std::size_t longestUrl = 64 * 1024;  // longer than any server takes

// A text as it may stand in a message: not too long, and without what could harm a terminal.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text.substr(0, 120)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return out + (text.size() > 120 ? "…\"" : "\"");
}

std::uint16_t defaultPort(std::string_view scheme) noexcept {
  if (scheme == "http" || scheme == "ws") return 80;
  if (scheme == "https" || scheme == "wss") return 443;
  return 0;
}

void lower(std::string& text) noexcept {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
}

bool isAscii(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// What is not ASCII, percent-encoded (RFC 3987, 3.1).
std::string encodeNonAscii(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

// A name as DNS has it. `host` is what stands in the URL.
std::string asciiHost(std::string_view text, std::string_view host) {
  std::string decoded(host);
  if (host.find('%') != std::string_view::npos) {
    auto plain = http::percentDecode(host);
    if (!plain) throw UrlError(text, "a '%' in the host is not followed by two hexadecimal digits");
    decoded = *std::move(plain);
  }
  if (!isAscii(decoded)) {
    if (!http::isUtf8(decoded)) throw UrlError(text, "the host is not UTF-8");
    // Where one stands, idn2 would take the name to end.
    if (decoded.find('\0') != std::string::npos) throw UrlError(text, "there is a NUL in the host");
    char* ascii = nullptr;
    // Not with IDN2_USE_STD3_ASCII_RULES, which drops what it disallows: "c℀" would become "c". So what compatibility
    // mapping makes of it ("ca/c") is looked at below.
    const int rc = idn2_to_ascii_8z(decoded.c_str(), &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc != IDN2_OK) throw UrlError(text, std::string("the host is no international name: ") + idn2_strerror(rc));
    const std::unique_ptr<char, void (*)(void*)> kept(ascii, idn2_free);
    decoded = ascii;
  }
  lower(decoded);
  // Letters, digits and "-._~" and sub-delims may stand there (RFC 3986, 3.2.2); what was escaped might be anything.
  for (char c : decoded) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!alphanumeric && (c == '\0' || std::string_view("-._~!$&'()*+,;=").find(c) == std::string_view::npos)) {
      throw UrlError(text, "there is a character in the host that no name of a host has");
    }
  }
  return decoded;
}

// The parts of a reference, by RFC 3986's appendix B. A part that is not there has no data().
struct Parts {
  std::string_view scheme, authority, path, query, fragment;

  explicit Parts(std::string_view text) {
    const std::size_t end = std::min(text.find_first_of(":/?#"), text.size());
    if (end > 0 && end < text.size() && text[end] == ':') {
      scheme = text.substr(0, end);
      text.remove_prefix(end + 1);
    }
    if (text.starts_with("//")) {
      text.remove_prefix(2);
      const std::size_t stop = std::min(text.find_first_of("/?#"), text.size());
      authority = text.substr(0, stop);
      text.remove_prefix(stop);
      hasAuthority = true;
    }
    const std::size_t mark = text.find('#');
    if (mark != std::string_view::npos) {
      fragment = text.substr(mark + 1);
      hasFragment = true;
      text = text.substr(0, mark);
    }
    const std::size_t question = text.find('?');
    if (question != std::string_view::npos) {
      query = text.substr(question + 1);
      hasQuery = true;
      text = text.substr(0, question);
    }
    path = text;
  }

  bool hasAuthority = false, hasQuery = false, hasFragment = false;
};

// RFC 3986, 5.2.4.
std::string removeDotSegments(std::string_view in) {
  std::string out;
  while (!in.empty()) {
    if (in.starts_with("../")) {
      in.remove_prefix(3);
    } else if (in.starts_with("./")) {
      in.remove_prefix(2);
    } else if (in.starts_with("/./")) {
      in.remove_prefix(2);
    } else if (in == "/.") {
      in = "/";
    } else if (in.starts_with("/../") || in == "/..") {
      in = in.size() == 3 ? std::string_view("/") : in.substr(3);
      const std::size_t slash = out.rfind('/');
      out.erase(slash == std::string::npos ? 0 : slash);
    } else if (in == "." || in == "..") {
      in = {};
    } else {
      const std::size_t next = std::min(in.find('/', 1), in.size());
      out.append(in.substr(0, next));
      in.remove_prefix(next);
    }
  }
  return out;
}

// Whether it is a reference of RFC 3986. @throws UrlError
void checkGrammar(std::string_view text, const std::string& ascii) {
  for (std::size_t i = 0; i < ascii.size(); ++i) {
    const char c = ascii[i];
    if (c <= ' ' || c == 0x7f)
      throw UrlError(
          text, c == ' ' ? "there is a space in it; percent-encode it as %20" : "there is a control character in it");
    if (std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos)
      throw UrlError(text, std::string("'") + c + "' cannot be in a URL; percent-encode it");
  }
  UriUriA uri;
  const char* at = nullptr;
  if (uriParseSingleUriExA(&uri, ascii.data(), ascii.data() + ascii.size(), &at) != URI_SUCCESS) {
    const std::size_t offset = at ? static_cast<std::size_t>(at - ascii.data()) : 0;
    throw UrlError(text, offset < ascii.size() ? std::string("'") + ascii[offset] +
                                                     "' cannot stand where it does, at byte " + std::to_string(offset)
                                               : std::string("it ends too early"));
  }
  uriFreeUriMembersA(&uri);
}

}  // namespace

UrlError::UrlError(std::string_view text, const std::string& why)
    : std::invalid_argument(quoted(text) + " is not a URL that can be used: " + why + ".") {}

Url::Url(std::string_view text) {
  if (text.size() > longestUrl) throw UrlError(text, "it is longer than 64 KiB");
  if (!isAscii(text) && !http::isUtf8(text)) throw UrlError(text, "it is not UTF-8");
  const Parts parts(text);
  Spelled made;
  if (parts.scheme.empty()) throw UrlError(text, "there is no scheme, such as \"http:\", before it");
  if (!parts.hasAuthority) throw UrlError(text, "there is no \"//\" and host behind the scheme");

  // The authority: userinfo "@" host ":" port. What is not ASCII goes first, then the grammar is asked.
  std::string_view hostPort = parts.authority;
  std::string userinfo;
  const std::size_t at = hostPort.find('@');
  if (at != std::string_view::npos) {
    userinfo = encodeNonAscii(hostPort.substr(0, at));
    hostPort.remove_prefix(at + 1);
    if (hostPort.find('@') != std::string_view::npos) throw UrlError(text, "there are two '@' before the path");
  }
  made.bracketed = hostPort.starts_with('[');
  const std::size_t colon =
      made.bracketed ? hostPort.find(':', std::min(hostPort.find(']'), hostPort.size())) : hostPort.find(':');
  const std::string_view portText = colon == std::string_view::npos ? std::string_view() : hostPort.substr(colon + 1);
  const std::string_view hostText = hostPort.substr(0, colon);
  if (hostText.empty()) throw UrlError(text, "there is no host");

  std::string scheme(parts.scheme);
  lower(scheme);
  std::string host(hostText);
  if (made.bracketed) {
    lower(host);
  } else {
    host = asciiHost(text, hostText);
  }
  if (host.size() > 255) throw UrlError(text, "the host is longer than 255 characters");

  made.text = scheme + "://";
  const auto part = [&made](std::size_t from) {
    return Part(static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(made.text.size() - from));
  };
  made.scheme = {0, static_cast<std::uint32_t>(scheme.size())};
  if (at != std::string_view::npos) {
    const std::size_t from = made.text.size();
    made.text += userinfo;
    made.userinfo = part(from);
    made.text += '@';
  }
  const std::size_t authority = made.text.size();
  made.text += host;
  made.host = part(authority);
  if (made.bracketed) {
    ++made.host.first;
    made.host.second -= 2;
  }
  made.port = defaultPort(scheme);
  if (!portText.empty()) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(portText.data(), portText.data() + portText.size(), port);
    if (error != std::errc() || end != portText.data() + portText.size() || port > 65535)
      throw UrlError(text, "the port is not a number from 0 to 65535");
    if (port != made.port) {
      made.text += ':';
      made.text += std::to_string(port);
    }
    made.port = static_cast<std::uint16_t>(port);
  }
  made.authority = part(authority);
  const std::size_t target = made.text.size();
  made.text += parts.path.empty() ? "/" : encodeNonAscii(parts.path);
  made.path = part(target);
  if (parts.hasQuery) {
    made.text += '?';
    const std::size_t from = made.text.size();
    made.text += encodeNonAscii(parts.query);
    made.query = part(from);
    made.hasQuery = true;
  }
  made.target = part(target);
  if (parts.hasFragment) {
    made.text += '#';
    const std::size_t from = made.text.size();
    made.text += encodeNonAscii(parts.fragment);
    made.fragment = part(from);
    made.hasFragment = true;
  }
  checkGrammar(text, made.text);
  it_ = std::make_shared<const Spelled>(std::move(made));
}

std::optional<Url> Url::parse(std::string_view text) {
  try {
    return Url(text);
  } catch (const UrlError&) {
    return std::nullopt;
  }
}

std::string Url::user() const {
  const std::string_view all = userinfo();
  return http::percentDecode(all.substr(0, all.find(':'))).value_or(std::string());
}

std::string Url::password() const {
  const std::string_view all = userinfo();
  const std::size_t colon = all.find(':');
  if (colon == std::string_view::npos) return {};
  return http::percentDecode(all.substr(colon + 1)).value_or(std::string());
}

std::string Url::origin() const {
  std::string out(scheme());
  return out.append("://").append(authority());
}

std::optional<std::string_view> Url::query() const noexcept {
  return it_->hasQuery ? std::optional(view(it_->query)) : std::nullopt;
}

std::optional<std::string_view> Url::fragment() const noexcept {
  return it_->hasFragment ? std::optional(view(it_->fragment)) : std::nullopt;
}

Url Url::resolve(std::string_view reference) const {
  if (reference.size() > longestUrl) throw UrlError(reference, "it is longer than 64 KiB");
  const Parts parts(reference);
  if (!parts.scheme.empty()) {
    const std::string path = removeDotSegments(parts.path);
    std::string out(parts.scheme);
    out += ':';
    if (parts.hasAuthority) out.append("//").append(parts.authority);
    out += path;
    if (parts.hasQuery) out.append("?").append(parts.query);
    if (parts.hasFragment) out.append("#").append(parts.fragment);
    return Url(out);
  }
  if (!reference.empty() && reference.front() == ':') throw UrlError(reference, "there is no scheme before the ':'");
  std::string out(scheme());
  out += "://";
  bool hasQuery = parts.hasQuery;
  std::string_view query = parts.query;
  if (parts.hasAuthority) {
    out.append(parts.authority).append(removeDotSegments(parts.path));
  } else {
    out += std::string_view(it_->text).substr(out.size(), it_->path.first - out.size());  // userinfo and authority
    if (parts.path.empty()) {
      out += path();
      if (!parts.hasQuery && it_->hasQuery) {
        hasQuery = true;
        query = view(it_->query);
      }
    } else if (parts.path.front() == '/') {
      out += removeDotSegments(parts.path);
    } else {
      std::string merged(path().substr(0, path().rfind('/') + 1));
      merged += parts.path;
      out += removeDotSegments(merged);
    }
  }
  if (hasQuery) out.append("?").append(query);
  if (parts.hasFragment) out.append("#").append(parts.fragment);
  return Url(out);
}

Url Url::withQuery(std::string_view more) const {
  if (more.empty()) return *this;
  std::string out(it_->text, 0, it_->target.first + it_->target.second);
  out += !it_->hasQuery ? "?" : it_->query.second ? "&" : "";
  out += more;
  if (it_->hasFragment) out.append("#").append(view(it_->fragment));
  return Url(out);
}

Url Url::withoutUserinfo() const {
  if (it_->authority.first == it_->scheme.second + 3) return *this;
  return Url(std::string(scheme()) + "://" + it_->text.substr(it_->authority.first));
}

Url Url::withoutFragment() const {
  return it_->hasFragment ? Url(it_->text.substr(0, it_->target.first + it_->target.second)) : *this;
}

}  // namespace bight
