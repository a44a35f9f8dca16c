#include <bight/detail/chain.hpp>

#include <cxxabi.h>
#include <memory>
#include <stdexcept>
#include <string>

#include <bight/coroutine.hpp>
#include <bight/errors.hpp>

#include "free_list.hpp"
#include "path.hpp"
#include "recorder.hpp"
#include "runner.hpp"
#include "watch.hpp"

namespace bight::detail {

constinit thread_local Chain::Runner Chain::Runner::ofThread{};

namespace {

using Blocks = FreeList<sizeof(Chain), 4096>;

std::string at(std::source_location place) {
  const char* file = place.file_name();
  if (!file || !*file) return "an unknown place";
  return std::string(file) + ":" + std::to_string(place.line());
}

}  // namespace

Chain* Chain::make(const ValueType& head, const ValueType& end, std::source_location created) {
  if (watching.load(std::memory_order_relaxed)) [[unlikely]]
    return Runner::watched(::new (Blocks::take()) Chain(head, end, created));
  return ::new (Blocks::take()) Chain(head, end, created);
}

namespace {
/// What may be fired by the end of a coroutine alone has this type at its head.
struct FiredByCoroutine {};
}  // namespace

Chain* Chain::makeForCoroutine(const ValueType& end, std::source_location created) {
  Chain* chain = ::new (Blocks::take()) Chain(valueType<FiredByCoroutine>, end, created);
  chain->references_ = 2;
  chain->handles_ = 1;
  chain->promises_ = 1;
  chain->flags_ = coroutine;
  return watching.load(std::memory_order_relaxed) ? Runner::watched(chain) : chain;
}

inline Chain::~Chain() {
  if (!stages_.empty() || scope_ || (flags_ & (cancellable | traced | listed)) || failed()) [[unlikely]]
    endEverything();
  dropHeld();
}

void Chain::endEverything() noexcept {
  if (scope_) leaveScope();
  if (flags_ & listed) watchGone(*this, flags_ & called);
  if (flags_ & traced) {
    if (Recorder* recorder = Runner::ofThread.recorder) Recorder::endedIn(recorder, *this);
  }
  if (flags_ & counted) uncount();
  if (failed()) reportUnhandled();
  stages_.clear();
  if (flags_ & cancellable) takeCanceller();
}

// A value or a functor may own the next chain, and that one the next: such a row is taken down by a loop.
void Chain::destroy() noexcept {
  Runner& runner = Runner::ofThread;
  if (runner.destroying >= Runner::maxNesting) {
    next_ = runner.dying;
    runner.dying = this;
    return;
  }
  ++runner.destroying;
  this->~Chain();
  Blocks::give(this);
  if (runner.destroying == 1) {
    while (Chain* chain = runner.dying) {
      runner.dying = chain->next_;
      chain->~Chain();
      Blocks::give(chain);
    }
  }
  --runner.destroying;
}

// ---- running ----

void Chain::run() {
  Runner& runner = Runner::ofThread;
  if (flags_ & counted) uncount();
  if (runner.nesting >= Runner::maxNesting) {
    queueOn(runner);
    return;
  }
  const bool resuming = std::exchange(runner.resuming, false);
  ++runner.nesting;
  flags_ |= running;
  runStages(runner);
  if (runner.next) [[unlikely]] {
    addReference();
    drain(runner);
  } else {
    flags_ &= static_cast<std::uint16_t>(~running);
    if (failed()) settle();
  }
  if (runner.nesting == 1 && runner.queueFirst) drainQueue(runner);
  --runner.nesting;
  runner.resuming = resuming;
}

void Chain::queueOn(Runner& runner) noexcept {
  addReference();
  flags_ |= queued;
  next_ = nullptr;
  (runner.queueLast ? runner.queueLast->next_ : runner.queueFirst) = this;
  runner.queueLast = this;
}

void Chain::drainQueue(Runner& runner) {
  while (Chain* chain = runner.queueFirst) {
    runner.queueFirst = chain->next_;
    if (!runner.queueFirst) runner.queueLast = nullptr;
    chain->flags_ &= static_cast<std::uint16_t>(~queued);
    if (chain->runnable()) {
      chain->flags_ |= running;
      chain->runStages(runner);
      chain->drain(runner);
    } else {
      chain->settle();
      chain->dropReference();
    }
  }
}

/// Goes on after runStages() of this chain: runs those that its result was handed to, the latest first, then what is
/// left of each. Ends the caller's reference.
void Chain::drain(Runner& runner) {
  Chain* top = this;  // the chains in hand, each `running`, so that nothing else runs them or touches next_
  next_ = nullptr;
  for (;;) {
    if (Chain* next = std::exchange(runner.next, nullptr)) {
      if (!next->runnable()) {
        next->settle();
        next->dropReference();
      } else {
        if (next->flags_ & counted) next->uncount();
        next->next_ = top;
        next->flags_ |= running;
        top = next;
      }
    } else {
      Chain* done = top;
      top = done->next_;
      done->next_ = nullptr;
      done->flags_ &= static_cast<std::uint16_t>(~running);
      done->settle();
      done->dropReference();
      if (!top) return;
    }
    top->runStages(runner);
  }
}

// The way of a value, which is the usual one, has this function for itself: see chain_otherwise.cpp for the others.
void Chain::runStages(Runner& runner) {
  if (runner.recorder || failed()) [[unlikely]]
    return runner.otherwise(*this);
  while (!stages_.empty() && pauses_ == 0) {
    Stage& stage = stages_.front();
    if (!(stage.type->sides & StageType::onValue)) {
      stages_.pop();
      continue;
    }
    try {
      stage.type->run(stage.functor(), *this);
    } catch (abi::__forced_unwind&) {
      throw;  // the thread is being cancelled: not ours to stop (A21)
    } catch (...) {
      setFailure(FailureState::caught(failed() ? &failure() : nullptr));
    }
    if (flags_ & cut) [[unlikely]] {
      stages_.clear();
      consume();
      return;
    }
    if (waitingOn_) return;  // the stage stays alive until what it returned has fired
    if (failed()) [[unlikely]] {
      failedAfter(stage, nullptr);
      stages_.pop();
      if (!runner.next) runner.otherwise(*this);
      return;
    }
    stages_.pop();
    if (runner.next) return;
  }
}

// ---- coroutines ----

void Chain::runNext(Chain* chain) noexcept {
  Runner::ofThread.next = chain;
}

/// Resumes a coroutine. If that ended, and a coroutine alone waits for its chain, returns that chain.
inline Chain* Chain::resume(Runner& runner, std::coroutine_handle<> coroutine) {
  runner.resuming = true;
  coroutine.resume();
  runner.resuming = false;
  return std::exchange(runner.ended, nullptr);
}

// Coroutines that wait for each other end in a row, the innermost first. When one that this loop resumed ends, and a
// coroutine alone waits for its chain, the loop goes on with that one: no stack grows, and the chain in between need
// not be run.
void Chain::resumeRow(Resume resume) {
  Runner& runner = Runner::ofThread;
  for (;;) {
    if (resume.waiter) resume.waiter->setWaitingOn(nullptr);
    Chain* ended = Chain::resume(runner, resume.coroutine);
    if (!ended) return;
    resume = *std::launder(static_cast<Resume*>(ended->stages_.front().functor()));
    ended->stages_.forgetOnly();
  }
}

void Resume::run(void* functor, Chain&) {
  Chain::resumeRow(*std::launder(static_cast<Resume*>(functor)));
}

void Chain::endFireOfCoroutine() {
  if (flags_ & listed) [[unlikely]]
    watchFired(*this, std::source_location());
  Runner& runner = Runner::ofThread;
  if (stages_.empty() || !runnable()) {
    settle();
  } else if (std::exchange(runner.resuming, false)) {
    if (!runner.recorder && stages_.isOnly(stageType<Resume>)) {
      runner.ended = this;  // kept by the one who waits
    } else {
      addReference();
      runner.next = this;
    }
  } else {
    run();
  }
}

// ---- chaining ----

namespace {

struct Handover {
  Chain* waiter;

