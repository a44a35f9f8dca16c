// How a simulation goes
// ---------------------
// There is one list of events to come, ordered by moment, and within a moment by lots from the seed. A packet that
// arrives is an event, and so is an attempt to connect. Timers and user code are not: they belong to the reactors, which
// have their turns when something of theirs is due, those of one moment in an order from the seed again.
//
//   happen: all events of this moment ─▶ a turn for each reactor that has something to do ─▶ jump to the next moment
//
// Either `step` does this, for who drives the network from outside, or the poller of a reactor that waits.
#include "simulated_world.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "random_seed.hpp"
#include "reactor_base.hpp"
#include "simulated_poller.hpp"
#include "simulated_socket.hpp"

namespace bight::detail {

namespace {

/// Puts things into an order from the seed.
template <class T>
void shuffle(std::vector<T>& things, SimulatedChance& chance) {
  for (std::size_t i = things.size(); i > 1; --i) std::swap(things[i - 1], things[chance.below(i)]);
}

std::string seconds(Duration moment) {
  std::string text = std::to_string(moment.count() / 1000);  // microseconds
  text.insert(0, text.size() < 7 ? 7 - text.size() : 0, '0');
  text.insert(text.size() - 6, 1, '.');
  return text + " s";
}

}  // namespace

SimulatedWorld::SimulatedWorld(const testing::SimulationOptions& options)
    : options_(options), chance_(options.seed), names_(std::make_shared<testing::MemoryNameResolver>()) {
  names_->add("localhost", {"127.0.0.1", "::1"});
  // Its own numbers, apart from ours: how many are asked for changes nothing else.
  seedSource = {[](void* world) {
                  auto& self = *static_cast<SimulatedWorld*>(world);
                  return static_cast<unsigned>(SimulatedChance(self.options_.seed + ++self.seedsGiven_).next());
                },
                this};
}

SimulatedWorld::~SimulatedWorld() {
  if (seedSource.source == this) seedSource = {};
}

void SimulatedWorld::abandon() noexcept {
  abandoned_ = true;
  told_ = nullptr;
  endIfAlone();
}

/// What is under way holds sockets, and these hold us.
void SimulatedWorld::endIfAlone() noexcept {
  if (!abandoned_ || !pollers_.empty()) return;
  const auto self = shared_from_this();
  const auto events = std::exchange(events_, {});
  const auto parked = std::exchange(parked_, {});
}

// ---- time and events ----

Duration SimulatedWorld::latency() {
  const Duration span = options_.maxLatency - options_.minLatency;
  if (span <= Duration::zero()) return std::max(options_.minLatency, Duration::zero());
  return options_.minLatency + Duration(chance_.below(static_cast<std::uint64_t>(span.count()) + 1));
}

bool SimulatedWorld::later(const Event& a, const Event& b) noexcept {
  if (a.moment != b.moment) return a.moment > b.moment;
  return a.lot != b.lot ? a.lot > b.lot : a.number > b.number;
}

void SimulatedWorld::at(Duration moment, Function<void()> event) {
  if (abandoned_ && pollers_.empty()) return;
  events_.push_back({std::max(moment, now_), chance_.next(), ++lastEvent_, std::move(event)});
  std::push_heap(events_.begin(), events_.end(), later);
}

void SimulatedWorld::happen() {
  while (!events_.empty() && events_.front().moment <= now_) {
    std::pop_heap(events_.begin(), events_.end(), later);
    Function<void()> call = std::move(events_.back().call);
    events_.pop_back();
    call();
  }
}

bool SimulatedWorld::turnOthers(const SimulatedPoller* but) {
  std::vector<SimulatedPoller*> due;
  for (SimulatedPoller* each : pollers_)
    if (each != but && each->due() <= now_) due.push_back(each);
  shuffle(due, chance_);
  bool any = false;
  for (SimulatedPoller* each : due) {
    // One before may have been the end of this one.
    if (std::find(pollers_.begin(), pollers_.end(), each) != pollers_.end()) any |= each->turn();
  }
  return any;
}

Duration SimulatedWorld::nextTurnOfOthers(const SimulatedPoller* but) {
  Duration next = Poller::forever;
  for (SimulatedPoller* each : pollers_)
    if (each != but) next = std::min(next, each->due());
  return next;
}

bool SimulatedWorld::inTurn() const noexcept {
  return std::any_of(pollers_.begin(), pollers_.end(), [](const SimulatedPoller* each) {
    return each->reactor() != nullptr && each->reactor()->inTurn();
  });
}

bool SimulatedWorld::step(Duration limit) {
  if (now_ > limit) return false;
  happen();
  if (turnOthers(nullptr)) return true;
  const Duration next = std::min(nextEvent(), nextTurnOfOthers(nullptr));
  jump(std::min(next, limit));
  return next <= limit;
}

// ---- machines ----

std::unique_ptr<SimulatedPoller> SimulatedWorld::makePoller(const std::vector<std::string>& addresses) {
  std::shared_ptr<SimulatedHost> host;
  std::vector<SimulatedIp> ips;
  for (const std::string& each : addresses) ips.push_back(SimulatedIp::parse(each));
  for (const auto& each : hosts_) {
    const bool shares = std::any_of(ips.begin(), ips.end(), [&](const SimulatedIp& ip) { return each->has(ip); });
    if (!shares) continue;
    const bool runs = std::any_of(pollers_.begin(), pollers_.end(),
                                  [&](const SimulatedPoller* poller) { return &poller->host() == each.get(); });
    if (each->addresses != ips || runs)
      throw std::invalid_argument("makeReactor: another simulated machine has the address " + addresses[0] +
                                  " or one of the others already");
    host = each;  // it has restarted
  }
  if (!host) {
    host = std::make_shared<SimulatedHost>();
    host->number = static_cast<int>(hosts_.size()) + 1;
    host->addresses = std::move(ips);
    if (addresses.empty()) {
      const std::string number = std::to_string(host->number);
      host->addresses = {SimulatedIp::parse("10.0.0." + number), SimulatedIp::parse("fd00::" + number)};
    }
    hosts_.push_back(host);
  }
  return std::make_unique<SimulatedPoller>(shared_from_this(), std::move(host));
}

void SimulatedWorld::join(SimulatedPoller& poller) {
  pollers_.push_back(&poller);
}

void SimulatedWorld::quit(SimulatedPoller& poller) noexcept {
  std::erase(pollers_, &poller);
  endIfAlone();
}

Descriptor SimulatedWorld::openSocket(int family, int type, const std::shared_ptr<SimulatedHost>& host) {
  std::shared_ptr<SimulatedSocket> socket;
  if (type == SOCK_STREAM)
    socket = std::make_shared<SimulatedStream>(shared_from_this(), host, family, type);
  else
    socket = std::make_shared<SimulatedDatagrams>(shared_from_this(), host, family, type);
  return Descriptor(numberSocket(std::move(socket)));
}

std::shared_ptr<SimulatedHost> SimulatedWorld::hostOf(const SimulatedIp& ip,
                                                      const std::shared_ptr<SimulatedHost>& here) const {
  if (ip.isLoopback()) return here;
  for (const auto& each : hosts_)
    if (each->has(ip)) return each;
  return nullptr;
}

bool SimulatedHost::has(const SimulatedIp& ip) const noexcept {
  return std::find(addresses.begin(), addresses.end(), ip) != addresses.end();
}

// ---- ways ----

bool SimulatedWorld::open(const SimulatedIp& from, const SimulatedIp& to) const {
  if (from.family == 0) return true;  // a UNIX socket
  if (lost_.contains(from) || lost_.contains(to)) return false;
  return !partitions_.contains(std::minmax(from, to));
}

void SimulatedWorld::partition(const SimulatedIp& one, const SimulatedIp& other, bool apart) {
  if (apart)
    partitions_.insert(std::minmax(one, other));
  else
    partitions_.erase(std::minmax(one, other));
  if (!apart) retryParked();
}

void SimulatedWorld::lose(const SimulatedIp& ip, bool gone) {
  if (gone)
    lost_.insert(ip);
  else
    lost_.erase(ip);
  if (!gone) retryParked();
}

void SimulatedWorld::retryParked() {
  // Those that cannot pass yet park again.
  for (const auto& each : std::exchange(parked_, {})) each->tryParked();
}

std::size_t SimulatedWorld::reset(const SimulatedIp& one, const SimulatedIp& other) {
  std::size_t ends = 0;
  for (SimulatedSocket* each : std::vector<SimulatedSocket*>(sockets_)) ends += each->resetBetween(one, other) ? 1 : 0;
  return (ends + 1) / 2;
}

// ---- sockets ----

void SimulatedWorld::opened(SimulatedSocket& socket) {
  sockets_.push_back(&socket);
}

void SimulatedWorld::closed(SimulatedSocket& socket) noexcept {
  std::erase(sockets_, &socket);
}

std::uint16_t SimulatedWorld::freePort() noexcept {
  for (int tries = 0; tries < 16384; ++tries) {
    lastPort_ = lastPort_ == 65535 ? 49152 : static_cast<std::uint16_t>(lastPort_ + 1);
    if (std::none_of(sockets_.begin(), sockets_.end(),
                     [this](const SimulatedSocket* each) { return each->here().port == lastPort_; }))
      break;
  }
  return lastPort_;
}

void SimulatedWorld::record(std::uint64_t who, std::string_view what, std::uint64_t detail) {
  const auto mix = [this](std::uint64_t value) { trace_ = (trace_ ^ value) * 0x100000001b3; };
  mix(static_cast<std::uint64_t>(now_.count()));
  mix(who);
  mix(detail);
  for (const char c : what) mix(static_cast<unsigned char>(c));
  if (!told_) return;
  std::string line = seconds(now_) + "  " + std::to_string(who) + " " + std::string(what);
  if (detail != 0) line += " " + std::to_string(detail);
  told_(line);
}

// ---- addresses ----

SimulatedIp SimulatedIp::parse(std::string_view literal) {
  const auto address = Address::parse(literal, 0);
  if (!address) throw std::invalid_argument("\"" + std::string(literal) + "\" is neither an IPv4 nor an IPv6 address");
  const SocketAddress system(*address);
  return SimulatedName::of(system.get(), system.length).ip;
}

bool SimulatedIp::isLoopback() const noexcept {
  if (family == AF_INET) return bytes[0] == 127;
  std::array<std::uint8_t, 16> one{};
  one[15] = 1;
  return family == AF_INET6 && bytes == one;
}

bool SimulatedIp::isMulticast() const noexcept {
  return family == AF_INET ? (bytes[0] & 0xf0) == 0xe0 : bytes[0] == 0xff;
}

bool SimulatedIp::isBroadcast() const noexcept {
  return family == AF_INET && std::all_of(bytes.begin(), bytes.begin() + 4, [](auto each) { return each == 255; });
}

}  // namespace bight::detail
