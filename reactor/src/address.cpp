#include <bight/address.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace bight {

namespace {

/// inet_pton wants a terminated string; a literal that does not fit is none.
template <std::size_t Size>
bool copyTerminated(std::string_view text, char (&into)[Size]) {
  if (text.size() >= Size || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(into, text.data(), text.size());
  into[text.size()] = '\0';
  return true;
}

/// The number of a scope given by name or number; nothing if there is no such interface.
std::optional<std::uint32_t> parseScope(std::string_view scope) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(scope.data(), scope.data() + scope.size(), number);
  if (error == std::errc() && end == scope.data() + scope.size()) return number;
  char name[IF_NAMESIZE];
  if (scope.empty() || !copyTerminated(scope, name)) return std::nullopt;
  number = ::if_nametoindex(name);
  if (number == 0) return std::nullopt;
  return number;
}

/// Mixes one more value into a hash: the multiplier is the 64-bit golden ratio, which spreads neighbouring ports.
void mix(std::size_t& seed, std::size_t value) {
  seed ^= value + 0x9e3779b97f4a7c15U + (seed << 6) + (seed >> 2);
}

template <class Bytes>
void mixBytes(std::size_t& seed, const Bytes& bytes) {
  mix(seed, std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
}

std::size_t hashOf(const IPv4Address& a) {
  std::size_t seed = static_cast<std::size_t>(a.type());
  mixBytes(seed, a.bytes());
  mix(seed, a.port());
  return seed;
}
std::size_t hashOf(const IPv6Address& a) {
  std::size_t seed = static_cast<std::size_t>(a.type());
  mixBytes(seed, a.bytes());
  mix(seed, a.port());
  mix(seed, a.flowInfo());
  mix(seed, a.scopeId());
  return seed;
}
std::size_t hashOf(const UNIXAddress& a) {
  return std::hash<std::string>{}(a.name);
}
std::size_t hashOf(const HostnameAddress& a) {
  std::size_t seed = std::hash<std::string>{}(a.hostname);
  mix(seed, a.portNumber);
  return seed;
}
std::size_t hashOf(const ProcessAddress&) {
  return 0;
}

std::string hostOf(const IPv4Address& a) {
  return a.host();
}
std::string hostOf(const IPv6Address& a) {
  return a.host();
}
std::string hostOf(const UNIXAddress& a) {
  return a.name;
}
std::string hostOf(const HostnameAddress& a) {
  return a.hostname;
}
std::string hostOf(const ProcessAddress&) {
  return {};
}

std::uint16_t portOf(const IPv4Address& a) {
  return a.port();
}
std::uint16_t portOf(const IPv6Address& a) {
  return a.port();
}
std::uint16_t portOf(const HostnameAddress& a) {
  return a.portNumber;
}
std::uint16_t portOf(const UNIXAddress&) {
  return 0;
}
std::uint16_t portOf(const ProcessAddress&) {
  return 0;
}

}  // namespace

std::optional<IPv4Address> IPv4Address::parse(std::string_view host, std::uint16_t port, AddressType type) {
  char text[INET_ADDRSTRLEN];
  std::array<std::uint8_t, 4> bytes{};
  if (!copyTerminated(host, text) || ::inet_pton(AF_INET, text, bytes.data()) != 1) return std::nullopt;
  return IPv4Address(bytes, port, type);
}

std::string IPv4Address::host() const {
  char text[INET_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET, bytes_.data(), text, sizeof text);
  return text;
}

std::optional<IPv6Address> IPv6Address::parse(std::string_view host, std::uint16_t port, AddressType type) {
  std::uint32_t scope = 0;
  if (const auto percent = host.find('%'); percent != std::string_view::npos) {
    const auto parsed = parseScope(host.substr(percent + 1));
    if (!parsed) return std::nullopt;
    scope = *parsed;
    host = host.substr(0, percent);
  }
  char text[INET6_ADDRSTRLEN];
  std::array<std::uint8_t, 16> bytes{};
  if (!copyTerminated(host, text) || ::inet_pton(AF_INET6, text, bytes.data()) != 1) return std::nullopt;
  return IPv6Address(bytes, port, 0, scope, type);
}

std::string IPv6Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  std::string host = text;
  if (scopeId_ != 0) {
    char name[IF_NAMESIZE];
    host += '%';
    if (::if_indextoname(scopeId_, name))
      host += name;
    else
      host += std::to_string(scopeId_);
  }
  return host;
}

std::optional<Address> Address::parse(std::string_view host, std::uint16_t port, AddressType type) {
  if (const auto v4 = IPv4Address::parse(host, port, type)) return Address(*v4);
  if (const auto v6 = IPv6Address::parse(host, port, type)) return Address(*v6);
  return std::nullopt;
}

Address Address::fromSockaddr(const sockaddr* address, std::size_t length, AddressType type) {
  if (length >= sizeof(sockaddr_in) && address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &v4.sin_addr, sizeof bytes);
    return IPv4Address(bytes, ntohs(v4.sin_port), type);
  }
  if (length >= sizeof(sockaddr_in6) && address->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, sizeof bytes);
    return IPv6Address(bytes, ntohs(v6.sin6_port), ntohl(v6.sin6_flowinfo), v6.sin6_scope_id, type);
  }
  UNIXAddress unix;
  constexpr std::size_t header = offsetof(sockaddr_un, sun_path);
  if (length > header && address->sa_family == AF_UNIX) {
    const char* path = reinterpret_cast<const char*>(address) + header;
    const std::size_t room = length - header;
    // An abstract name begins with a zero byte and may hold others; a path ends at its first one.
    unix.name.assign(path, path[0] == '\0' ? room : ::strnlen(path, room));
  }
  return unix;
}

std::string Address::host() const {
  return std::visit([](const auto& a) { return hostOf(a); }, value_);
}

std::uint16_t Address::port() const noexcept {
  return std::visit([](const auto& a) { return portOf(a); }, value_);
}

std::string Address::toString() const {
  if (get<IPv6Address>()) return std::string("[").append(host()).append("]:").append(std::to_string(port()));
  if (const auto* local = get<UNIXAddress>()) {
    std::string text = "unix:" + local->name;
    std::replace(text.begin(), text.end(), '\0', '@');
    return text;
  }
  if (get<ProcessAddress>()) return "process";
  return host() + ":" + std::to_string(port());
}

}  // namespace bight

std::size_t std::hash<bight::Address>::operator()(const bight::Address& address) const noexcept {
  std::size_t seed = std::visit([](const auto& a) { return bight::hashOf(a); }, address.variant());
  bight::mix(seed, address.variant().index());
  return seed;
}