  static void run(void* functor, Chain& chain) {
    Chain* waiter = std::exchange(static_cast<Handover*>(functor)->waiter, nullptr);
    waiter->resumeWith(chain);
    Chain::runNext(waiter);
  }

  // Not run: the chain that should have brought the result is being destroyed.
  static void destroy(void* functor) noexcept {
    if (Chain* waiter = static_cast<Handover*>(functor)->waiter) {
      waiter->resumeAbandoned();
      waiter->dropReference();
    }
  }
};

constexpr StageType handover{&Handover::run, &Handover::destroy, sizeof(Stage) + sizeof(Handover), StageType::onBoth,
                             StageKind::handover};

}  // namespace

// What a stage had captured may bring about anything when it goes, also additions to this chain: those wait.
void Chain::popAlone() noexcept {
  flags_ |= running;
  stages_.pop();
  flags_ &= static_cast<std::uint16_t>(~running);
}

void Chain::resumeWith(Chain& inner) noexcept {
  takeResult(inner);
  setWaitingOn(nullptr);
  if (Runner::ofThread.recorder && (flags_ & traced)) [[unlikely]] {
    if (Recorder* recorder = Recorder::of(Runner::ofThread.recorder, *this)) recorder->resumed(*this, inner);
  }
  if (flags_ & cut) {
    consume();  // there is nothing left to run with it
  } else {
    if (failed()) [[unlikely]]
      cameWith(stages_.front());
    popAlone();  // the stage that returned `inner`
  }
}

void Chain::resumeAbandoned() noexcept {
  setWaitingOn(nullptr);
  if (flags_ & cut) return;
  setFailure(Failure(AbandonedError()));
  FailureState::wentNow(failure(), FailureStep::Kind::abandoned, std::source_location());
  cameWith(stages_.front());
  popAlone();
  if (runnable() && !stages_.empty()) {
    run();
  } else {
    settle();
  }
}

void Chain::follow(Chain* inner) {
  if (Runner::ofThread.recorder) [[unlikely]] {
    if (Recorder* recorder = Recorder::of(Runner::ofThread.recorder, *this))
      recorder->followed = recorder->number(*inner);
  }
  // Nobody is left who could fire it. It learns that now, not when its handle goes: what comes of that would meet the
  // stage that is still running.
  if (!inner->isCalled() && inner->handles_ == 1 && inner->promises_ == 0) inner->abandon();
  if (inner->ready()) {
    inner->handOver();
    takeResult(*inner);
    if (failed()) [[unlikely]] {
      cameWith(stages_.front());
      flags_ |= followed;
    }
    inner->dropHandle();
    return;
  }
  // Waiting for oneself, or for one that waits for this, would be for ever (A29). Rings are short: a few steps find
  // them.
  int steps = 32;
  for (Chain* c = inner; c && steps; c = c->waitingOn_, --steps) {
    if (c != this) continue;
    inner->dropHandle();
    setFailure(Failure(
        std::logic_error("bight: a callback returned the Deferred that it is attached to, or one that waits for it: "
                         "it would wait for itself for ever")));
    return;
  }
  if (inner->references_ == 1) {  // paused, and nobody is left to unpause it
    inner->dropHandle();
    setFailure(Failure(AbandonedError()));
    return;
  }
  setWaitingOn(inner, stages_.front().at);
  addReference();
  inner->append(handover, Handover{this}, std::source_location(), valueType<void>);
  inner->setAwaited();
  inner->dropHandle();
}

// ---- firing and cancelling ----

bool Chain::alreadyCalled() {
  if (flags_ & swallowOne) {
    flags_ &= static_cast<std::uint16_t>(~swallowOne);
    return false;
  }
  throw AlreadyCalledError("bight: this Deferred was already fired: created at " + at(created_) + ", first fired at " +
                           at(fired()));
}

void Chain::setCanceller(Canceller canceller, bool isPatient) {
  if (flags_ & called) return;  // there is nothing left to cancel
  keepCanceller(std::make_unique<Canceller>(std::move(canceller)));
  if (isPatient) flags_ |= patient;
}
void Chain::keepCanceller(std::unique_ptr<Canceller> canceller) noexcept {
  canceller_ = canceller.release();
  flags_ |= cancellable;
}
std::unique_ptr<Chain::Canceller> Chain::takeCanceller() noexcept {
  flags_ &= static_cast<std::uint16_t>(~cancellable);
  std::unique_ptr<Canceller> taken(canceller_);
  fired_ = {};
  return taken;
}
// The end of the canceller: what it had captured may look at this chain.
void Chain::firedFor(std::source_location at) noexcept {
  if (flags_ & listed) watchFired(*this, at);
  if (!(flags_ & cancellable)) return;
  const std::unique_ptr<Canceller> over = takeCanceller();
  fired_ = at;
}

void Chain::cancel() {
  Chain* target = this;
  while (target->waitingOn_) target = target->waitingOn_;  // A39
  if (Runner::ofThread.recorder) [[unlikely]] {
    if (Recorder* recorder = Recorder::of(Runner::ofThread.recorder, *this))
      recorder->add(Recorder::Kind::cancelled, *this);
  }
  if (target->flags_ & (called | cancelling | coroutine)) return;
  target->addReference();
  if (target->flags_ & cancellable) {
    std::unique_ptr<Canceller> canceller = target->takeCanceller();
    target->flags_ |= cancelling;
    target->addPromise();  // so that the Promise given to the canceller is not the last one
    try {
      (*canceller)(*target);
    } catch (abi::__forced_unwind&) {
      throw;
    } catch (...) {
      Failure failure;
      target->wasIn(failure);
      detail::reportUnhandled({failure, "a canceller threw", target->created_, target->fired()});
    }
    target->flags_ &= static_cast<std::uint16_t>(~cancelling);
    if (target->flags_ & called) {
      // It has fired the chain itself.
    } else if (target->flags_ & patient) {
      target->keepCanceller(std::move(canceller));
    } else {
      target->fire(Failure(CancelledError()), std::source_location(), FailureStep::Kind::cancelled);
    }
    target->dropPromise();
  } else if (target->beginFire(std::source_location())) {
    target->flags_ |= swallowOne;
    Failure cancelled(CancelledError{});
    target->startedWith(cancelled, FailureStep::Kind::cancelled, std::source_location());
    target->setFailure(std::move(cancelled));
    target->endFire(std::source_location());
  }
  target->dropReference();
}

void Chain::unpause() {
  if (pauses_ == 0) throw std::logic_error("bight: unpause() without a pause() before it");
  if (--pauses_ > 0) return;
  if (runnable() && !stages_.empty()) {
    run();
  } else {
    settle();
  }
}

void Chain::abandon() noexcept {
  if (flags_ & (called | cancelling)) return;
  fire(Failure(AbandonedError()), std::source_location(), FailureStep::Kind::abandoned);
}

// ---- failures that nobody handles ----

void Chain::settle() noexcept {
  if (!failed() || !stages_.empty() || pauses_ != 0 || waitingOn_ || (flags_ & (running | queued))) return;
  if (handles_ == 0) {
    reportUnhandled();
  } else if (!(flags_ & counted)) {
    flags_ |= counted;
    ++Runner::ofThread.failuresAtRest;
  }
}

void Chain::uncount() noexcept {
  flags_ &= static_cast<std::uint16_t>(~counted);
  --Runner::ofThread.failuresAtRest;
}

void Chain::lastHandleGone() noexcept {
  if (flags_ & called) {
    settle();
  } else if (promises_ == 0 && !(flags_ & cancelling)) {
    // Nothing can fire it any more. Who waits for it is told; otherwise its stages go, as they would with the chain.
    // With the last reference they go anyway, and by a loop: see destroy().
    Runner& runner = Runner::ofThread;
    if (flags_ & awaited) {
      abandon();
    } else if (!stages_.empty() && references_ > 1 && runner.destroying < Runner::maxNesting) {
      ++runner.destroying;
      addReference();
      if (flags_ & listed) {
        watchGone(*this, false);
        flags_ &= static_cast<std::uint16_t>(~listed);
      }
      flags_ |= called;
      stages_.clear();
      --runner.destroying;
      dropReference();
    }
  }
}

}  // namespace bight::detail

namespace bight {
std::size_t failuresAtRest() noexcept {
  return detail::Chain::failuresAtRest();
}
std::size_t detail::Chain::failuresAtRest() noexcept {
  return Runner::ofThread.failuresAtRest;
}
}  // namespace bight
