/// @file
/// Internal: a simulated network: its time, its machines, its events, its chances. simulated_world.cpp tells how it works.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/function.hpp>
#include <bight/poller.hpp>
#include <bight/testing/memory_resolver.hpp>
#include <bight/testing/simulated_network.hpp>

#include "socket.hpp"

namespace bight::detail {

class SimulatedPoller;
class SimulatedSocket;

/// Numbers from a seed, the same on every system (splitmix64).
class SimulatedChance {
 public:
  explicit SimulatedChance(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 to `bound - 1`; `bound` is at least 1.
  std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
  /// Always asks for a number, so that a change of one chance moves as little else as possible.
  bool happens(double chance) noexcept { return static_cast<double>(next() >> 11) * 0x1p-53 < chance; }

 private:
  std::uint64_t state_;
};

/// An IP address; of both kinds, as in sockaddr_in and sockaddr_in6.
struct SimulatedIp {
  int family = 0;
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const SimulatedIp&) const = default;

  /// @throws std::invalid_argument if it is no literal
  static SimulatedIp parse(std::string_view literal);
  bool isAny() const noexcept { return bytes == std::array<std::uint8_t, 16>{}; }
  bool isLoopback() const noexcept;
  bool isMulticast() const noexcept;
  bool isBroadcast() const noexcept;
};

/// Where a socket is: an address and a port, or a path.
struct SimulatedName {
  SimulatedIp ip;
  std::uint16_t port = 0;
  std::string path;
  bool operator==(const SimulatedName&) const = default;

  static SimulatedName of(const sockaddr* address, socklen_t length);
  /// As the system would write it; cut if there is not enough room.
  void write(sockaddr* address, socklen_t* length) const noexcept;
  /// IPv4 in IPv6, as ::ffff:a.b.c.d; and back, if it is that.
  SimulatedName mapped() const;
  SimulatedName unmapped() const;
};

/// A machine.
struct SimulatedHost {
  std::vector<SimulatedIp> addresses;
  int number = 0;
  bool has(const SimulatedIp& ip) const noexcept;
};

/// A socket that a reactor watches.
struct SimulatedRegistration final : PollHandle {
  std::shared_ptr<SimulatedSocket> socket;  // null: of the system
  PollTarget* target = nullptr;
  SimulatedPoller* poller = nullptr;
  unsigned interest = 0;
  bool suspected = false;
  bool dead = false;
  std::shared_ptr<SimulatedRegistration> self;  // until it is removed
};

class SimulatedWorld final : public std::enable_shared_from_this<SimulatedWorld> {
 public:
  explicit SimulatedWorld(const testing::SimulationOptions& options);
  ~SimulatedWorld();
  /// The network that users hold is gone. With its last reactor, what is under way ends.
  void abandon() noexcept;

  // ---- time and events ----
  Duration now() const noexcept { return now_; }
  Duration latency();
  /// Calls `event` at a moment; those of one moment in the order of the seed.
  void at(Duration moment, Function<void()> event);
  void after(Duration delay, Function<void()> event) { at(now_ + delay, std::move(event)); }
  Duration nextEvent() const noexcept { return events_.empty() ? Poller::forever : events_.front().moment; }
  /// All events that are due, and those that come up meanwhile for this moment.
  void happen();
  void jump(Duration moment) noexcept {
    if (moment > now_) now_ = moment;
  }
  void turnPasses() noexcept { now_ += options_.turnTime; }
  /// Turns the reactors other than `but` that have something to do, once each, in the order of the seed. @return whether
  /// any had
  bool turnOthers(const SimulatedPoller* but);
  /// When the next of them has something to do.
  Duration nextTurnOfOthers(const SimulatedPoller* but);
  bool inTurn() const noexcept;
  /// Lets something happen, but not later than `limit`. @return false when that is reached
  bool step(Duration limit);

  // ---- machines ----
  std::unique_ptr<SimulatedPoller> makePoller(const std::vector<std::string>& addresses);
  void join(SimulatedPoller& poller);
  void quit(SimulatedPoller& poller) noexcept;
  Descriptor openSocket(int family, int type, const std::shared_ptr<SimulatedHost>& host);
  /// The machine that `ip` means on `here`; null if there is none.
  std::shared_ptr<SimulatedHost> hostOf(const SimulatedIp& ip, const std::shared_ptr<SimulatedHost>& here) const;
  const std::shared_ptr<testing::MemoryNameResolver>& names() const noexcept { return names_; }

  // ---- ways ----
  bool open(const SimulatedIp& from, const SimulatedIp& to) const;
  bool isLost(const SimulatedIp& ip) const { return lost_.contains(ip); }
  void partition(const SimulatedIp& one, const SimulatedIp& other, bool apart);
  void lose(const SimulatedIp& ip, bool gone);
  std::size_t reset(const SimulatedIp& one, const SimulatedIp& other);

  // ---- sockets ----
  void opened(SimulatedSocket& socket);
  void closed(SimulatedSocket& socket) noexcept;
  const std::vector<SimulatedSocket*>& sockets() const noexcept { return sockets_; }
  std::uint16_t freePort() noexcept;
  /// Something of this socket waits until there is a way again.
  void parks(std::shared_ptr<SimulatedSocket> socket) { parked_.push_back(std::move(socket)); }
  std::uint64_t nextNumber() noexcept { return ++lastNumber_; }

  // ---- chance and trace ----
  SimulatedChance& chance() noexcept { return chance_; }
  testing::SimulationOptions& options() noexcept { return options_; }
  /// `what` happened to socket number `who`; `detail` is a number of bytes, if any.
  void record(std::uint64_t who, std::string_view what, std::uint64_t detail = 0);
  std::uint64_t trace() const noexcept { return trace_; }
  void onTrace(Function<void(std::string_view)> told) { told_ = std::move(told); }
  std::size_t underWay() const noexcept { return events_.size(); }

 private:
  struct Event {
    Duration moment;
    std::uint64_t lot;  // among those of the same moment
    std::uint64_t number;
    Function<void()> call;
  };
  static bool later(const Event& a, const Event& b) noexcept;
  void retryParked();
  void endIfAlone() noexcept;

  testing::SimulationOptions options_;
  SimulatedChance chance_;
  Duration now_ = std::chrono::hours(1);  // so that nobody takes the zero of this clock for something special
  std::vector<Event> events_;             // a heap
  std::vector<SimulatedPoller*> pollers_;
  std::vector<std::shared_ptr<SimulatedHost>> hosts_;
  std::vector<SimulatedSocket*> sockets_;
  std::vector<std::shared_ptr<SimulatedSocket>> parked_;
  bool abandoned_ = false;
  std::set<std::pair<SimulatedIp, SimulatedIp>> partitions_;
  std::set<SimulatedIp> lost_;
  std::shared_ptr<testing::MemoryNameResolver> names_;
  std::uint64_t lastNumber_ = 0;
  std::uint64_t lastEvent_ = 0;
  std::uint64_t seedsGiven_ = 0;
  std::uint16_t lastPort_ = 49151;
  std::uint64_t trace_ = 0xcbf29ce484222325;
  Function<void(std::string_view)> told_;
};

}  // namespace bight::detail
