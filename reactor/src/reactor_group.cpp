#include <bight/reactor_group.hpp>

#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "group_port.hpp"
#include "group_state.hpp"

namespace bight {
namespace {

constexpr std::size_t mostReactors = 1024;

/// The processors that this process may use.
std::size_t processors() {
#ifdef __linux__
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
#endif
  return std::max(1U, std::thread::hardware_concurrency());
}

template <class Make>
std::shared_ptr<detail::GroupState> makeState(std::size_t count, Make&& make) {
  if (count > mostReactors)
    throw std::invalid_argument("ReactorGroup: " + std::to_string(count) + " reactors are too many; at most " +
                                std::to_string(mostReactors) + ", and rarely more than there are processors");
  if (count == 0) count = std::min(processors(), mostReactors);
  std::vector<std::unique_ptr<Reactor>> reactors;
  reactors.reserve(count);
  while (reactors.size() < count) reactors.push_back(make());
  return std::make_shared<detail::GroupState>(std::move(reactors));
}

}  // namespace

ReactorGroup::ReactorGroup(std::size_t count, std::string_view name)
    : state_(makeState(count, [name] { return makeReactor(name); })) {}
ReactorGroup::ReactorGroup(std::size_t count, Backend backend)
    : state_(makeState(count, [backend] { return makeReactor(backend); })) {}
ReactorGroup::~ReactorGroup() = default;

std::size_t ReactorGroup::size() const noexcept {
  return state_->size();
}
Reactor& ReactorGroup::operator[](std::size_t index) const {
  if (index >= size())
    throw std::out_of_range("ReactorGroup: there is no reactor " + std::to_string(index) + "; there are " +
                            std::to_string(size()) + ", from 0");
  return state_->at(index);
}
std::optional<std::size_t> ReactorGroup::here() const noexcept {
  return state_->here();
}
Reactor& ReactorGroup::asking() const {
  return state_->asking();
}

void ReactorGroup::run(RunOptions options) {
  state_->run(options);
}
void ReactorGroup::stop() {
  state_->stop();
}
std::optional<int> ReactorGroup::exitSignal() const noexcept {
  return state_->exitSignal();
}

void ReactorGroup::addStep(Step step) {
  state_->add({.run = std::move(step)}, true);
}

void ReactorGroup::callWhenRunning(Function<void()> f) {
  if (!f) throw std::invalid_argument("ReactorGroup::callWhenRunning: the function is empty");
  state_->add({.run =
                   [f = std::move(f)](Reactor& reactor, std::size_t) mutable {
                     static_cast<detail::ReactorBase&>(reactor).guarded("Unhandled Error", f);
                     return std::optional<Deferred<void>>();
                   },
               .firstOnly = true});
}

std::shared_ptr<GroupPort> ReactorGroup::listenWith(int port, MakeFactory makeFactory, const ListenOptions& options) {
  if (port < 0 || port > 65535)
    throw std::invalid_argument("port " + std::to_string(port) + " is out of range: it must be 0 to 65535");
  const auto opened =
      std::make_shared<detail::GroupTcpPort>(state_, static_cast<std::uint16_t>(port), std::move(makeFactory), options);
  state_->add({.run =
                   [opened](Reactor& reactor, std::size_t index) {
                     opened->listenOn(reactor, index);
                     return std::optional<Deferred<void>>();
                   },
               .done = [opened](const Failure* failure) { opened->settled(failure); }});
  return opened;
}

}  // namespace bight
