// How a group lives
// -----------------
// Each reactor runs in its own thread; all that passes between them is calls in their queues, and what is behind one
// mutex here. Nothing is called with the mutex held.
//
// Setup: when all reactors run, the steps are done one after the other, each on reactor 0, 1, … in turn, by calls from
// one to the next. So the function of a step is never in two threads at once, and what it did is seen by its next call.
//
// Stop: the first reactor whose shutdown begins, for whatever reason, tells the others. Each holds at the end of its
// phase `before` and goes on serving; when the last has come so far, all go on. One that crashes counts as having come
// so far, and makes the others crash. After run() each makes the calls that still arrive, until all have left their
// loops: so what connectionLost() on one tells another one is not lost. Then each lets go of all it has, in its thread.
#include "group_state.hpp"

#include <exception>
#include <stdexcept>
#include <thread>
#include <utility>

#include <bight/log.hpp>
#include <bight/reactor_errors.hpp>

#include "group_port.hpp"

namespace bight::detail {
namespace {

/// Whose thread is this?
struct Here {
  const GroupState* group = nullptr;
  std::size_t index = 0;
};
constinit thread_local Here threadHere{};

const Logger& groupLog() {
  static const Logger log("bight.group");
  return log;
}

void stopUnlessStopping(ReactorBase& reactor) {
  try {
    reactor.stop();
  } catch (const ReactorNotRunning&) {
    // Somebody was faster.
  }
}

}  // namespace

GroupState::GroupState(std::vector<std::unique_ptr<Reactor>> reactors)
    : drained_(reactors.size()), members_(reactors.size()) {
  reactors_.reserve(reactors.size());
  for (auto& each : reactors) {
    // What makeReactor() makes is one.
    reactors_.emplace_back(static_cast<ReactorBase*>(each.release()));
    wire(reactors_.size() - 1);
  }
}

GroupState::~GroupState() {
  if (begun() && !ended())
    groupLog().critical(
        "a ReactorGroup is destroyed while it runs: call stop(), and destroy it after run() has returned");
  dropSteps();
}

void GroupState::wire(std::size_t index) {
  ReactorBase& reactor = at(index);
  reactor.callWhenRunning([this] { began(); });
  reactor.addSystemEventTrigger(Phase::before, "shutdown", [this, index] { shutdownBegan(index); });
  reactor.holdShutdown([this, index] { drained(index); });
  reactor.addSystemEventTrigger(Phase::during, "shutdown", [this, index] { members_[index].shutDown = true; });
}

std::optional<std::size_t> GroupState::here() const noexcept {
  if (threadHere.group != this) return std::nullopt;
  return threadHere.index;
}

ReactorBase& GroupState::asking() const {
  if (threadHere.group == this) return at(threadHere.index);
  // Before the run they all belong to the thread that made them, which will most likely be that of the first.
  if (!begun() && at(0).isInIOThread()) return at(0);
  throw std::logic_error(
      "a Deferred fires in the thread of a reactor, and this thread belongs to none of the group; use callFromThread, "
      "or "
      "blockingCallFromThread(group[index], f) to wait for the result");
}

bool GroupState::begun() const noexcept {
  const std::lock_guard lock(mutex_);
  return life_ != Life::made;
}

bool GroupState::ended() const noexcept {
  const std::lock_guard lock(mutex_);
  return life_ == Life::ended;
}

std::optional<int> GroupState::exitSignal() const noexcept {
  const std::lock_guard lock(mutex_);
  return exitSignal_;
}

// ---- running and stopping ----

void GroupState::run(const RunOptions& options) {
  {
    const std::lock_guard lock(mutex_);
    if (life_ == Life::running) throw ReactorAlreadyRunning("this ReactorGroup runs already");
    if (life_ == Life::ended)
      throw ReactorNotRestartable("this ReactorGroup has run; it cannot run again: make a new one");
    life_ = Life::running;
    undrained_ = size();
    inside_ = size();
  }
  RunOptions others = options;
  others.installSignalHandlers = false;  // the first tells them
  std::vector<std::thread> threads;
  try {
    threads.reserve(size() - 1);
    for (std::size_t index = 1; index < size(); ++index)
      threads.emplace_back([this, index, &others] { runOne(index, others); });
  } catch (...) {
    fail(Failure());
    for (std::size_t index = threads.size() + 1; index < size(); ++index) {
      drained(index);
      left();
    }
  }
  runOne(0, options);
  for (std::thread& each : threads) each.join();
  std::optional<Failure> failure;
  {
    const std::lock_guard lock(mutex_);
    life_ = Life::ended;
    failure = std::move(failure_);
  }
  dropSteps();
  if (failure) failure->raise();
}

void GroupState::runOne(std::size_t index, const RunOptions& options) noexcept {
  ReactorBase& reactor = at(index);
  threadHere = {this, index};
  try {
    reactor.run(options);
    if (!members_[index].shutDown) crashAll(reactor.exitSignal().has_value());
  } catch (...) {
    fail(Failure());
  }
  drained(index);
  left();
  reactor.serveCallsUntilNone(inside_);
  for (const auto& each : std::exchange(members_[index].ports, {}))
    if (const auto port = each.lock()) port->leave(index);
  reactor.end();
  threadHere = {};
}

void GroupState::whenLeaving(std::size_t index, std::weak_ptr<GroupTcpPort> port) {
  auto& ports = members_[index].ports;
  std::erase_if(ports, [](const auto& each) { return each.expired(); });
  ports.push_back(std::move(port));
}

void GroupState::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (life_ == Life::made) throw ReactorNotRunning("Can't stop a ReactorGroup that isn't running.");
    if (life_ == Life::ended || std::exchange(stopping_, true)) return;
  }
  stopAll(std::nullopt);
}

