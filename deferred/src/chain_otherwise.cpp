// The way of failures through a chain, and of all that is recorded. It is apart from the way of values, which is to be short.
#include <bight/detail/chain.hpp>

#include <cxxabi.h>

#include "path.hpp"
#include "recorder.hpp"
#include "runner.hpp"
#include "watch.hpp"

namespace bight::detail {

/// Skips the stages that do not want a failure. Returns the identity of the failure if there is one to run, or null.
const void* Chain::skipStages() noexcept {
  const void* const identity = FailureState::identity(failure());
  if (stages_.front().type->sides & StageType::onFailure) return identity;
  Path* const path = FailureState::ownPath(failure());
  do {
    const Stage& stage = stages_.front();
    if (stage.type->sides & StageType::onFailure) return identity;
    if (path) path->add(FailureStep::Kind::skipped, stage.at, stage.type->kind);
    stages_.pop();
  } while (!stages_.empty() && pauses_ == 0);
  return nullptr;
}

Chain* Chain::Runner::watched(Chain* chain) noexcept {
  if (watchNew(*chain, chain->created_, chain->flags_ & coroutine)) chain->flags_ |= listed;
  return chain;
}

void Chain::Runner::otherwise(Chain& chain) {
  if (recorder) {
    if (Recorder* wanting = Recorder::of(recorder, chain)) return chain.runTraced(*this, *wanting);
  }
  while (!chain.stages_.empty() && chain.pauses_ == 0) {
    const void* before = nullptr;
    if (chain.failed()) {
      before = chain.skipStages();
      if (!before) return;
    }
    Stage& stage = chain.stages_.front();
    if (!before && !(stage.type->sides & StageType::onValue)) {
      chain.stages_.pop();
      continue;
    }
    try {
      stage.type->run(stage.functor(), chain);
    } catch (abi::__forced_unwind&) {
      throw;
    } catch (...) {
      chain.setFailure(FailureState::caught(chain.failed() ? &chain.failure() : nullptr));
    }
    if (chain.flags_ & cut) {
      chain.stages_.clear();
      chain.consume();
      return;
    }
    if (chain.waitingOn_) return;
    if (chain.failed()) chain.failedAfter(stage, before);
    chain.stages_.pop();
    if (next) return;
  }
}

}  // namespace bight::detail
