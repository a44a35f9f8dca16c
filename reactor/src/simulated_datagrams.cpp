#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "simulated_socket.hpp"

namespace bight::detail {

namespace {
/// What waits to be received, at most; as the system's usual buffer.
constexpr std::size_t mostWaiting = 212992;
constexpr std::size_t mostBytes = 65507;
}  // namespace

int SimulatedDatagrams::connect(const SimulatedName& peer) {
  if (const int error = bindFor(peer)) return failed(error);
  there_ = peer;
  connected_ = true;
  std::erase_if(inbox_, [this](const auto& each) { return each.first != there_; });
  return 0;
}

ssize_t SimulatedDatagrams::send(std::string_view data, const SimulatedName* to) {
  if (error_ != 0) return failed(takeError());
  if (!to && !connected_) return failed(EDESTADDRREQ);
  if (data.size() > mostBytes) return failed(EMSGSIZE);
  const SimulatedName target = (to ? *to : there_).unmapped();
  if (target.ip.isBroadcast() && flag(SOL_SOCKET, SO_BROADCAST) == 0) return failed(EACCES);
  // Bound to any address, it stays so; but it has one to send from.
  const SimulatedName bound = here_;
  if (const int error = bindFor(target)) return failed(error);
  const SimulatedName from = std::exchange(here_, bound_ && bound.port != 0 ? bound : here_).unmapped();
  SimulatedWorld& net = world();
  net.record(number_, "sends a datagram of", data.size());
  const auto me = std::static_pointer_cast<SimulatedDatagrams>(shared_from_this());
  const int level = family_ == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  const bool loops = flag(level, family_ == AF_INET ? IP_MULTICAST_LOOP : IPV6_MULTICAST_LOOP) != 0;
  const bool far = flag(level, family_ == AF_INET ? IP_MULTICAST_TTL : IPV6_MULTICAST_HOPS) > 0;
  const bool group = target.ip.isMulticast();
  const auto host = net.hostOf(target.ip, host_);

  std::vector<SimulatedDatagrams*> takers;
  for (SimulatedSocket* each : net.sockets()) {
    if (each->type_ != SOCK_DGRAM || !each->bound_ || !each->takes(target)) continue;
    const bool mine = each->host_ == host_;
    const bool wanted = group                     ? each->groups_.contains(target.ip) && (mine ? loops : far)
                        : target.ip.isBroadcast() ? true
                                                  : each->host_ == host;
    if (wanted) takers.push_back(static_cast<SimulatedDatagrams*>(each));
  }
  const bool toMany = group || target.ip.isBroadcast();
  if (!toMany && takers.size() > 1) {
    // One that is connected to us goes before those who share the port.
    const auto ours = std::find_if(takers.begin(), takers.end(), [&](const auto* each) {
      return each->connected_ && each->there_.unmapped() == from;
    });
    takers = {ours != takers.end() ? *ours : takers[net.chance().below(takers.size())]};
  }
  const int copies = net.chance().happens(net.options().twice) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    if (net.chance().happens(net.options().lost)) continue;
    if (takers.empty() && !toMany && host && net.open(from.ip, target.ip)) {
      if (connected_)
        net.after(net.latency() + net.latency(), [me] {
          me->error_ = ECONNREFUSED;
          me->changed();
        });
      continue;
    }
    for (SimulatedDatagrams* each : takers) {
      auto taker = std::static_pointer_cast<SimulatedDatagrams>(each->shared_from_this());
      net.after(net.latency(),
                [taker, me, text = std::string(data), from, target] { taker->deliver(text, from, target, me); });
    }
  }
  return static_cast<ssize_t>(data.size());
}

void SimulatedDatagrams::deliver(const std::string& data, const SimulatedName& from, const SimulatedName& to,
                                 const std::shared_ptr<SimulatedDatagrams>& sender) {
  const bool direct = !to.ip.isMulticast() && !to.ip.isBroadcast();
  if (!world().open(from.ip, direct ? to.ip : from.ip)) return;
  const SimulatedName seen = family_ == AF_INET6 ? from.mapped() : from;
  if (closed_) {
    if (direct && sender->connected_) {
      sender->error_ = ECONNREFUSED;
      sender->changed();
    }
    return;
  }
  if ((connected_ && seen != there_) || inboxBytes_ + data.size() > mostWaiting) return;
  inboxBytes_ += data.size();
  inbox_.emplace_back(seen, data);
  changed();
}

ssize_t SimulatedDatagrams::receive(char* buffer, std::size_t size, SimulatedName* from) {
  if (error_ != 0) return failed(takeError());
  if (inbox_.empty()) return failed(EAGAIN);
  const auto [sender, data] = std::move(inbox_.front());
  inbox_.pop_front();
  inboxBytes_ -= data.size();
  const std::size_t got = std::min(size, data.size());
  std::copy_n(data.data(), got, buffer);
  if (from) *from = sender;
  world().record(number_, "receives a datagram of", got);
  return static_cast<ssize_t>(got);
}

void SimulatedDatagrams::close() {
  if (closed_) return;
  closed_ = true;
  world().closed(*this);
  world().record(number_, "is closed");
  inbox_.clear();
}

unsigned SimulatedDatagrams::events() const noexcept {
  return (inbox_.empty() && error_ == 0 ? 0U : pollRead) | pollWrite;
}

}  // namespace bight::detail
