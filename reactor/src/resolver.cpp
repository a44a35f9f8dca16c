#include <bight/resolver.hpp>

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

namespace bight {

namespace {

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}
bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// "7", "0x7f", "0xf00": what old functions take for the last part of an IPv4 address.
bool isNumber(std::string_view label) {
  if (std::all_of(label.begin(), label.end(), isDigit)) return true;
  if (label.size() < 2 || label[0] != '0' || (label[1] | 0x20) != 'x') return false;
  return std::all_of(label.begin() + 2, label.end(),
                     [](char c) { return std::isxdigit(static_cast<unsigned char>(c)); });
}

std::string named(char c) {
  if (c > ' ' && c < '\x7f') return std::string("'") + c + "'";
  constexpr const char* hex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return std::string("a byte 0x") + hex[byte >> 4] + hex[byte & 15];
}

/// The addresses with another port.
std::vector<Address> withPort(std::vector<Address> addresses, std::uint16_t port) {
  for (auto& address : addresses) {
    address = std::visit(
        [port](const auto& each) -> Address {
          using A = std::remove_cvref_t<decltype(each)>;
          if constexpr (std::is_same_v<A, IPv4Address>) return IPv4Address(each.bytes(), port, each.type());
          if constexpr (std::is_same_v<A, IPv6Address>)
            return IPv6Address(each.bytes(), port, each.flowInfo(), each.scopeId(), each.type());
          return each;
        },
        address.variant());
  }
  return addresses;
}

bool fits(const Address& address, AddressFamily family) {
  switch (family) {
    case AddressFamily::any:
      return true;
    case AddressFamily::ipv4:
      return address.get<IPv4Address>() != nullptr;
    case AddressFamily::ipv6:
      return address.get<IPv6Address>() != nullptr;
    case AddressFamily::local:
      break;
  }
  return false;
}

}  // namespace

NameResolver::~NameResolver() = default;

std::string hostNameProblem(std::string_view name) {
  if (name.empty()) return "it is empty";
  for (const char c : name) {
    if (isLetter(c) || isDigit(c) || c == '-' || c == '_' || c == '.') continue;
    std::string text = named(c) + " cannot be in one";
    if (static_cast<unsigned char>(c) >= 0x80) text += "; write its ASCII form (xn--…)";
    return text;
  }
  if (name.back() == '.') name.remove_suffix(1);
  if (name.size() > 253) return "it is longer than 253 characters";
  for (std::string_view rest = name;;) {
    const auto dot = rest.find('.');
    const auto label = rest.substr(0, dot);
    if (label.empty()) return "a part of it is empty";
    if (label.size() > 63) return "a part of it is longer than 63 characters";
    if (dot == std::string_view::npos) {
      if (isNumber(label)) return "its last part is a number, and it is not an address of the form 127.0.0.1 either";
      return {};
    }
    rest.remove_prefix(dot + 1);
  }
}

Deferred<std::vector<Address>> ReactorNames::resolve(std::string_view host, const ResolveOptions& options) {
  const auto refuse = [&](const std::string& why) {
    return fail<std::vector<Address>>(DNSLookupError(0, std::string(host) + ": " + why));
  };
  if (options.family == AddressFamily::local)
    throw std::invalid_argument("resolve: names have no addresses of the family \"local\"");
  if (host.empty()) host = options.family == AddressFamily::ipv6 ? "::" : "0.0.0.0";
  if (auto literal = Address::parse(host, options.port, options.type)) {
    if (!fits(*literal, options.family))
      return refuse(options.family == AddressFamily::ipv4 ? "an IPv4 address is wanted, and this is an IPv6 one"
                                                          : "an IPv6 address is wanted, and this is an IPv4 one");
    std::vector<Address> one;
    one.push_back(*std::move(literal));
    return succeed(std::move(one));
  }
  if (const auto problem = hostNameProblem(host); !problem.empty()) return refuse("not a host name: " + problem);
  return nameResolver()
      ->resolveHostName({std::string(host), options.family, options.type})
      .addCallback([options, name = std::string(host)](std::vector<Address> found) -> Result<std::vector<Address>> {
        std::erase_if(found, [&](const Address& each) { return !fits(each, options.family); });
        if (found.empty()) return Failure(DNSLookupError(0, name + ": the name has no address of the family wanted"));
        return withPort(std::move(found), options.port);
      });
}

}  // namespace bight
