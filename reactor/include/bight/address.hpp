/// @file
/// Addresses are values: compared, ordered and hashed by what they say, never by who they belong to.
///
/// ```cpp
/// Address here = port->getHost();
/// here.port();                       // 8000
/// here.host();                       // "127.0.0.1"
/// here.toString();                   // "127.0.0.1:8000", "[::1]:8000", "unix:/run/chat.sock"
/// if (auto* v6 = here.get<IPv6Address>()) v6->scopeId();
/// ```
#pragma once

#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include <bight/export.hpp>

struct sockaddr;

namespace bight {

/// What runs over an IP address.
enum class AddressType : std::uint8_t { tcp, udp };

/// Which addresses are wanted, or what an adopted socket must be of: `any` takes whatever it is; `local` are UNIX
/// sockets, and no name has such an address.
enum class AddressFamily : std::uint8_t { any, ipv4, ipv6, local };

/// An IPv4 address and a port. Four bytes and a number: making one does not allocate. (Twisted: IPv4Address)
class BIGHT_API IPv4Address {
 public:
  IPv4Address() = default;
  /// @param bytes  in the order they are written: {127, 0, 0, 1}
  IPv4Address(std::array<std::uint8_t, 4> bytes, std::uint16_t port, AddressType type = AddressType::tcp)
      : bytes_(bytes), port_(port), type_(type) {}
  /// Reads "127.0.0.1": four decimal numbers, nothing else. Nothing if `host` is not that.
  static std::optional<IPv4Address> parse(std::string_view host, std::uint16_t port,
                                          AddressType type = AddressType::tcp);

  std::string host() const;
  std::uint16_t port() const noexcept { return port_; }
  AddressType type() const noexcept { return type_; }
  const std::array<std::uint8_t, 4>& bytes() const noexcept { return bytes_; }
  auto operator<=>(const IPv4Address&) const = default;

 private:
  std::array<std::uint8_t, 4> bytes_{};
  std::uint16_t port_ = 0;
  AddressType type_ = AddressType::tcp;
};

/// An IPv6 address with its flow information and scope. (Twisted: IPv6Address)
class BIGHT_API IPv6Address {
 public:
  IPv6Address() = default;
  IPv6Address(std::array<std::uint8_t, 16> bytes, std::uint16_t port, std::uint32_t flowInfo = 0,
              std::uint32_t scopeId = 0, AddressType type = AddressType::tcp)
      : bytes_(bytes), flowInfo_(flowInfo), scopeId_(scopeId), port_(port), type_(type) {}
  /// Reads "::1" or "fe80::1%eth0" (a scope by interface name or number; RFC 4007). Nothing if `host` is not that, or
  /// names an interface that does not exist.
  static std::optional<IPv6Address> parse(std::string_view host, std::uint16_t port,
                                          AddressType type = AddressType::tcp);

  /// The text form of RFC 5952; a scope follows after '%', by its interface's name where there is one.
  std::string host() const;
  std::uint16_t port() const noexcept { return port_; }
  std::uint32_t flowInfo() const noexcept { return flowInfo_; }
  std::uint32_t scopeId() const noexcept { return scopeId_; }
  AddressType type() const noexcept { return type_; }
  const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  auto operator<=>(const IPv6Address&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  std::uint32_t flowInfo_ = 0;
  std::uint32_t scopeId_ = 0;
  std::uint16_t port_ = 0;
  AddressType type_ = AddressType::tcp;
};

/// The name of a UNIX socket; empty if it has none, as the connecting end of a pair; beginning with a zero byte if it
/// is abstract, which `toString()` shows as '@'. (Twisted: UNIXAddress)
struct BIGHT_API UNIXAddress {
  std::string name;
  auto operator<=>(const UNIXAddress&) const = default;
};

/// A host by name, before anyone looked it up. (Twisted: HostnameAddress)
struct BIGHT_API HostnameAddress {
  std::string hostname;
  std::uint16_t portNumber = 0;
  auto operator<=>(const HostnameAddress&) const = default;
};

/// The other end of a child process's pipes. (Twisted: _ProcessAddress)
struct BIGHT_API ProcessAddress {
  auto operator<=>(const ProcessAddress&) const = default;
};

/// Any of the above.
class BIGHT_API Address {
 public:
  using Variant = std::variant<IPv4Address, IPv6Address, UNIXAddress, HostnameAddress, ProcessAddress>;

  /// 0.0.0.0:0
  Address() = default;
  template <class A>
    requires std::constructible_from<Variant, A&&> && (!std::same_as<std::remove_cvref_t<A>, Address>)
  Address(A&& address) : value_(std::forward<A>(address)) {}  // NOLINT: each kind of address is an Address

  /// Reads an IPv4 or IPv6 literal. Nothing if `host` is neither: then it is a name.
  static std::optional<Address> parse(std::string_view host, std::uint16_t port, AddressType type = AddressType::tcp);
  /// What the system's structure says. An unknown family gives the nameless UNIX address.
  static Address fromSockaddr(const sockaddr* address, std::size_t length, AddressType type = AddressType::tcp);

  /// The host's text form; the name of a UNIX socket; empty for a process.
  std::string host() const;
  /// 0 where there are no ports.
  std::uint16_t port() const noexcept;
  /// For people: "127.0.0.1:80", "[fe80::1%eth0]:80", "unix:/run/x", "example.org:80", "process".
  std::string toString() const;

  /// The address if it is an A, else null.
  template <class A>
  const A* get() const noexcept {
    return std::get_if<A>(&value_);
  }
  const Variant& variant() const noexcept { return value_; }
  auto operator<=>(const Address&) const = default;

 private:
  Variant value_;
};

}  // namespace bight

/// Hash by value, so that addresses can be keys of unordered containers.
template <>
struct std::hash<bight::Address> {
  BIGHT_API std::size_t operator()(const bight::Address& address) const noexcept;
};
