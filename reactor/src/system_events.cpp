// An event is fired in three phases. Triggers leave their queue before they are called: so each runs once, one that is
// added to the running phase is found by the loop over it, and one that has run cannot be removed any more. The
// Deferreds of phase `before` are counted down; the last one, or the loop itself if none is left, goes on with the
// other two phases.
#include "system_events.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

namespace bight::detail {

struct SystemEvents::Firing {
  std::shared_ptr<SystemEvents*> events;
  Event* event;
  int waiting = 1;  // one for the loop that calls the triggers

  static void oneDone(const std::shared_ptr<Firing>& firing) {
    if (--firing->waiting == 0 && *firing->events) (*firing->events)->beforeDone(*firing->event);
  }
  std::weak_ptr<Firing> self;
};

SystemEvents::SystemEvents(Function<void(std::string_view)> during,
                           Function<void(const std::string&, const Failure&)> report)
    : during_(std::move(during)), report_(std::move(report)), self_(std::make_shared<SystemEvents*>(this)) {}

SystemEvents::~SystemEvents() {
  *self_ = nullptr;
}

void SystemEvents::clear() noexcept {
  std::vector<std::deque<Trigger>> dying;  // what they captured may come back here while it dies
  for (auto& [name, event] : events_)
    for (auto& queue : event->triggers) dying.push_back(std::exchange(queue, {}));
}

SystemEvents::Event& SystemEvents::event(std::string_view name) {
  auto& slot = events_[std::string(name)];
  if (!slot) {
    slot = std::make_unique<Event>();
    slot->name = name;
  }
  return *slot;
}

SystemEventTrigger SystemEvents::add(Phase phase, std::string_view name, Call call) {
  if (phase != Phase::before && phase != Phase::during && phase != Phase::after) {
    throw std::invalid_argument("addSystemEventTrigger: the phase is none of before, during and after");
  }
  const std::uint64_t id = ++lastId_;
  event(name).triggers[static_cast<int>(phase)].push_back({id, std::move(call)});
  return {id};
}

void SystemEvents::remove(SystemEventTrigger trigger) {
  for (auto& [name, event] : events_) {
    for (auto& queue : event->triggers) {
      const auto found =
          std::find_if(queue.begin(), queue.end(), [&](const Trigger& each) { return each.id == trigger.id; });
      if (found == queue.end()) continue;
      const Call dying = std::move(found->call);  // what it captured may come back here while it dies
      queue.erase(found);
      return;
    }
  }
  throw std::invalid_argument("removeSystemEventTrigger: there is no such trigger (any more)");
}

void SystemEvents::fire(std::string_view name) {
  Event& fired = event(name);
  auto firing = std::make_shared<Firing>();
  firing->events = self_;
  firing->event = &fired;
  firing->self = firing;
  fired.firing = firing;
  runPhase(fired, Phase::before, firing.get());
  Firing::oneDone(firing);
}

void SystemEvents::holdBack(std::string_view name, Function<void()> ready) {
  event(name).ready = std::move(ready);
}

bool SystemEvents::goOn(std::string_view name) {
  Event& fired = event(name);
  if (!std::exchange(fired.held, false)) return false;
  finish(fired);
  return true;
}

bool SystemEvents::hurry(std::string_view name) {
  if (goOn(name)) return true;
  Event& fired = event(name);
  const auto firing = fired.firing.lock();
  if (!firing || firing->waiting <= 0) return false;
  firing->waiting = 0;  // those who come later find less than that
  finish(fired);
  return true;
}

void SystemEvents::beforeDone(Event& event) {
  if (!event.ready) return finish(event);
  event.held = true;
  event.ready();
}

void SystemEvents::finish(Event& event) {
  during_(event.name);
  runPhase(event, Phase::during, nullptr);
  runPhase(event, Phase::after, nullptr);
}

void SystemEvents::runPhase(Event& event, Phase phase, Firing* firing) {
  auto& queue = event.triggers[static_cast<int>(phase)];
  while (!queue.empty()) {
    Call call = std::move(queue.front().call);
    queue.pop_front();
    runTrigger(event, phase, call, firing);
  }
}

void SystemEvents::runTrigger(Event& event, Phase phase, Call& call, Firing* firing) {
  static constexpr const char* phaseNames[] = {"before", "during", "after"};
  try {
    std::optional<Deferred<void>> result = call();
    if (!result) return;
    const std::shared_ptr<Firing> kept = firing ? firing->self.lock() : nullptr;
    if (kept) ++kept->waiting;
    std::move(*result)
        .addErrback([events = self_, name = event.name](Failure failure) {
          if (*events) (*events)->report_("A trigger of system event \"" + name + "\" failed later", failure);
        })
        .addCallback([kept] {
          if (kept) Firing::oneDone(kept);
        });
  } catch (...) {
    report_("Unhandled Error while calling a trigger " + std::string(phaseNames[static_cast<int>(phase)]) + " \"" +
                event.name + "\"",
            Failure());
  }
}

}  // namespace bight::detail
