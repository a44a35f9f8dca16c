#include <bight/reactor.hpp>

#include <cstdlib>
#include <string>

#include "poller_registry.hpp"
#include "reactor_base.hpp"

namespace bight {
namespace {

[[noreturn]] void unknown(std::string_view name, std::string_view source) {
  std::string text = "there is no reactor \"" + std::string(name) + "\" on this system";
  if (!source.empty()) text += " (the name comes from " + std::string(source) + ")";
  text += "; there are: ";
  bool first = true;
  for (const std::string& each : availableReactors()) {
    if (!first) text += ", ";
    text += each;
    first = false;
  }
  throw UnknownReactor(text);
}

std::unique_ptr<Reactor> makeNamed(std::string_view name, std::string_view source) {
  const PollerFactory make = detail::findPoller(name);
  if (!make) unknown(name, source);
  std::unique_ptr<Poller> poller = make();
  if (!poller)
    throw std::logic_error("the factory that was registered for the reactor \"" + std::string(name) +
                           "\" made nothing");
  return std::make_unique<detail::ReactorBase>(std::move(poller));
}

}  // namespace

ReactorCore::~ReactorCore() = default;
ReactorThreads::~ReactorThreads() = default;
Reactor::~Reactor() = default;
ReactorCounters Reactor::counters() const noexcept {
  return {};
}
void Reactor::forgetLongestTurn() {}
std::shared_ptr<detail::Vitals> Reactor::vitals() const {
  return nullptr;
}
UnknownReactor::~UnknownReactor() = default;

std::unique_ptr<Reactor> makeReactor() {
  const char* chosen = std::getenv("BIGHT_REACTOR");
  if (chosen && *chosen && std::string_view(chosen) != "default") {
    return makeNamed(chosen, "the environment variable BIGHT_REACTOR");
  }
  return makeNamed(availableReactors().at(0), {});
}

std::unique_ptr<Reactor> makeReactor(Backend backend) {
  switch (backend) {
    case Backend::select:
      return makeNamed("select", {});
    case Backend::poll:
      return makeNamed("poll", {});
    case Backend::epoll:
      return makeNamed("epoll", {});
    case Backend::kqueue:
      return makeNamed("kqueue", {});
  }
  throw UnknownReactor("makeReactor: " + std::to_string(static_cast<int>(backend)) + " is no Backend");
}

std::unique_ptr<Reactor> makeReactor(std::string_view name) {
  if (name.empty() || name == "default") return makeReactor();
  return makeNamed(name, {});
}

}  // namespace bight