void GroupState::stopAll(std::optional<int> signal) {
  for (const auto& each : reactors_) {
    each->callFromThread([&reactor = *each, signal] {
      if (signal)
        reactor.stopAsSignalled(*signal);
      else
        stopUnlessStopping(reactor);
    });
  }
}

/// @param hasty by a second signal: nobody waits for the pools either
void GroupState::crashAll(bool hasty) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (const auto& each : reactors_) {
    each->callFromThread([&reactor = *each, hasty] {
      if (hasty) reactor.setThreadPoolPatience(Duration::zero());
      reactor.crash();
    });
  }
}

void GroupState::fail(const Failure& failure) {
  bool first;
  bool stop;
  {
    const std::lock_guard lock(mutex_);
    first = !failure_;
    if (first) failure_ = failure;
    stop = !std::exchange(stopping_, true);
  }
  if (!first) groupLog().failure("another failure, while the group stops because of the first", failure);
  if (stop) stopAll(std::nullopt);
}

/// In the thread of that reactor, as all below.
void GroupState::shutdownBegan(std::size_t index) {
  const std::optional<int> signal = at(index).exitSignal();
  {
    const std::lock_guard lock(mutex_);
    const bool known = std::exchange(stopping_, true);
    if (known && (!signal || exitSignal_)) return;
    exitSignal_ = signal;
  }
  stopAll(signal);
}

void GroupState::drained(std::size_t index) {
  {
    const std::lock_guard lock(mutex_);
    if (drained_[index]) return;
    drained_[index] = true;
    if (--undrained_ > 0) return;
  }
  // By a timer: not in the midst of the calls that came with this one, which are then still made before.
  for (const auto& each : reactors_)
    each->callFromThread(
        [&reactor = *each] { reactor.callLater(Duration::zero(), [&reactor] { reactor.finishShutdown(); }); });
}

void GroupState::left() noexcept {
  if (--inside_ > 0) return;
  for (const auto& each : reactors_) each->callFromThread([] {});  // they look at the number after each call
}

// ---- steps ----

void GroupState::add(GroupStep step, bool setupOnly) {
  {
    const std::lock_guard lock(mutex_);
    if (life_ == Life::ended) throw std::logic_error("this ReactorGroup has ended; make a new one");
    if (setupOnly && life_ != Life::made)
      throw std::logic_error("ReactorGroup::each is for the setup, before run(); in a running group use deferToEach");
    steps_.push_back({std::move(step), life_ == Life::made});
  }
  advance();
}

void GroupState::began() {
  {
    const std::lock_guard lock(mutex_);
    ++begun_;
  }
  advance();
}

/// Has the next step done on the next reactor, if it is time.
void GroupState::advance() {
  std::size_t index;
  {
    const std::lock_guard lock(mutex_);
    if (begun_ < size() || stopping_ || stepRuns_ || steps_.empty()) return;
    stepRuns_ = true;
    index = stepAt_;
  }
  at(index).callFromThread([this, index] { runStep(index); });
}

void GroupState::runStep(std::size_t index) {
  GroupStep* step;
  {
    const std::lock_guard lock(mutex_);
    step = &steps_.front().step;  // stays there until stepEnded()
  }
  std::optional<Deferred<void>> waits;
  try {
    waits = step->run(at(index), index);
  } catch (...) {
    stepEnded(index, Failure());
    return;
  }
  if (!waits) {
    stepEnded(index, std::nullopt);
    return;
  }
  // It may fire when the group is gone.
  std::move(*waits).addBoth([weak = weak_from_this(), index](Result<void> result) {
    if (const auto self = weak.lock())
      self->stepEnded(index, result ? std::nullopt : std::optional<Failure>(result.failure()));
  });
}

void GroupState::stepEnded(std::size_t index, std::optional<Failure> failure) {
  std::optional<Queued> ended;
  {
    const std::lock_guard lock(mutex_);
    // While all stop, a Deferred that is given up fails, too; what is left of the steps ends with the group.
    if (steps_.empty() || (stopping_ && !failure)) return;
    if (stopping_ && failure->check<AbandonedError, CancelledError>()) return;
    stepRuns_ = false;
    ++stepAt_;
    if (failure || stepAt_ == size() || steps_.front().step.firstOnly) {
      stepAt_ = 0;
      ended = std::move(steps_.front());
      steps_.pop_front();
    }
  }
  if (ended) {
    if (ended->step.done)
      at(index).guarded("Unhandled Error in a step of a group",
                        [&] { ended->step.done(failure ? &*failure : nullptr); });
    if (failure && ended->fatal) fail(*failure);
  }
  advance();
}

void GroupState::dropSteps() noexcept {
  const Failure why{AbandonedError()};
  std::deque<Queued> steps;
  {
    const std::lock_guard lock(mutex_);
    steps.swap(steps_);
  }
  for (Queued& each : steps)
    if (each.step.done) each.step.done(&why);
}

}  // namespace bight::detail
