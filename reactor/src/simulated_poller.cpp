#include "simulated_poller.hpp"

#include <poll.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "reactor_base.hpp"
#include "simulated_socket.hpp"
#include "system_calls.hpp"

namespace bight::detail {

namespace {
/// How long, in real time, a stalled reactor waits for a thread that may still call it.
constexpr int threadPatience = 1000;  // ms
}  // namespace

SimulatedPoller::SimulatedPoller(std::shared_ptr<SimulatedWorld> world, std::shared_ptr<SimulatedHost> host)
    : world_(std::move(world)), host_(std::move(host)) {
  tellsRemovals();
}

SimulatedPoller::~SimulatedPoller() = default;

void SimulatedPoller::attach(ReactorBase& reactor) {
  reactor_ = &reactor;
  world_->join(*this);
}

void SimulatedPoller::detach() noexcept {
  reactor_ = nullptr;
  world_->quit(*this);
}

PollHandle* SimulatedPoller::add(int fd, unsigned interest, PollTarget& target) {
  auto added = std::make_shared<SimulatedRegistration>();
  if (sys::isSimulated(fd)) {
    added->socket = findSocket(fd);
    if (!added->socket) throw std::logic_error("a simulated socket was closed before it was watched");
  } else if (!waker_) {
    waker_ = added.get();  // the reactor's own, for other threads; it is the first to come
    wakerFd_ = fd;
  } else {
    throw std::logic_error("a simulated reactor cannot watch descriptors of the system");
  }
  added->target = &target;
  added->poller = this;
  added->interest = interest;
  added->self = added;
  if (added->socket) {
    added->socket->registration = added.get();
    suspect(added);
  }
  return added.get();
}

void SimulatedPoller::change(PollHandle* handle, unsigned interest) {
  auto& registration = static_cast<SimulatedRegistration&>(*handle);
  registration.interest = interest;
  suspect(registration.self);
}

void SimulatedPoller::remove(PollHandle* handle) noexcept {
  auto& registration = static_cast<SimulatedRegistration&>(*handle);
  removed(*registration.target);
  registration.dead = true;
  if (registration.socket) registration.socket->registration = nullptr;
  if (waker_ == &registration) waker_ = nullptr;
  const auto last = std::move(registration.self);
}

void SimulatedPoller::suspect(const std::shared_ptr<SimulatedRegistration>& registration) {
  if (std::exchange(registration->suspected, true)) return;
  suspects_.push_back(registration);
}

namespace {
unsigned eventsOf(const SimulatedRegistration& registration) {
  if (registration.dead || !registration.socket) return 0;
  return registration.socket->events() & registration.interest;
}
}  // namespace

/// Level-triggered: whoever is ready stays among the suspects.
bool SimulatedPoller::anyReady() {
  std::erase_if(suspects_, [](const auto& each) {
    if (eventsOf(*each) != 0) return false;
    each->suspected = false;
    return true;
  });
  return !suspects_.empty();
}

bool SimulatedPoller::dispatchReady() {
  if (!anyReady()) return false;
  auto ready = suspects_;
  for (std::size_t i = ready.size(); i > 1; --i) std::swap(ready[i - 1], ready[world_->chance().below(i)]);
  for (const auto& each : ready) {
    const unsigned events = eventsOf(*each);
    if (events == 0) continue;
    world_->record(each->socket->number(), "is ready:", events);
    dispatch(*each->target, events);
  }
  return true;
}

Duration SimulatedPoller::due() {
  if (!reactor_ || reactor_->inTurn()) return forever;
  const bool lost = std::all_of(host_->addresses.begin(), host_->addresses.end(),
                                [this](const SimulatedIp& ip) { return world_->isLost(ip); });
  if (lost) return forever;  // without power
  return anyReady() ? dontWait : reactor_->nextTurn();
}

bool SimulatedPoller::turn() {
  if (due() > now()) return false;
  reactor_->turnOnce();
  return true;
}

void SimulatedPoller::poll(Duration until) {
  world_->happen();
  if (dispatchReady() || until <= now()) return world_->turnPasses();
  for (;;) {
    if (world_->turnOthers(this)) {
      world_->happen();
      if (dispatchReady()) return;
      until = std::min(until, reactor_->nextTurn());
    }
    if (until <= now()) return;
    const Duration next = std::min({world_->nextEvent(), world_->nextTurnOfOthers(this), until});
    if (next == forever) return stalled();
    world_->jump(next);
    world_->happen();
    if (dispatchReady()) return;
  }
}

void SimulatedPoller::stalled() {
  pollfd asked{wakerFd_, POLLIN, 0};
  if (waker_ && ::poll(&asked, 1, threadPatience) > 0) return dispatch(*waker_->target, pollRead);
  throw testing::SimulationStalled(
      "the simulation stands still: nothing is under way, no reactor has a timer, and nobody has called stop()");
}

}  // namespace bight::detail
