// Multicast over IPv4 and IPv6. Interfaces are named, or, for IPv4, given by one of their addresses: names are what people know, and IPv6
// takes nothing else.
#include <net/if.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include <bight/deferred.hpp>

#include "udp_port.hpp"

namespace bight::detail {

namespace {

/// An interface in the two ways that the system takes it: by number, or (IPv4) by an address.
struct Interface {
  unsigned index = 0;
  in_addr address{};
};

Interface findInterface(std::string_view name, bool v6) {
  Interface found;
  const std::string text(name);
  if (text.empty()) return found;
  if (const auto v4 = IPv4Address::parse(name, 0); v4 && !v6) {
    std::memcpy(&found.address, v4->bytes().data(), sizeof found.address);
    return found;
  }
  found.index = text.find('\0') == std::string::npos ? ::if_nametoindex(text.c_str()) : 0;
  if (found.index == 0)
    throw InvalidAddressError(text, v6 ? "this machine has no interface of that name"
                                       : "this machine has no interface of that name, and it is no IPv4 address");
  return found;
}

template <class Value>
void set(int fd, int level, int name, const Value& value, const char* what) {
  if (sys::setsockopt(fd, level, name, &value, sizeof value) != 0)
    throw std::system_error(errno, std::generic_category(), what);
}

template <class Value>
Value get(int fd, int level, int name, const char* what) {
  Value value{};
  socklen_t length = sizeof value;
  if (sys::getsockopt(fd, level, name, &value, &length) != 0)
    throw std::system_error(errno, std::generic_category(), what);
  return value;
}

}  // namespace

Deferred<void> UdpPort::changeGroup(bool join, std::string_view group, std::string_view interface) {
  const int fd = openSocketOrThrow(join ? "joinGroup" : "leaveGroup");
  const bool v6 = isV6();
  const auto address = Address::parse(group, 0, AddressType::udp);
  const auto* group4 = address ? address->get<IPv4Address>() : nullptr;
  const auto* group6 = address ? address->get<IPv6Address>() : nullptr;
  const bool fits = v6 ? group6 && group6->bytes()[0] == 0xff : group4 && (group4->bytes()[0] & 0xf0) == 0xe0;
  if (!fits)
    throw InvalidAddressError(std::string(group),
                              v6 ? "it is no IPv6 multicast address, such as ff02::1234"
                                 : "it is no IPv4 multicast address (224.0.0.0 to 239.255.255.255)");
  const Interface where = findInterface(interface, v6);
  int result;
  if (v6) {
    ipv6_mreq request{};
    std::memcpy(&request.ipv6mr_multiaddr, group6->bytes().data(), sizeof request.ipv6mr_multiaddr);
    request.ipv6mr_interface = where.index != 0 ? where.index : group6->scopeId();
    result = sys::setsockopt(fd, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request, sizeof request);
  } else {
    ip_mreqn request{};
    std::memcpy(&request.imr_multiaddr, group4->bytes().data(), sizeof request.imr_multiaddr);
    request.imr_address = where.address;
    request.imr_ifindex = static_cast<int>(where.index);
    result = sys::setsockopt(fd, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request, sizeof request);
  }
  Deferred<void> done;
  if (result == 0) {
    done.callback();
  } else {
    const int error = errno;
    done.errback(Failure(MulticastJoinError(std::string(join ? "joining " : "leaving ") + std::string(group) + " on " +
                                                (interface.empty() ? "the default interface" : std::string(interface)) +
                                                ": " + std::generic_category().message(error),
                                            error)));
  }
  return done;
}

Deferred<void> UdpPort::joinGroup(std::string_view group, std::string_view interface) {
  return changeGroup(true, group, interface);
}
Deferred<void> UdpPort::leaveGroup(std::string_view group, std::string_view interface) {
  return changeGroup(false, group, interface);
}

void UdpPort::setTTL(int hops) {
  const int fd = openSocketOrThrow("setTTL");
  if (hops < 0 || hops > 255) throw std::invalid_argument("setTTL: " + std::to_string(hops) + " is not 0 to 255");
  if (isV6())
    set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops, "setTTL");
  else
    set(fd, IPPROTO_IP, IP_MULTICAST_TTL, static_cast<unsigned char>(hops), "setTTL");
}
int UdpPort::getTTL() const {
  const int fd = openSocketOrThrow("getTTL");
  return isV6() ? get<int>(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, "getTTL")
                : get<unsigned char>(fd, IPPROTO_IP, IP_MULTICAST_TTL, "getTTL");
}

void UdpPort::setLoopbackMode(bool enabled) {
  const int fd = openSocketOrThrow("setLoopbackMode");
  if (isV6())
    set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, static_cast<unsigned>(enabled), "setLoopbackMode");
  else
    set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, static_cast<unsigned char>(enabled), "setLoopbackMode");
}
bool UdpPort::getLoopbackMode() const {
  const int fd = openSocketOrThrow("getLoopbackMode");
  return isV6() ? get<unsigned>(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, "getLoopbackMode") != 0
                : get<unsigned char>(fd, IPPROTO_IP, IP_MULTICAST_LOOP, "getLoopbackMode") != 0;
}

void UdpPort::setOutgoingInterface(std::string_view interface) {
  const int fd = openSocketOrThrow("setOutgoingInterface");
  const Interface where = findInterface(interface, isV6());
  if (isV6()) {
    set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, where.index, "setOutgoingInterface");
  } else {
    ip_mreqn request{};
    request.imr_address = where.address;
    request.imr_ifindex = static_cast<int>(where.index);
    set(fd, IPPROTO_IP, IP_MULTICAST_IF, request, "setOutgoingInterface");
  }
  outgoing_ = interface;
}

}  // namespace bight::detail
