// One turn of the loop:
//
//   ┌─▶ calls from threads and callSoon, those that were there when it began, FIFO
//   │   timers whose time has come; the clock is read once; new ones wait for the next turn
//   │   the shutdown, if stop() was called
//   │   what was written leaves
//   └── wait for descriptors until the next timer; dispatch what is ready; after each, what was written leaves
//
// The clock is read only if there are timers; the poller is given a moment, not a span, and so needs no clock either.
#include <chrono>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include <bight/detail/activity.hpp>

#include "reactor_base.hpp"
#include "reactor_log.hpp"
#include "simulated_poller.hpp"

namespace bight::detail {

namespace {

/// "a timed call of main::{lambda()#1}"; only "a timed call" if it is the library's own.
std::string callOf(std::string_view kind, const std::type_info& type) {
  const std::string name = typeName(type);
  if (!name.starts_with("bight::")) return std::string(kind) + name;
  return std::string(kind.substr(0, kind.size() - std::string_view(" of ").size()));
}

}  // namespace

void ReactorBase::turn(Duration until) {
  struct InTurn {
    ReactorBase& reactor;
    explicit InTurn(ReactorBase& r) : reactor(r) {
      reactor.inTurn_ = true;
      if (!reactor.inRun_) reactor.vitals_->enter();
    }
    ~InTurn() {
      reactor.inTurn_ = false;
      const std::uint64_t took = reactor.slow_.takeTurn();
      if (took > reactor.vitals_->longestTurn.get()) reactor.vitals_->longestTurn.set(took);
      if (!reactor.inRun_) reactor.vitals_->leave();
    }
  } const inTurn(*this);
  vitals_->turns.add(1);
  const bool nothing =
      !threadQueue_->pending() && soon_.empty() && timers_.empty() && !stopRequested_ && writeBatch_.empty();
  if (!nothing && !runCalls(until)) return;
  pollOnce(until);
}

bool ReactorBase::runCalls(Duration& until) {
  const bool wasLooping = looping_;
  if (threadQueue_->pending() || !soon_.empty()) runQueues();
  if (!timers_.empty()) runTimers();
  if (stopRequested_ && !shutdownFired_) [[unlikely]] {
    shutdownFired_ = true;
    events_.fire("shutdown");
  }
  sendWritten();
  if (wasLooping && !looping_) return false;
  if (stopRequested_ && !shutdownFired_) until = Poller::dontWait;  // what was just let go of has called stop()
  if (threadQueue_->pending() || !soon_.empty()) {
    until = Poller::dontWait;
  } else if (!timers_.empty() && timers_.top() < until) {
    until = timers_.top();
  }
  return true;
}

void ReactorBase::pollOnce(Duration until) {
  // The wait itself is not timed: the first event begins the first span, and each one ends its own.
  slow_.forget();
  poller_->setBeforeNext([](void* self) noexcept { static_cast<ReactorBase*>(self)->eventsBegin(); });
  vitals_->waits();
  const Doing events([](const void* poller) { return static_cast<const Poller*>(poller)->presentEvent(); },
                     poller_.get());
  try {
    poller_->poll(until);
    vitals_->works();
    pollErrors_ = 0;
  } catch (...) {
    vitals_->works();
    if (simulated_) {
      looping_ = running_ = false;
      throw;
    }
    pollFailed();
    if (!looping_ && inRun_) throw;
  }
}

void ReactorBase::pollFailed() noexcept {
  report("Unexpected error in main loop.", Failure());
  descriptors_.preen();
  // A poller that cannot wait any more would have us spin.
  if (++pollErrors_ < 100) return;
  reactorLog().critical("the reactor cannot wait for events any more and ends its loop");
  looping_ = running_ = false;
}

void ReactorBase::runQueue(std::vector<Function<void()>>& calls, const char* context, const char* kind) noexcept {
  struct Subject {
    const char* kind;
    const Function<void()>* call;
  } subject{kind, nullptr};
  const Doing running(
      [](const void* of) {
        const auto& it = *static_cast<const Subject*>(of);
        return it.call ? callOf(it.kind, it.call->targetType()) : std::string();
      },
      &subject);
  for (Function<void()>& call : calls) {
    subject.call = &call;
    guarded(context, call);
    vitals_->calls.add(1);
    if (slow_.suspicious()) complainIfSlow([&] { return kind + typeName(call.targetType()); });
    call = nullptr;
    sendWritten();
  }
  calls.clear();
}

void ReactorBase::runQueues() noexcept {
  if (threadQueue_->pending()) {
    std::vector<Function<void()>> calls = std::move(taken_);
    threadQueue_->take(calls);
    slow_.begin();
    runQueue(calls, "Unhandled Error while calling from thread", "a call from a thread of ");
    taken_ = std::move(calls);  // for its memory
  }
  if (!soon_.empty()) {
    std::vector<Function<void()>> calls = std::exchange(soon_, std::move(taken_));
    slow_.begin();
    runQueue(calls, "Unhandled Error in a call of the next turn", "a call of the next turn of ");
    taken_ = std::move(calls);
  }
}

void ReactorBase::runTimers() noexcept {
  const Duration now = seconds();
  if (timers_.top() > now) return;
  passTime_ = now;
  slow_.begin();
  const bool wasLooping = looping_;
  do {
    {
      TimerHeap::Due due = timers_.pop();
      const Doing running(
          [](const void* of) {
            return callOf("a timed call of ", static_cast<const TimerHeap::Due*>(of)->targetType());
          },
          &due);
      guarded("Unhandled Error while handling timed call", due);
      vitals_->timers.add(1);
      if (slow_.suspicious()) complainIfSlow([&due] { return "a timed call of " + typeName(due.targetType()); });
    }
    sendWritten();
  } while (!timers_.empty() && timers_.top() <= now && !(wasLooping && !looping_));
}

void ReactorBase::complain(Duration took, const std::string& what) {
  vitals_->slow.add(1);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  reactorLog().warn("the reactor was held up for " + std::to_string(milliseconds) + " ms by " + what +
                    "; long work belongs into a thread (deferToThread)");
}

}  // namespace bight::detail
