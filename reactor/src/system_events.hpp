/// @file
/// Internal: system events and their triggers (B23 to B27).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <bight/core.hpp>
#include <bight/failure.hpp>
#include <bight/function.hpp>

namespace bight::detail {

/// All events of one reactor.
class SystemEvents {
 public:
  using Call = Function<std::optional<Deferred<void>>()>;

  /// @param during called when an event comes to its phase `during`, before the triggers of that phase: the reactor's
  /// own part
  /// @param report called with what a trigger threw, or the Deferred it returned failed with
  SystemEvents(Function<void(std::string_view event)> during,
               Function<void(const std::string& context, const Failure&)> report);
  ~SystemEvents();

  SystemEventTrigger add(Phase phase, std::string_view event, Call call);
  void remove(SystemEventTrigger trigger);
  void fire(std::string_view event);
  /// The phase `before` of this event does not end by itself: when it waits for nothing any more, `ready` is called
  /// instead, and the event waits for `goOn`.
  void holdBack(std::string_view event, Function<void()> ready);
  /// Ends such a wait. @return false if there is none
  bool goOn(std::string_view event);
  /// An event whose phase `before` waits goes on without what it waits for. @return false if it does not wait
  bool hurry(std::string_view event);
  /// Forgets all triggers.
  void clear() noexcept;

 private:
  struct Trigger {
    std::uint64_t id;
    Call call;
  };
  struct Firing;
  struct Event {
    std::string name;
    std::deque<Trigger> triggers[3];
    std::weak_ptr<Firing> firing;  // the last one
    Function<void()> ready;        // see holdBack
    bool held = false;             // ready has been called
  };

  Event& event(std::string_view name);
  void runPhase(Event& event, Phase phase, Firing* firing);
  void runTrigger(Event& event, Phase phase, Call& call, Firing* firing);
  void beforeDone(Event& event);
  void finish(Event& event);

  // Events are few and never forgotten, so their addresses are stable.
  std::unordered_map<std::string, std::unique_ptr<Event>> events_;
  std::uint64_t lastId_ = 0;
  Function<void(std::string_view)> during_;
  Function<void(const std::string&, const Failure&)> report_;
  std::shared_ptr<SystemEvents*> self_;  // emptied at the end: Deferreds may fire later
};

}  // namespace bight::detail
