// What a chain tells of itself: to a recorder, to the failures that pass through it, and to who prints it. Nothing of this
// is on the way of a value that nobody records.
#include <bight/detail/chain.hpp>

#include <cxxabi.h>
#include <cstdio>
#include <string>
#include <utility>

#include <bight/errors.hpp>
#include <bight/unhandled.hpp>

#include "path.hpp"
#include "recorder.hpp"
#include "runner.hpp"
#include "watch.hpp"

namespace bight::detail {

// ---- to a recorder ----

/// As runStages(), and tells the recorder.
void Chain::runTraced(Runner& runner, Recorder& recorder) {
  using Kind = Recorder::Kind;
  recorder.number(*this);
  while (!stages_.empty() && pauses_ == 0) {
    Stage& stage = stages_.front();
    const std::size_t position = recorder.nextStage(*this, stage);
    const bool failing = failed();
    if (!(stage.type->sides & (failing ? StageType::onFailure : StageType::onValue))) {
      recorder.add(Kind::skipped, *this, position);
      if (failing) FailureState::went(failure(), FailureStep::Kind::skipped, stage.at, stage.type->kind);
      stages_.pop();
      continue;
    }
    const void* const before = failing ? FailureState::identity(failure()) : nullptr;
    const StageKind kind = stage.type->kind;
    recorder.add(kind == StageKind::await ? Kind::awaited : Kind::ran, *this, position);
    recorder.followed = Recording::none;
    try {
      stage.type->run(stage.functor(), *this);
    } catch (abi::__forced_unwind&) {
      throw;
    } catch (...) {
      setFailure(FailureState::caught(failed() ? &failure() : nullptr));
    }
    if (flags_ & cut) {
      stages_.clear();
      consume();
      return;
    }
    const bool stillRecorded = Recorder::isThere(&recorder);  // the stage may have ended the Tracer
    const std::size_t other = stillRecorded ? std::exchange(recorder.followed, Recording::none) : Recording::none;
    if (other != Recording::none) recorder.add(Kind::returnedDeferred, *this, position, other);
    if (waitingOn_) {
      if (stillRecorded) recorder.add(Kind::waits, *this, position, other);
      return;
    }
    if (stillRecorded && kind < StageKind::member) {
      if (other != Recording::none) {
        recorder.add(Kind::resumed, *this, position, other);
      } else {
        recorder.add(
            failed() && !(failing && FailureState::identity(failure()) == before) ? Kind::threw : Kind::returned, *this,
            position);
      }
    }
    if (failed()) failedAfter(stage, before);
    stages_.pop();
    if (runner.next) return;
    if (!stillRecorded) return runStages(runner);
  }
  if (!stages_.empty()) recorder.add(Kind::paused, *this);
}

Recorder* Chain::setRecorder(Recorder* recorder) noexcept {
  return std::exchange(Runner::ofThread.recorder, recorder);
}

Recorder* Chain::recorder() noexcept {
  return Runner::ofThread.recorder;
}

std::string Chain::resultInWords() {
  if (!held_) return {};
  if (failed()) return failure().typeName() + ": " + failure().getErrorMessage();
  if (held_ == &valueType<void>) return "nothing";
  std::string words;
  if (held_->describe) {
    held_->describe(slot_, words);
    return words;
  }
  return "a " + typeName(*held_->type);
}

// ---- the way of a failure ----

void Chain::wasIn(Failure& failure) const noexcept {
  FailureState::went(failure, flags_ & coroutine ? FailureStep::Kind::begun : FailureStep::Kind::created, created_);
}

void Chain::failedAfter(const Stage& stage, const void* before) noexcept {
  if (flags_ & followed) {  // it came with a Deferred that the stage returned, and follow() has told
    flags_ &= static_cast<std::uint16_t>(~followed);
    return;
  }
  if (FailureState::identity(failure()) == before) {
    if (stage.type->kind < StageKind::member)
      FailureState::went(failure(), FailureStep::Kind::passed, stage.at, stage.type->kind);
    return;
  }
  wasIn(failure());
  if (*fired().file_name()) FailureState::went(failure(), FailureStep::Kind::succeeded, fired());
  FailureState::wentNow(failure(), FailureStep::Kind::threw, stage.at, stage.type->kind);
}

void Chain::cameWith(const Stage& stage) noexcept {
  FailureState::went(failure(), FailureStep::Kind::returned, stage.at, stage.type->kind);
  wasIn(failure());
}

void Chain::cameOutOf(Failure& failure) const noexcept {
  // What the thread is doing says something of where it came up, not of the coroutines that it leaves.
  if (!FailureState::hasGone(failure)) {
    FailureState::wentNow(failure, FailureStep::Kind::begun, created_);
  } else {
    FailureState::went(failure, FailureStep::Kind::begun, created_);
  }
}

void Chain::startedWith(Failure& failure, FailureStep::Kind how, std::source_location at) const noexcept {
  Path* const path = FailureState::ownPath(failure);
  if (!path) return;
  path->add(flags_ & coroutine ? FailureStep::Kind::begun : FailureStep::Kind::created, created_);
  path->add(how, at);
  path->noteNow();
}

void Chain::fire(Failure failure, std::source_location at, FailureStep::Kind how) {
  if (!beginFire(at)) return;
  startedWith(failure, how, at);
  setFailure(std::move(failure));
  endFire(at);
}

void Chain::noteWaiting(std::source_location at) noexcept {
  const bool byStage = waitingOn_ && !(flags_ & coroutine);
  watchWaiting(*this, waitingOn_, at, byStage ? stages_.front().type->kind : StageKind::await);
}

// ---- to the hook of failures that nobody handles ----

void Chain::reportUnhandled() noexcept {
  const Failure failure = this->failure();
  consume();
  detail::reportUnhandled({failure, "Unhandled error in Deferred", created_, fired()});
}

// ---- to who prints it, or takes it for another ----

void Chain::throwRetyped(const ValueType& wanted, bool atHead) const {
  if (flags_ & coroutine && atHead)
    throw RetypedError(
        "bight: this Deferred belongs to a coroutine: it is fired by the coroutine's end, and by nothing else");
  if (atHead)
    throw RetypedError("bight: this chain is fired with a " + typeName(*head_->type) + ", not with a " +
                       typeName(*wanted.type) + ": fire it through the handle it began with, or through its Promise");
  throw RetypedError("bight: this chain carries a " + typeName(*end_->type) + " by now, not a " +
                     typeName(*wanted.type) + ": add the stage to the Deferred that the last addCallback returned");
}

std::string describe(const Chain& chain, const std::type_info& type) {
  const auto address = [](const Chain* c) {
    char text[24];
    std::snprintf(text, sizeof text, "%p", static_cast<const void*>(c));
    return std::string(text);
  };
  std::string text = "<Deferred<" + typeName(type) + "> at " + address(&chain);
  if (chain.waitingOn()) {
    text += " waiting on Deferred at " + address(chain.waitingOn());
  } else if (chain.isCalled() && chain.heldType()) {
    text += " current result: ";
    text += chain.failed() ? chain.failure().typeName() + ": " + chain.failure().getErrorMessage()
                           : typeName(*chain.heldType()->type);
  }
  if (chain.isPaused()) text += " paused";
  return text + ">";
}

}  // namespace bight::detail
