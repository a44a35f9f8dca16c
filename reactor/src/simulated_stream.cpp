// Connections of a simulated network
// ----------------------------------
// Each end keeps what is under way from it to the other: packets arrive in order, each not before the one before it. A
// packet that finds its way closed is *parked*, and so are all behind it, until there is a way again or the sender gives
// up. What an end has sent counts as outstanding until the other has read it and said so; more than the window is never
// outstanding, so a reader that stops makes the writer stop.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "simulated_socket.hpp"

namespace bight::detail {

namespace {
constexpr Duration firstPatience = std::chrono::seconds(1);  // until an attempt to connect is repeated; then it doubles
}  // namespace

// ---- connecting ----

int SimulatedStream::connect(const SimulatedName& peer) {
  if (state_ != State::fresh || broken_) return failed(state_ == State::connecting ? EALREADY : EISCONN);
  there_ = peer;
  if (there_.ip.family != 0 && there_.ip.isAny())
    there_.ip = SimulatedIp::parse(family_ == AF_INET6 ? "::1" : "127.0.0.1");
  if (const int error = bindFor(there_)) return failed(error);
  world().record(number_, "connects to port", there_.port);
  if (family_ == AF_UNIX) {
    const auto listener = findListener();
    if (!listener) return failed(ENOENT);
    if (listener->waiting_.size() >= listener->backlog_) return failed(EAGAIN);
    meet(*listener);
    state_ = State::connected;
    return 0;
  }
  state_ = State::connecting;
  knock(world().now(), firstPatience);
  return failed(EINPROGRESS);
}

std::shared_ptr<SimulatedStream> SimulatedStream::findListener() const {
  const SimulatedName to = there_.unmapped();
  const auto host = family_ == AF_UNIX ? host_ : world().hostOf(to.ip, host_);
  std::vector<SimulatedStream*> found;
  for (SimulatedSocket* each : world().sockets()) {
    if (each->host_ == host && each->listens() && (each->family_ == AF_UNIX) == (family_ == AF_UNIX) && each->takes(to))
      found.push_back(static_cast<SimulatedStream*>(each));
  }
  if (found.empty()) return nullptr;
  // An exact address goes before any address; among equals (SO_REUSEPORT) chance decides.
  const bool exact = std::any_of(found.begin(), found.end(), [&](const auto* each) { return each->here_.ip == to.ip; });
  if (exact) std::erase_if(found, [&](const auto* each) { return each->here_.ip != to.ip; });
  return found[found.size() == 1 ? 0 : world().chance().below(found.size())]->self();
}

/// Somebody is asked for a connection, until he answers.
void SimulatedStream::knock(Duration began, Duration patience) {
  world().after(world().latency(), [self = self(), began, patience] {
    if (self->closed_ || self->state_ != State::connecting) return;
    SimulatedWorld& world = self->world();
    const SimulatedIp from = self->here_.unmapped().ip;
    const SimulatedIp to = self->there_.unmapped().ip;
    if (world.open(from, to) && world.hostOf(to, self->host_)) {
      const auto listener = self->findListener();
      if (!listener) return self->refuse(ECONNREFUSED, world.latency());
      if (world.chance().happens(world.options().refused)) return self->refuse(ECONNREFUSED, world.latency());
      if (listener->waiting_.size() < listener->backlog_) {
        self->meet(*listener)->transmit({Packet::Kind::accepted});
        return;
      }
    }
    const Duration left = began + world.options().connectLimit - world.now();
    if (left <= patience) return self->refuse(ETIMEDOUT, std::max(left, Duration::zero()));
    world.after(patience, [self, began, patience] { self->knock(began, 2 * patience); });
  });
}

void SimulatedStream::refuse(int error, Duration delay) {
  world().after(delay, [self = self(), error] {
    if (!self->closed_ && self->state_ == State::connecting) self->fail(error);
  });
}

/// Makes the other end, which waits to be accepted.
std::shared_ptr<SimulatedStream> SimulatedStream::meet(SimulatedStream& listener) {
  auto end = std::make_shared<SimulatedStream>(world_, listener.host_, listener.family_, SOCK_STREAM);
  const bool maps = listener.family_ == AF_INET6;
  end->here_ = maps ? there_.mapped() : there_.unmapped();
  end->there_ = maps ? here_.mapped() : here_.unmapped();
  end->bound_ = true;
  end->options_ = listener.options_;
  end->state_ = State::connected;
  end->other_ = self();
  other_ = end;
  listener.waiting_.push_back(end);
  listener.changed();
  world().record(end->number_, "is the other end of", number_);
  return end;
}

int SimulatedStream::listen(int backlog) {
  if (state_ != State::fresh) return failed(EINVAL);
  if (family_ != AF_UNIX && !bound_) here_.port = world().freePort();
  bound_ = true;
  state_ = State::listening;
  backlog_ = static_cast<std::size_t>(std::max(backlog, 1));
  return 0;
}

std::shared_ptr<SimulatedSocket> SimulatedStream::accept() {
  if (waiting_.empty()) {
    errno = state_ == State::listening ? EAGAIN : EINVAL;
    return nullptr;
  }
  const auto accepted = std::move(waiting_.front());
  waiting_.pop_front();
  return accepted;
}

// ---- writing and reading ----

ssize_t SimulatedStream::send(std::string_view data, const SimulatedName*) {
  if (error_ != 0) return failed(takeError());
  if (state_ != State::connected) return failed(ENOTCONN);
  if (broken_ || ended_) return failed(EPIPE);
  const testing::SimulationOptions& options = world().options();
  SimulatedChance& chance = world().chance();
  if (outstanding_ >= options.window) return failed(EAGAIN);
  std::size_t most = std::min(data.size(), options.window - outstanding_);
  const bool cuts = options.cutting == testing::Cutting::random;
  // Now and then less is taken than there is room for, as systems do.
  if (cuts && most > 1 && chance.below(8) == 0) most = 1 + chance.below(most);
  outstanding_ += most;
  world().record(number_, "sends", most);
  for (std::size_t sent = 0; sent < most;) {
    std::size_t piece = most - sent;
    if (cuts) {
      const auto kind = chance.below(4);
      if (kind == 0) piece = std::min<std::size_t>(piece, 1 + chance.below(16));
      if (kind == 1) piece = std::min<std::size_t>(piece, 1 + chance.below(1460));
    }
    if (chance.happens(options.reset)) {
      transmit({Packet::Kind::reset});
      world().after(world().latency(), [self = self()] { self->hearReset(); });
      break;
    }
    transmit({Packet::Kind::data, std::string(data.substr(sent, piece))});
    sent += piece;
  }
  return static_cast<ssize_t>(most);
}

ssize_t SimulatedStream::receive(char* buffer, std::size_t size, SimulatedName*) {
  if (state_ != State::connected && error_ == 0 && !broken_) return failed(ENOTCONN);
  if (inbox_.empty()) {
    if (error_ != 0) return failed(takeError());
    return broken_ || peerEnded_ ? 0 : failed(EAGAIN);
  }
  if (size == 0) return 0;
  const testing::Cutting cutting = world().options().cutting;
  if (cutting == testing::Cutting::bytes) size = 1;
  std::size_t got = 0;
  while (got < size && !inbox_.empty()) {
    const std::string& first = inbox_.front();
    const std::size_t count = std::min(size - got, first.size() - unread_);
    std::copy_n(first.data() + unread_, count, buffer + got);
    got += count;
    unread_ += count;
    if (unread_ == first.size()) {
      inbox_.pop_front();
      unread_ = 0;
    }
    // Late readers find pieces joined, sometimes.
    if (cutting == testing::Cutting::random && world().chance().below(2) == 0) break;
  }
  world().record(number_, "receives", got);
  if (!broken_) transmit({Packet::Kind::taken, {}, got});
  return static_cast<ssize_t>(got);
}

unsigned SimulatedStream::events() const noexcept {
  if (broken_ || error_ != 0) return pollRead | pollWrite | pollError;
  if (state_ == State::listening) return waiting_.empty() ? 0U : pollRead;
  if (state_ != State::connected) return 0;
  const bool reads = !inbox_.empty() || peerEnded_;
  const bool writes = ended_ || outstanding_ <= world().options().window / 3 * 2;
  return (reads ? pollRead : 0U) | (writes ? pollWrite : 0U);
}

// ---- ending ----

int SimulatedStream::shutdown() {
  if (state_ != State::connected) return failed(ENOTCONN);
  if (std::exchange(ended_, true)) return 0;
  world().record(number_, "ends its half");
  if (!broken_) transmit({Packet::Kind::end});
  return 0;
}

void SimulatedStream::close() {
  if (closed_) return;
  closed_ = true;
  world().closed(*this);
  world().record(number_, "is closed");
  for (const auto& each : std::exchange(waiting_, {})) {
    each->resetOnClose_ = true;
    each->close();
  }
  if (!broken_ && !other_.expired()) {
    // As the system does: whoever closes with unread bytes tells the peer that they are lost.
    if (resetOnClose_ || !inbox_.empty() || state_ == State::connecting)
      transmit({Packet::Kind::reset});
    else if (!ended_)
      transmit({Packet::Kind::end});
  }
  inbox_.clear();
}

void SimulatedStream::fail(int error) noexcept {
  if (broken_) return;
  broken_ = true;
  error_ = error;
  outstanding_ = 0;
  std::erase_if(parked_, [](const Packet& each) { return each.kind != Packet::Kind::reset; });
  changed();
}

void SimulatedStream::hearReset() {
  if (broken_ || closed_) return;
  world().record(number_, "is reset");
  fail(ECONNRESET);
}

bool SimulatedStream::resetBetween(const SimulatedIp& one, const SimulatedIp& other) {
  if (state_ != State::connected || broken_ || family_ == AF_UNIX) return false;
  const SimulatedIp a = here_.unmapped().ip;
  const SimulatedIp b = there_.unmapped().ip;
  if (!(a == one && b == other) && !(a == other && b == one)) return false;
  hearReset();
  return true;
}

// ---- on the way ----

void SimulatedStream::transmit(Packet packet) {
  if (world().isLost(here_.unmapped().ip)) return;  // a machine without power
  lastArrival_ = std::max(world().now() + world().latency(), lastArrival_ + Duration(1));
  world().at(lastArrival_, [self = self(), packet = std::move(packet)]() mutable { self->arrive(std::move(packet)); });
}

void SimulatedStream::arrive(Packet packet) {
  if (broken_ && packet.kind != Packet::Kind::reset) return;
  if (parked_.empty() && world().open(here_.unmapped().ip, there_.unmapped().ip)) {
    const auto other = other_.lock();
    if (other && !other->closed_) return other->take(std::move(packet));
    // Nobody is there any more who knows of this connection.
    if (packet.kind == Packet::Kind::data) world().after(world().latency(), [self = self()] { self->hearReset(); });
    return;
  }
  if (parked_.empty()) {
    world().parks(shared_from_this());
    world().after(world().options().sendLimit, [self = self(), parking = ++parking_] {
      if (self->parked_.empty() || self->parking_ != parking) return;
      self->world().record(self->number_, "gives up");
      self->parked_.clear();
      self->fail(ETIMEDOUT);
    });
  }
  parked_.push_back(std::move(packet));
}

void SimulatedStream::tryParked() {
  if (parked_.empty()) return;
  if (!world().open(here_.unmapped().ip, there_.unmapped().ip)) return world().parks(shared_from_this());
  // Until they arrive, what comes behind them parks as well.
  world().after(world().latency(), [self = self()] {
    if (!self->world().open(self->here_.unmapped().ip, self->there_.unmapped().ip))
      return self->world().parks(self->shared_from_this());
    ++self->parking_;
    for (auto& packet : std::exchange(self->parked_, {})) self->arrive(std::move(packet));
  });
}

void SimulatedStream::take(Packet packet) {
  if (broken_) return;
  switch (packet.kind) {
    case Packet::Kind::accepted:
      if (state_ == State::connecting) state_ = State::connected;
      break;
    case Packet::Kind::data:
      inbox_.push_back(std::move(packet.data));
      break;
    case Packet::Kind::taken:
      outstanding_ -= std::min(outstanding_, packet.count);
      break;
    case Packet::Kind::end:
      peerEnded_ = true;
      break;
    case Packet::Kind::reset:
      return hearReset();
  }
  changed();
}

}  // namespace bight::detail
