// The life of a reactor: run, stop, end. (reactor_turn.cpp has what happens between, reactor_signals.cpp what signals do,
// reactor_calls.cpp what is asked of it.)
//
// Shutdown: stop() only sets a flag. At the end of the turn's calls "shutdown" is fired; its `before` triggers may
// return Deferreds, and the loop turns on until they have fired. `during` begins with the reactor's own part: running()
// becomes false, everything owned and watched is told that it is lost, the pool is stopped. While the pool finishes,
// the queue from threads is still served: a thread that waits in blockingCallFromThread would otherwise hold up the
// end.
#include "reactor_base.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/name_resolvers.hpp>
#include <bight/reactor_errors.hpp>

#include "log_unhandled.hpp"
#include "reactor_log.hpp"
#include "simulated_poller.hpp"

namespace bight::detail {

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

// ---- the shutdown ----

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

}  // namespace bight::detail
