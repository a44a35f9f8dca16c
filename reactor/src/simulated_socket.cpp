#include "simulated_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "simulated_poller.hpp"

namespace bight::detail {

// ---- names ----

SimulatedName SimulatedName::of(const sockaddr* address, socklen_t length) {
  SimulatedName name;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof in);
    name.ip.family = AF_INET;
    name.port = ntohs(in.sin_port);
    std::memcpy(name.ip.bytes.data(), &in.sin_addr, sizeof in.sin_addr);
  } else if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in;
    std::memcpy(&in, address, sizeof in);
    name.ip.family = AF_INET6;
    name.port = ntohs(in.sin6_port);
    std::memcpy(name.ip.bytes.data(), &in.sin6_addr, sizeof in.sin6_addr);
  } else if (address->sa_family == AF_UNIX && length > offsetof(sockaddr_un, sun_path)) {
    const auto* un = reinterpret_cast<const sockaddr_un*>(address);
    name.path.assign(un->sun_path, length - offsetof(sockaddr_un, sun_path));
    if (name.path[0] != '\0') name.path.resize(std::strlen(name.path.c_str()));
  }
  return name;
}

void SimulatedName::write(sockaddr* address, socklen_t* length) const noexcept {
  sockaddr_storage storage{};
  std::size_t size = 0;
  if (ip.family == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, ip.bytes.data(), sizeof in.sin_addr);
    std::memcpy(&storage, &in, size = sizeof in);
  } else if (ip.family == AF_INET6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, ip.bytes.data(), sizeof in.sin6_addr);
    std::memcpy(&storage, &in, size = sizeof in);
  } else {
    auto* un = reinterpret_cast<sockaddr_un*>(&storage);
    un->sun_family = AF_UNIX;
    std::memcpy(un->sun_path, path.data(), path.size());
    size = offsetof(sockaddr_un, sun_path) + path.size() + (path.empty() || path[0] == '\0' ? 0 : 1);
  }
  std::memcpy(address, &storage, std::min<std::size_t>(size, *length));
  *length = static_cast<socklen_t>(size);
}

SimulatedName SimulatedName::mapped() const {
  if (ip.family != AF_INET) return *this;
  SimulatedName name = *this;
  name.ip = {AF_INET6, {}};
  name.ip.bytes[10] = name.ip.bytes[11] = 0xff;
  std::copy_n(ip.bytes.begin(), 4, name.ip.bytes.begin() + 12);
  return name;
}

SimulatedName SimulatedName::unmapped() const {
  constexpr std::array<std::uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (ip.family != AF_INET6 || !std::equal(prefix.begin(), prefix.end(), ip.bytes.begin())) return *this;
  SimulatedName name = *this;
  name.ip = {AF_INET, {}};
  std::copy_n(ip.bytes.begin() + 12, 4, name.ip.bytes.begin());
  return name;
}

// ---- what both kinds of sockets have ----

SimulatedSocket::SimulatedSocket(std::shared_ptr<SimulatedWorld> world, std::shared_ptr<SimulatedHost> host, int family,
                                 int type)
    : world_(std::move(world)), host_(std::move(host)), family_(family), type_(type), number_(world_->nextNumber()) {
  if (family_ != AF_UNIX) here_.ip.family = family_;
  world_->opened(*this);
}

SimulatedSocket::~SimulatedSocket() {
  if (!closed_) world_->closed(*this);
}

void SimulatedSocket::changed() noexcept {
  if (registration) registration->poller->suspect(registration->self);
}

bool SimulatedSocket::takes(const SimulatedName& to) const noexcept {
  if (family_ == AF_UNIX) return here_.path == to.path;
  if (here_.port != to.port) return false;
  if (here_.ip.family == to.ip.family)
    return here_.ip == to.ip || here_.ip.isAny() || to.ip.isMulticast() || to.ip.isBroadcast();
  return here_.ip.family == AF_INET6 && here_.ip.isAny() && flag(IPPROTO_IPV6, IPV6_V6ONLY) == 0;
}

