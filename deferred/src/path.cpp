#include "path.hpp"

#include <cstring>
#include <new>
#include <utility>

#include <bight/detail/activity.hpp>

#include "failure_state.hpp"
#include "free_list.hpp"

namespace bight {

namespace detail {

constinit thread_local const Activity* presentActivity = nullptr;

namespace {
using Blocks = FreeList<sizeof(Path), 256>;
}

Path* Path::make() {
  return ::new (Blocks::take()) Path;
}

Path* Path::own(Path* path) {
  if (path->references_.load(std::memory_order_acquire) == 1) return path;
  Path* copy = make();
  const std::uint32_t held = path->count_ < first + last ? path->count_ : first + last;
  std::memcpy(static_cast<void*>(copy->steps_), path->steps_, held * sizeof(Step));
  copy->count_ = path->count_;
  copy->noteCount_ = path->noteCount_;
  copy->notes_ = path->notes_;
  if (copy->notes_) copy->notes_->references.fetch_add(1, std::memory_order_relaxed);
  path->dropReference();
  return copy;
}

void Path::destroy() noexcept {
  Note* note = notes_;
  while (note && note->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    Note* before = note->before;
    delete note;
    note = before;
  }
  this->~Path();
  Blocks::give(this);
}

void Path::note() noexcept {
  if (noteCount_ >= mostNotes) return;
  try {
    std::string text = presentActivity->describe(presentActivity->subject);
    if (text.empty() || (notes_ && notes_->text == text)) return;  // that was told before
    Note* note = new Note;
    note->text = std::move(text);
    note->step = count_ - 1;
    note->before = std::exchange(notes_, note);
    ++noteCount_;
  } catch (...) {  // no memory: a story with a gap
  }
}

std::uint32_t FailureState::droppedSteps(const Failure& failure) noexcept {
  return failure.path_ ? failure.path_->dropped() : 0;
}

Path* FailureState::ownPath(Failure& failure) noexcept {
  if (!failure.state_) return nullptr;
  try {
    return failure.path_ = failure.path_ ? Path::own(failure.path_) : Path::make();
  } catch (...) {
    return nullptr;
  }
}

void FailureState::went(Failure& failure, FailureStep::Kind kind, std::source_location at, StageKind stage,
                        std::uint32_t index) noexcept {
  if (Path* path = ownPath(failure)) path->add(kind, at, stage, index);
}

void FailureState::wentNow(Failure& failure, FailureStep::Kind kind, std::source_location at,
                           StageKind stage) noexcept {
  if (Path* path = ownPath(failure)) {
    path->add(kind, at, stage, 0);
    path->noteNow();
  }
}

}  // namespace detail

std::vector<FailureStep> Failure::path() const {
  std::vector<FailureStep> steps;
  if (!path_) return steps;
  const detail::Path::Note* note = path_->notes();
  const std::uint32_t dropped = path_->dropped();
  steps.reserve(path_->count() - dropped);
  for (std::uint32_t i = path_->count(); i-- > 0;) {
    if (dropped && i >= detail::Path::first && i < detail::Path::first + dropped) {
      i = detail::Path::first;
      continue;
    }
    const detail::Path::Step& step = path_->step(i);
    while (note && note->step > i) note = note->before;
    steps.push_back({step.kind, step.stage, step.index, step.at, {}});
    if (note && note->step == i) steps.back().during = note->text;
  }
  return steps;
}

}  // namespace bight
