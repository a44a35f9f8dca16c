#include <bight/poller.hpp>

#include <algorithm>
#include <ctime>
#include <mutex>
#include <stdexcept>
#include <typeinfo>
#include <utility>

#include <bight/failure.hpp>

#include "epoll_poller.hpp"
#include "poller_registry.hpp"
#include "simulated_poller.hpp"

namespace bight {

Poller::~Poller() = default;

std::string PollTarget::describe() const {
  return typeName(typeid(*this));
}

Duration Poller::steadyNow() noexcept {
  return std::chrono::steady_clock::now().time_since_epoch();
}

void Poller::setAfterEach(AfterEach afterEach, void* context) noexcept {
  afterEach_ = afterEach;
  context_ = context;
}

std::string Poller::presentEvent() const {
  return tellsRemovals_ && dispatched_ ? "an event of " + dispatched_->describe() : std::string();
}

namespace detail {
namespace {

struct Registration {
  std::string name;
  PollerFactory make;
};

struct Registry {
  std::mutex mutex;
  std::vector<Registration> all;
  Registry() {
#ifdef __linux__
    all.push_back({"epoll", makeEpollPoller});
#endif
    for (const std::string& method : libeventMethods()) {
      all.push_back({method, [method] { return makeLibeventPoller(method); }});
    }
  }
};

Registry& registry() {
  static Registry it;
  return it;
}

}  // namespace

PollerFactory findPoller(std::string_view name) {
  // Not one of those that are listed: whoever goes over them wants to wait for the system.
  if (name == "simulated")
    return [] {
      const auto world = std::make_shared<SimulatedWorld>(testing::SimulationOptions{});
      auto poller = world->makePoller({});
      world->abandon();  // from now on it is the reactor's
      return poller;
    };
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  const auto found =
      std::find_if(r.all.begin(), r.all.end(), [&](const Registration& each) { return each.name == name; });
  return found == r.all.end() ? PollerFactory() : found->make;
}

}  // namespace detail

void registerPoller(std::string name, PollerFactory make) {
  if (name.empty() || name == "default") {
    throw std::invalid_argument("registerPoller: \"" + name + "\" cannot be a name: it means the system's best");
  }
  if (name == "simulated") throw std::invalid_argument("registerPoller: \"simulated\" is a name of the library's own");
  if (!make) throw std::invalid_argument("registerPoller: the factory for \"" + name + "\" is empty");
  detail::Registry& r = detail::registry();
  const std::lock_guard lock(r.mutex);
  for (const auto& each : r.all) {
    if (each.name == name) throw std::invalid_argument("registerPoller: there is a reactor \"" + name + "\" already");
  }
  r.all.push_back({std::move(name), std::move(make)});
}

std::vector<std::string> availableReactors() {
  detail::Registry& r = detail::registry();
  const std::lock_guard lock(r.mutex);
  std::vector<std::string> names;
  for (const auto& each : r.all) names.push_back(each.name);
  return names;
}

}  // namespace bight