int SimulatedSocket::bind(const SimulatedName& name) {
  if (bound_) return failed(EINVAL);
  SimulatedName wanted = name;
  if (family_ != AF_UNIX) {
    const bool mine = name.ip.isAny() || name.ip.isLoopback() || host_->has(name.ip) ||
                      (type_ == SOCK_DGRAM && (name.ip.isMulticast() || name.ip.isBroadcast()));
    if (!mine) return failed(EADDRNOTAVAIL);
    if (wanted.port == 0) wanted.port = world().freePort();
  }
  const bool sharing = flag(SOL_SOCKET, SO_REUSEPORT) != 0;
  for (const SimulatedSocket* each : world().sockets()) {
    if (each == this || !each->bound_ || each->host_ != host_ || each->type_ != type_) continue;
    if ((each->family_ == AF_UNIX) != (family_ == AF_UNIX)) continue;
    const bool collides = family_ == AF_UNIX
                              ? each->here_.path == wanted.path
                              : each->here_.port == wanted.port && each->family_ == family_ &&
                                    (each->here_.ip == wanted.ip || each->here_.ip.isAny() || wanted.ip.isAny());
    // Connections do not keep a port from being listened on (SO_REUSEADDR), and here they never do.
    const bool inUse = type_ == SOCK_DGRAM || each->listens() || each->peer() == nullptr;
    if (collides && inUse && !(sharing && each->flag(SOL_SOCKET, SO_REUSEPORT) != 0)) return failed(EADDRINUSE);
  }
  here_ = wanted;
  bound_ = true;
  world().record(number_, "is bound to port", here_.port);
  return 0;
}

int SimulatedSocket::bindFor(const SimulatedName& to) {
  if (bound_ && !here_.ip.isAny()) return 0;
  if (family_ == AF_UNIX) return 0;
  const SimulatedName plain = to.unmapped();
  SimulatedName from = plain;
  if (plain.ip.isLoopback()) {
    if (plain.ip.family == AF_INET) from.ip = SimulatedIp::parse("127.0.0.1");
  } else if (!host_->has(plain.ip)) {
    const auto found = std::find_if(host_->addresses.begin(), host_->addresses.end(),
                                    [&](const SimulatedIp& ip) { return ip.family == plain.ip.family; });
    if (found == host_->addresses.end()) return ENETUNREACH;
    from.ip = *found;
  }
  from.port = bound_ ? here_.port : world().freePort();
  here_ = family_ == AF_INET6 ? from.mapped() : from;
  bound_ = true;
  return 0;
}

int SimulatedSocket::listen(int) {
  return failed(EOPNOTSUPP);
}
std::shared_ptr<SimulatedSocket> SimulatedSocket::accept() {
  errno = EINVAL;
  return nullptr;
}
int SimulatedSocket::shutdown() {
  return failed(EOPNOTSUPP);
}

// ---- options ----

int SimulatedSocket::setOption(int level, int name, const void* value, socklen_t length) {
  if (level == SOL_SOCKET && name == SO_LINGER) {
    linger given{};
    std::memcpy(&given, value, std::min<std::size_t>(length, sizeof given));
    resetOnClose_ = given.l_onoff != 0 && given.l_linger == 0;
    return 0;
  }
  const bool join4 = level == IPPROTO_IP && name == IP_ADD_MEMBERSHIP;
  const bool join6 = level == IPPROTO_IPV6 && name == IPV6_JOIN_GROUP;
  if (join4 || join6 || (level == IPPROTO_IP && name == IP_DROP_MEMBERSHIP) ||
      (level == IPPROTO_IPV6 && name == IPV6_LEAVE_GROUP)) {
    SimulatedIp group{family_, {}};  // its address comes first in what is given, in both families
    std::memcpy(group.bytes.data(), value, std::min<std::size_t>(length, family_ == AF_INET ? 4 : 16));
    if (join4 || join6) return groups_.insert(group).second ? 0 : failed(EADDRINUSE);
    return groups_.erase(group) == 1 ? 0 : failed(EADDRNOTAVAIL);
  }
  int number = 0;
  std::memcpy(&number, value, std::min<std::size_t>(length, sizeof number));
  options_[{level, name}] = number;
  return 0;
}

int SimulatedSocket::flag(int level, int name) const noexcept {
  const auto found = options_.find({level, name});
  if (found != options_.end()) return found->second;
  const bool isOne = (level == IPPROTO_IP && (name == IP_MULTICAST_TTL || name == IP_MULTICAST_LOOP)) ||
                     (level == IPPROTO_IPV6 && (name == IPV6_MULTICAST_HOPS || name == IPV6_MULTICAST_LOOP));
  return isOne ? 1 : 0;
}

int SimulatedSocket::getOption(int level, int name, void* value, socklen_t* length) {
  int number = flag(level, name);
  if (level == SOL_SOCKET && name == SO_ERROR) number = takeError();
  if (level == SOL_SOCKET && name == SO_TYPE) number = type_;
  if (level == SOL_SOCKET && name == SO_ACCEPTCONN) number = listens() ? 1 : 0;
  const auto size = std::min<std::size_t>(*length, sizeof number);
  std::memcpy(value, &number, size);
  *length = static_cast<socklen_t>(size);
  return 0;
}

}  // namespace bight::detail
