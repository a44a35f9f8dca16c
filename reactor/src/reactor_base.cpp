// One turn of the loop:
//
//   ┌─▶ calls from threads and callSoon, those that were there when it began, FIFO
//   │   timers whose time has come; the clock is read once; new ones wait for the next turn
//   │   the shutdown, if stop() was called
//   │   what was written leaves
//   └── wait for descriptors until the next timer; dispatch what is ready; after each, what was written leaves
//
// The clock is read only if there are timers; the poller is given a moment, not a span, and so needs no clock either.
//
// Shutdown: stop() only sets a flag. At the end of the turn's calls "shutdown" is fired; its `before` triggers may
// return Deferreds, and the loop turns on until they have fired. `during` begins with the reactor's own part: running()
// becomes false, everything owned and watched is told that it is lost, the pool is stopped. While the pool finishes,
// the queue from threads is still served: a thread that waits in blockingCallFromThread would otherwise hold up the
// end.
#include "reactor_base.hpp"

#include <signal.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/name_resolvers.hpp>
#include <bight/reactor_errors.hpp>

#include "log_unhandled.hpp"
#include "simulated_poller.hpp"

namespace bight::detail {
namespace {

const Logger& reactorLog() {
  static const Logger log("bight.reactor");
  return log;
}

}  // namespace

ReactorBase::ReactorBase(std::unique_ptr<Poller> poller)
    : poller_(std::move(poller)),
      simulated_(dynamic_cast<SimulatedPoller*>(poller_.get())),
      readBuffer_(std::make_unique_for_overwrite<char[]>(readBufferSize)),
      timers_(*this, &thread_),
      descriptors_(*poller_),
      waker_(*poller_),
      threadQueue_(std::make_shared<ThreadQueue>([this] { waker_.wake(); })),
      pool_(std::make_unique<ThreadPool>(0, 10, "reactor")),
      events_([this](std::string_view event) { duringEvent(event); },
              [this](const std::string& context, const Failure& failure) { report(context, failure); }) {
  logUnhandledFailures();
  slow_.setLimit(std::chrono::milliseconds(100));
  poller_->setAfterEach(
      [](void* self, const PollTarget* target) noexcept { static_cast<ReactorBase*>(self)->eventEnded(target); }, this);
  if (!simulated_) return;
  slow_.setLimit(Duration::zero());  // real time is of no interest
  pool_->workWithoutThreads([this] { callLater(simulated_->workTime(), [this] { pool_->workHere(); }); });
  simulated_->attach(*this);
}

ReactorBase::~ReactorBase() {
  thread_.bindHere();
  if (inRun_)
    reactorLog().critical("a reactor is destroyed while it runs: call stop(), and destroy it after run() has returned");
  end();
  poller_->setAfterEach(nullptr, nullptr);
  poller_->setBeforeNext(nullptr);
  if (simulated_) simulated_->detach();
}

void ReactorBase::end() noexcept {
  running_ = looping_ = false;
  stopped_ = true;
  leaveStopSignals();
  const Failure reason(ConnectionLost("The reactor was destroyed."));
  disconnectAll(reason);
  signals_.reset();
  // From here on threads find nobody; whoever waits for an answer is told so. Only then is it safe to wait for them.
  threadQueue_->close().clear();
  guarded("The reactor's thread pool could not be stopped", [this] { pool_->stop(poolPatience_); });
  for (const auto& [key, pending] : std::exchange(pending_, {})) {
    guarded("Unhandled Error in what waited for a thread when the reactor was destroyed", [&] { pending->abandon(); });
  }
  // What waits to be called dies while all is still here that its captures may come back to.
  timers_.cancelAll();
  std::exchange(soon_, {}).clear();
  events_.clear();
  disconnectAll(reason);
  sendWritten();
  life_.reset();
}

// ---- running and stopping ----

void ReactorBase::refuseInsideTurn(const char* what) const {
  if (inTurn_) {
    throw std::logic_error(std::string(what) +
                           " was called from inside a turn of this reactor; return instead, and let the loop go on");
  }
}

void ReactorBase::enter(RunOptions options) {
  if (inRun_) throw ReactorAlreadyRunning("Reactor already running!");
  if (stopped_) {
    throw ReactorNotRestartable("This reactor has been stopped and stays so; make a new one with makeReactor()");
  }
  refuseInsideTurn("run");
  thread_.bindHere();
  vitals_->enter();
  inRun_ = looping_ = true;
  stopRequested_ = shutdownFired_ = false;
  exitSignal_.reset();
  installSignals_ = options.installSignalHandlers;
  drainLimit_ = options.drainLimit;
}

void ReactorBase::leave() noexcept {
  leaveStopSignals();
  if (drainCall_.active()) drainCall_.cancel();
  inRun_ = looping_ = running_ = false;
  vitals_->leave();
}

void ReactorBase::runWith(RunOptions options) {
  enter(options);
  struct Leaving {
    ReactorBase& reactor;
    ~Leaving() { reactor.leave(); }
  } const leaving{*this};
  events_.fire("startup");
  while (looping_) turn(Poller::forever);
}

void ReactorBase::iterateFor(Duration delay) {
  checkThread("iterate");
  refuseInsideTurn("iterate");
  if (inRun_) throw std::logic_error("iterate was called inside run()");
  turn(delay <= Duration::zero() ? Poller::dontWait : TimerHeap::later(seconds(), delay));
}

// ---- in a simulation ----

Duration ReactorBase::simulatedTime() const noexcept {
  return simulated_->now();
}

Descriptor ReactorBase::openSocket(int family, int type) {
  return simulated_ ? simulated_->openSocket(family, type) : detail::openSocket(family, type);
}

void ReactorBase::notSimulated(const char* what) const {
  if (simulated_)
    throw std::logic_error(std::string(what) +
                           ": a simulated reactor has no system below; use a reactor from makeReactor() for this, or "
                           "testing::MemoryReactor");
}

void ReactorBase::begin() {
  enter({});
  events_.fire("startup");
}

void ReactorBase::turnOnce() {
  turn(Poller::dontWait);
  if (inRun_ && !looping_) leave();
}

Duration ReactorBase::nextTurn() const noexcept {
  if (threadQueue_->pending() || !soon_.empty() || !writeBatch_.empty() || (stopRequested_ && !shutdownFired_))
    return Poller::dontWait;
  return timers_.empty() ? Poller::forever : timers_.top();
}

void ReactorBase::receiveSignal(int number) {
  callSoon([this, number] { signalled(number); });
}

void ReactorBase::stop() {
  checkThread("stop");
  if (!inRun_ || !looping_ || stopRequested_) throw ReactorNotRunning("Can't stop reactor that isn't running.");
  stopRequested_ = true;
}

void ReactorBase::crash() {
  checkThread("crash");
  looping_ = running_ = false;
}

// ---- signals ----

SignalWatch& ReactorBase::signalWatch() {
  if (!signals_) signals_ = std::make_unique<SignalWatch>(*poller_, [this](int number) { signalled(number); });
  return *signals_;
}

void ReactorBase::takeStopSignals() {
  if (simulated_) {
    stopSignals_ = {SIGINT, SIGTERM};
    return;
  }
  if (signalWatch().add(SIGINT, true)) stopSignals_.push_back(SIGINT);
  if (signalWatch().add(SIGTERM)) stopSignals_.push_back(SIGTERM);
}

void ReactorBase::leaveStopSignals() noexcept {
  for (const int number : std::exchange(stopSignals_, {}))
    if (signals_) signals_->remove(number);
}

SignalCallback ReactorBase::addSignalCallback(int number, Function<void(int)> call) {
  checkThread("onSignal");
  if (!call) throw std::invalid_argument("onSignal: the function is empty");
  if (!simulated_) signalWatch().add(number);
  signalUsers_.push_back({++lastSignalUser_, number, std::make_shared<Function<void(int)>>(std::move(call))});
  return {lastSignalUser_};
}

void ReactorBase::removeSignalCallback(SignalCallback callback) {
  checkThread("removeSignalCallback");
  const auto found = std::find_if(signalUsers_.begin(), signalUsers_.end(),
                                  [callback](const SignalUser& each) { return each.id == callback.id; });
  if (found == signalUsers_.end())
    throw std::invalid_argument("removeSignalCallback: there is no such callback (any more)");
  const auto dying = std::move(found->call);  // what it captured may come back here while it dies
  const int number = found->number;
  signalUsers_.erase(found);
  if (signals_) signals_->remove(number);
}

void ReactorBase::signalled(int number) noexcept {
  if (number == SIGCHLD && !children_.empty()) reapChildren();
  // Those who are there now; whoever is removed by one before is not called.
  std::vector<std::uint64_t> ids;
  for (const SignalUser& each : signalUsers_)
    if (each.number == number) ids.push_back(each.id);
  for (const std::uint64_t id : ids) {
    const auto found =
        std::find_if(signalUsers_.begin(), signalUsers_.end(), [id](const SignalUser& each) { return each.id == id; });
    if (found == signalUsers_.end()) continue;
    const auto call = found->call;
    guarded("Unhandled Error in a callback for a signal", [&] { (*call)(number); });
    sendWritten();
  }
  const bool stops = std::find(stopSignals_.begin(), stopSignals_.end(), number) != stopSignals_.end();
  if (ids.empty() && stops) stopForSignal(number);
}

void ReactorBase::stopForSignal(int number) noexcept {
  const bool first = !exitSignal_;
  exitSignal_ = number;
  if (first && looping_) {
    // A shutdown that the program began itself has had no limit so far.
    reactorLog().info("Received " + std::string(signalName(number)) +
                      (stopRequested_ ? ", shutting down already; once more stops at once." : ", shutting down."));
    stopRequested_ = true;
    limitDrain();
  } else {
    reactorLog().warn("Received " + std::string(signalName(number)) + " again, stopping at once.");
    stopped_ = true;
    poolPatience_ = Duration::zero();
    looping_ = running_ = false;
  }
}

void ReactorBase::limitDrain() noexcept {
  if (drainLimit_ <= Duration::zero()) return;
  guarded("The shutdown has no limit", [this] {
    drainCall_ = callLater(drainLimit_, [this] {
      if (!events_.hurry("shutdown")) return;
      reactorLog().warn("what was to happen before the shutdown has not ended within " +
                        std::to_string(std::chrono::duration<double>(drainLimit_).count()) +
                        " s (RunOptions::drainLimit); the shutdown goes on without it");
    });
  });
}

void ReactorBase::stopAsSignalled(int number) {
  checkThread("stop");
  if (!looping_ || exitSignal_) return;
  exitSignal_ = number;
  stopRequested_ = true;
  limitDrain();
}

void ReactorBase::serveCallsUntilNone(const std::atomic<std::size_t>& left) noexcept {
  vitals_->enter();
  while (left.load() > 0 && pollErrors_ < 100) {
    runQueues();
    sendWritten();
    if (left.load() > 0 && !threadQueue_->pending()) pollOnce(Poller::forever);
  }
  runQueues();  // what was sent before the last one left
  sendWritten();
  vitals_->leave();
}

void ReactorBase::duringEvent(std::string_view event) {
  if (event == "startup") {
    if (!looping_) return;
    running_ = true;
    if (installSignals_ && stopSignals_.empty()) {
      guarded("Signals will not stop this reactor", [this] { takeStopSignals(); });
    }
    guarded("The reactor's thread pool could not be started", [this] { pool_->start(); });
  } else if (event == "shutdown") {
    running_ = looping_ = false;
    stopped_ = true;
    disconnectAll(Failure(ConnectionLost()));
    stopThreadPool();
  }
}

void ReactorBase::disconnectAll(const Failure& reason) noexcept {
  // Oldest first. A connectionLost that connects again gets the same answer in the next round, but not for ever.
  for (int round = 0; round < 16 && newestOwned_; ++round) {
    std::size_t count = 0;
    for (const Owned* each = newestOwned_; each; each = each->older_) ++count;
    for (; count > 0 && oldestOwned_; --count) {
      Owned* each = oldestOwned_;
      disown(*each);
      guarded("Unhandled Error while disconnecting", [&] { each->disconnect(reason); });
    }
    sendWritten();
  }
  if (newestOwned_) {
    reactorLog().error(
        "something opens a new connection whenever one is lost, also during the shutdown; it is left behind");
    while (newestOwned_) disown(*newestOwned_);
  }
  for (const auto& selectable : descriptors_.removeAll()) {
    guarded("Unhandled Error in connectionLost of a descriptor", [&] { selectable->connectionLost(reason); });
  }
  sendWritten();
}

void ReactorBase::stopThreadPool() noexcept {
  guarded("The reactor's thread pool could not be stopped", [this] {
    pool_->refuse();
    pool_->setIdleHook([queue = threadQueue_] { queue->push([] {}); });
    while (simulated_ && pool_->workHere()) runQueues();
    const Duration limit = TimerHeap::later(seconds(), poolPatience_);
    while (pool_->working() + pool_->queued() > 0 && poolPatience_ > Duration::zero() && seconds() < limit) {
      runQueues();
      sendWritten();
      if (!threadQueue_->pending() && pool_->working() + pool_->queued() > 0) pollOnce(limit);
    }
    const std::size_t left = pool_->stop(Duration::zero());
    if (left > 0) {
      reactorLog().error(
          std::to_string(left) + " calls of the reactor's thread pool are left behind: they had not ended " +
          std::to_string(std::chrono::duration<double>(poolPatience_).count()) + " s after the shutdown began");
    }
    runQueues();  // their last results
    sendWritten();
  });
}

// ---- the turn ----

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
  for (Function<void()>& call : calls) {
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

// ---- what users and transports call ----

void ReactorBase::removeSystemEventTrigger(SystemEventTrigger trigger) {
  checkThread("removeSystemEventTrigger");
  events_.remove(trigger);
}

void ReactorBase::fireSystemEvent(std::string_view event) {
  checkThread("fireSystemEvent");
  events_.fire(event);
}

SystemEventTrigger ReactorBase::addTrigger(Phase phase, std::string_view event, TriggerCall call) {
  checkThread("addSystemEventTrigger");
  return events_.add(phase, event, std::move(call));
}

DelayedCall ReactorBase::callLater(Duration delay, Function<void()> call) {
  checkThread("callLater");
  if (delay < Duration::zero()) throw std::invalid_argument("callLater: the delay is negative");
  const Duration deadline = TimerHeap::later(seconds(), delay);
  // Never part of the pass that may be running (B12), also if the clock has not moved since.
  return timers_.add(deadline > passTime_ ? deadline : passTime_ + Duration(1), std::move(call));
}

std::vector<DelayedCall> ReactorBase::getDelayedCalls() const {
  checkThread("getDelayedCalls");
  return timers_.sorted();
}

void ReactorBase::callFromThread(Function<void()> call) {
  if (!call) throw std::invalid_argument("callFromThread: the function is empty");
  threadQueue_->push(std::move(call), !isInIOThread());
}

void ReactorBase::callInThread(Function<void()> call) {
  pool_->callInThread(std::move(call));
}

void ReactorBase::suggestThreadPoolSize(std::size_t size) {
  pool_->adjustPoolsize(0, size);
}

ThreadPool& ReactorBase::getThreadPool() {
  return *pool_;
}

std::shared_ptr<NameResolver> ReactorBase::nameResolver() {
  checkThread("nameResolver");
  if (!resolver_ && simulated_) resolver_ = simulated_->names();
  if (!resolver_)
    resolver_ = std::make_shared<CachingNameResolver>(std::make_shared<ThreadedNameResolver>(*this, *this), *this);
  return resolver_;
}

std::shared_ptr<NameResolver> ReactorBase::installNameResolver(std::shared_ptr<NameResolver> resolver) {
  checkThread("installNameResolver");
  if (!resolver) throw std::invalid_argument("installNameResolver needs a resolver, and got a null pointer");
  auto former = nameResolver();
  resolver_ = std::move(resolver);
  return former;
}

void ReactorBase::keepPending(std::shared_ptr<Pending> pending) {
  checkThread("deferToThread");
  const Pending* key = pending.get();
  pending_.emplace(key, std::move(pending));
}

void ReactorBase::forgetPending(const Pending& pending) noexcept {
  pending_.erase(&pending);
}

void ReactorBase::addReader(std::shared_ptr<Selectable> reader) {
  checkThread("addReader");
  notSimulated("addReader");
  descriptors_.addReader(std::move(reader));
}
void ReactorBase::addWriter(std::shared_ptr<Selectable> writer) {
  checkThread("addWriter");
  notSimulated("addWriter");
  descriptors_.addWriter(std::move(writer));
}
void ReactorBase::removeReader(const std::shared_ptr<Selectable>& reader) {
  checkThread("removeReader");
  descriptors_.removeReader(reader);
}
void ReactorBase::removeWriter(const std::shared_ptr<Selectable>& writer) {
  checkThread("removeWriter");
  descriptors_.removeWriter(writer);
}
std::vector<std::shared_ptr<Selectable>> ReactorBase::removeAll() {
  checkThread("removeAll");
  return descriptors_.removeAll();
}
std::vector<std::shared_ptr<Selectable>> ReactorBase::getReaders() const {
  checkThread("getReaders");
  return descriptors_.readers();
}
std::vector<std::shared_ptr<Selectable>> ReactorBase::getWriters() const {
  checkThread("getWriters");
  return descriptors_.writers();
}

void ReactorBase::setSlowCallbackLimit(Duration limit) {
  checkThread("setSlowCallbackLimit");
  if (limit < Duration::zero()) throw std::invalid_argument("setSlowCallbackLimit: the limit is negative");
  slow_.setLimit(limit);
}

void ReactorBase::forgetLongestTurn() {
  checkThread("forgetLongestTurn");
  vitals_->longestTurn.set(0);
}

void ReactorBase::setThreadPoolPatience(Duration limit) {
  checkThread("setThreadPoolPatience");
  if (limit < Duration::zero()) throw std::invalid_argument("setThreadPoolPatience: the limit is negative");
  poolPatience_ = limit;
}

void ReactorBase::callSoon(Function<void()> call) {
  soon_.push_back(std::move(call));
}

void ReactorBase::own(Owned& owned) noexcept {
  if (isOwned(owned)) return;
  owned.older_ = newestOwned_;
  (newestOwned_ ? newestOwned_->newer_ : oldestOwned_) = &owned;
  newestOwned_ = &owned;
}

void ReactorBase::disown(Owned& owned) noexcept {
  if (!isOwned(owned)) return;
  (owned.newer_ ? owned.newer_->older_ : newestOwned_) = owned.older_;
  (owned.older_ ? owned.older_->newer_ : oldestOwned_) = owned.newer_;
  owned.newer_ = owned.older_ = nullptr;
}

void ReactorBase::report(std::string_view context, const Failure& failure) noexcept {
  reactorLog().failure(context, failure);
}

}  // namespace bight::detail
