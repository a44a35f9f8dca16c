// The syntax of "host:port", which requests have in three places.
#pragma once

#include <arpa/inet.h>

#include <cstddef>
#include <string_view>

#include "characters.hpp"

namespace bight::http {

// IPv6address / IPvFuture (RFC 3986, 3.2.2)
inline bool isLiteral(std::string_view text) noexcept {
  if (!text.empty() && (text.front() | 0x20) == 'v') {
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos || dot == 1 || dot + 1 == text.size()) return false;
    const char* const end = text.data() + text.size();
    for (const char* at = text.data() + dot + 1; at != end; ++at) {
      if (!characters::is(*at, characters::name) && *at != ':') return false;
    }
    return characters::skip(text.data() + 1, end, characters::hexadecimal) == text.data() + dot;
  }
  char address[46];
  if (text.size() >= sizeof address) return false;
  address[text.copy(address, text.size())] = '\0';
  in6_addr parsed;
  return inet_pton(AF_INET6, address, &parsed) == 1;
}

// uri-host [ ":" port ] (RFC 9110, 7.2; RFC 3986, 3.2.2)
inline bool isHostAndPort(std::string_view text, bool needPort) noexcept {
  std::size_t hostSize;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    if (!isLiteral(text.substr(1, close - 1))) return false;
    hostSize = close + 1;
  } else {
    const char* at = text.data();
    const char* const end = at + text.size();
    while ((at = characters::skip(at, end, characters::name)) != end && *at != ':') {
      if (*at != '%' || end - at < 3 || !characters::is(at[1], characters::hexadecimal) ||
          !characters::is(at[2], characters::hexadecimal)) {
        return false;
      }
      at += 3;
    }
    hostSize = static_cast<std::size_t>(at - text.data());
  }
  const std::string_view port = text.substr(hostSize);
  if (port.empty()) return !needPort;
  if (port.front() != ':' || port.size() > 6) return false;
  for (char c : port.substr(1)) {
    if (c < '0' || c > '9') return false;
  }
  return !needPort || (hostSize > 0 && port.size() > 1);
}

}  // namespace bight::http
