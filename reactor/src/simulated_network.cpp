#include <bight/testing/simulated_network.hpp>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include <bight/failure.hpp>

#include "reactor_base.hpp"
#include "simulated_poller.hpp"
#include "simulated_world.hpp"

namespace bight::testing {

namespace {

constexpr const char* seedVariable = "BIGHT_SEED";

/// What BIGHT_SEED says, if anything.
std::optional<std::uint64_t> seedFromEnvironment() {
  const char* text = std::getenv(seedVariable);
  if (!text || !*text) return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const unsigned long long seed = std::strtoull(text, &end, 10);
  if (*end != '\0' || errno != 0 || *text == '-')
    throw std::invalid_argument(std::string(seedVariable) + " is \"" + text + "\", and must be a number");
  return seed;
}

void check(const SimulationOptions& options) {
  const auto refuse = [](const char* what) { throw std::invalid_argument(std::string("SimulationOptions: ") + what); };
  for (const double chance : {options.refused, options.reset, options.lost, options.twice})
    if (!(chance >= 0 && chance <= 1)) refuse("a chance must be from 0 to 1");
  if (options.window == 0) refuse("the window must be at least 1 byte");
  if (options.minLatency < Duration::zero() || options.maxLatency < options.minLatency)
    refuse("latencies must not be negative, nor maxLatency less than minLatency");
  if (options.turnTime < Duration::zero()) refuse("turnTime must not be negative");
}

detail::ReactorBase& simulated(Reactor& reactor, const char* what) {
  auto* base = dynamic_cast<detail::ReactorBase*>(&reactor);
  if (!base || base->name() != "simulated")
    throw std::invalid_argument(std::string(what) + " needs a reactor of a SimulatedNetwork");
  return *base;
}

}  // namespace

SimulationStalled::~SimulationStalled() = default;
SimulationFailed::~SimulationFailed() = default;

SimulationFailed::SimulationFailed(std::uint64_t seed, const std::string& what)
    : std::runtime_error("with seed " + std::to_string(seed) + ": " + what + " (to have it again: " + seedVariable +
                         "=" + std::to_string(seed) + ")"),
      seed_(seed) {}

std::uint64_t simulationSeed() {
  return seedFromEnvironment().value_or(1);
}

void forEachSeed(std::uint64_t count, Function<void(std::uint64_t)> test) {
  const auto only = seedFromEnvironment();
  for (std::uint64_t seed = only.value_or(1); seed <= only.value_or(count); ++seed) {
    try {
      test(seed);
    } catch (...) {
      throw SimulationFailed(seed, Failure().getErrorMessage());
    }
    if (only) return;
  }
}

SimulatedNetwork::SimulatedNetwork(const SimulationOptions& options) {
  check(options);
  world_ = std::make_shared<detail::SimulatedWorld>(options);
}

SimulatedNetwork::~SimulatedNetwork() {
  world_->abandon();
}

std::unique_ptr<Reactor> SimulatedNetwork::makeReactor(const std::vector<std::string>& addresses) {
  return std::make_unique<detail::ReactorBase>(world_->makePoller(addresses));
}

MemoryNameResolver& SimulatedNetwork::names() noexcept {
  return *world_->names();
}

Duration SimulatedNetwork::now() const noexcept {
  return world_->now();
}

void SimulatedNetwork::start(Reactor& reactor) {
  simulated(reactor, "SimulatedNetwork::start").begin();
}

void SimulatedNetwork::advance(Duration time) {
  if (time < Duration::zero()) throw std::invalid_argument("SimulatedNetwork::advance: time cannot go back");
  if (world_->inTurn())
    throw std::logic_error(
        "SimulatedNetwork::advance was called inside a turn of one of its reactors; return instead, or use callLater");
  const Duration limit = world_->now() + time;
  while (world_->step(limit)) {
  }
}

bool SimulatedNetwork::runUntil(Function<bool()> done, Duration limit) {
  if (world_->inTurn())
    throw std::logic_error("SimulatedNetwork::runUntil was called inside a turn of one of its reactors");
  const Duration end = world_->now() + limit;
  while (!done())
    if (!world_->step(end)) return done();
  return true;
}

void SimulatedNetwork::partition(std::string_view one, std::string_view other) {
  world_->partition(detail::SimulatedIp::parse(one), detail::SimulatedIp::parse(other), true);
}
void SimulatedNetwork::heal(std::string_view one, std::string_view other) {
  world_->partition(detail::SimulatedIp::parse(one), detail::SimulatedIp::parse(other), false);
}
void SimulatedNetwork::lose(std::string_view address) {
  world_->lose(detail::SimulatedIp::parse(address), true);
}
void SimulatedNetwork::find(std::string_view address) {
  world_->lose(detail::SimulatedIp::parse(address), false);
}
std::size_t SimulatedNetwork::reset(std::string_view one, std::string_view other) {
  return world_->reset(detail::SimulatedIp::parse(one), detail::SimulatedIp::parse(other));
}

void SimulatedNetwork::signal(Reactor& reactor, int number) {
  simulated(reactor, "SimulatedNetwork::signal").receiveSignal(number);
}

void SimulatedNetwork::change(const SimulationOptions& options) {
  check(options);
  const std::uint64_t seed = world_->options().seed;
  world_->options() = options;
  world_->options().seed = seed;
}
const SimulationOptions& SimulatedNetwork::options() const noexcept {
  return world_->options();
}

std::uint64_t SimulatedNetwork::trace() const noexcept {
  return world_->trace();
}
void SimulatedNetwork::onTrace(Function<void(std::string_view)> told) {
  world_->onTrace(std::move(told));
}
std::size_t SimulatedNetwork::openSockets() const noexcept {
  return world_->sockets().size();
}
std::size_t SimulatedNetwork::underWay() const noexcept {
  return world_->underWay();
}

}  // namespace bight::testing
