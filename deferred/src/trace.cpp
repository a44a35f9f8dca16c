#include <bight/trace.hpp>

#include <cstdio>
#include <stdexcept>
#include <utility>

#include "recorder.hpp"

namespace bight {

namespace detail {

namespace {

constexpr std::size_t mostChains = 2'000;
constexpr std::size_t mostStages = 10'000;  // of one chain

Recording::Stage described(const Stage& stage) {
  return {stage.type->kind, stage.at, (stage.type->sides & StageType::onValue) != 0,
          (stage.type->sides & StageType::onFailure) != 0};
}

}  // namespace

void describeValue(bool value, std::string& words) {
  words += value ? "true" : "false";
}
void describeValue(long long value, std::string& words) {
  words += std::to_string(value);
}
void describeValue(unsigned long long value, std::string& words) {
  words += std::to_string(value);
}
void describeValue(double value, std::string& words) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  words += text;
}
void describeValue(std::string_view value, std::string& words) {
  constexpr std::size_t most = 40;
  words += '"';
  for (const char c : value.substr(0, most)) words += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  // A text that is cut must not end within a character.
  if (value.size() > most) {
    while (!words.empty() && (static_cast<unsigned char>(value[most]) & 0xC0) == 0x80 &&
           (static_cast<unsigned char>(words.back()) & 0x80))
      words.pop_back();
    words += "…";
  }
  words += '"';
}

void Recorder::addWaiting(Recording::Chain& to, const Chain& chain, std::size_t consumed) {
  struct Walk {
    Recording::Chain& to;
    std::size_t position;
  } walk{to, consumed};
  chain.eachStage(
      [](void* context, const Stage& stage) {
        auto& [into, position] = *static_cast<Walk*>(context);
        if (position++ >= into.stages.size() && into.stages.size() < mostStages)
          into.stages.push_back(described(stage));
      },
      &walk);
}

std::size_t Recorder::number(Chain& chain) {
  const auto [found, isNew] = known_.try_emplace(&chain, Known{recording.chains.size()});
  Known& known = found->second;
  if (isNew) {
    recording.chains.push_back({chain.created(), chain.isCoroutine(), {}});
    addWaiting(recording.chains.back(), chain, 0);
    chain.setTraced();
  }
  const std::size_t number = known.number;
  if (chain.isCalled() && chain.heldType() && !std::exchange(known.fired, true))
    add(Kind::fired, chain, Recording::none, Recording::none, chain.fired());
  return number;
}

std::size_t Recorder::nextStage(Chain& chain, const Stage& stage) {
  Known& known = known_.at(&chain);
  auto& stages = recording.chains[known.number].stages;
  const std::size_t position = known.consumed++;
  if (position == stages.size()) stages.push_back(described(stage));
  return position;
}

void Recorder::add(Kind kind, Chain& chain, std::size_t stage, std::size_t other, std::source_location at) {
  if (recording.events.size() >= mostEvents_) {
    ++recording.dropped;
    return;
  }
  Recording::Event event{kind, number(chain), stage, other, chain.failed(), {}, at};
  if (kind != Kind::returnedDeferred && kind != Kind::waits && kind != Kind::cancelled)
    event.result = chain.resultInWords();
  if (event.result.empty()) event.failed = false;
  if (kind == Kind::ended && event.result == "nothing") event.result.clear();
  recording.events.push_back(std::move(event));
}

void Recorder::resumed(Chain& chain, Chain& inner) {
  const auto found = known_.find(&chain);
  if (found == known_.end() || found->second.consumed == 0) return;
  add(Kind::resumed, chain, found->second.consumed - 1, find(inner));
}

void Recorder::ended(Chain& chain) noexcept {
  try {
    const auto found = known_.find(&chain);
    if (found == known_.end()) return;
    addWaiting(recording.chains[found->second.number], chain, found->second.consumed);
    add(Kind::ended, chain);
    known_.erase(&chain);
  } catch (...) {  // no memory for it
    known_.erase(&chain);
  }
}

Recording Recorder::snapshot() const {
  Recording copy = recording;
  for (const auto& [chain, known] : known_) addWaiting(copy.chains[known.number], *chain, known.consumed);
  return copy;
}

void Recorder::begin() {
  Recorder* const first = Chain::recorder();
  Recorder* before = nullptr;
  for (Recorder* other = first; other && other->rank_ <= rank_; other = other->next_) before = other;
  if (before && before->rank_ == rank_ && rank_ == Rank::all)
    throw std::logic_error("bight: there is a Tracer of everything in this thread already: attach the Deferred to it");
  if (before) {
    next_ = std::exchange(before->next_, this);
  } else {
    next_ = Chain::setRecorder(this);
  }
}

void Recorder::end() noexcept {
  Recorder* const first = Chain::recorder();
  if (first == this) {
    Chain::setRecorder(next_);
    return;
  }
  for (Recorder* other = first; other; other = other->next_) {
    if (other->next_ == this) other->next_ = next_;
  }
}

bool Recorder::isThere(const Recorder* recorder) noexcept {
  const Recorder* other = Chain::recorder();
  while (other && other != recorder) other = other->next_;
  return other;
}

bool Recorder::wants(const Chain& chain) const noexcept {
  return known_.contains(&chain) || (rank_ != Rank::some && recording.chains.size() < mostChains);
}

}  // namespace detail

Tracer::Tracer(std::size_t mostEvents)
    : recorder_(std::make_unique<detail::Recorder>(detail::Recorder::Rank::all, mostEvents)) {
  recorder_->begin();
}

Tracer::Tracer(detail::Chain& chain, std::size_t mostEvents)
    : recorder_(std::make_unique<detail::Recorder>(detail::Recorder::Rank::some, mostEvents)) {
  attach(chain);
  recorder_->begin();
}

Tracer::~Tracer() {
  recorder_->end();
}

void Tracer::attach(detail::Chain& chain) {
  recorder_->number(chain);
}

Recording Tracer::recording() const {
  return recorder_->snapshot();
}

const char* toString(StageKind kind) noexcept {
  switch (kind) {
    case StageKind::callback:
      return "callback";
    case StageKind::errback:
      return "errback";
    case StageKind::callbacks:
      return "addCallbacks";
    case StageKind::both:
      return "addBoth";
    case StageKind::timeout:
      return "addTimeout";
    case StageKind::member:
      return "gathered";
    case StageKind::handover:
      return "handed on";
    case StageKind::await:
      return "co_await";
  }
  return "stage";
}

const char* toString(Recording::Event::Kind kind) noexcept {
  using Kind = Recording::Event::Kind;
  switch (kind) {
    case Kind::fired:
      return "fired";
    case Kind::ran:
      return "ran";
    case Kind::skipped:
      return "skipped";
    case Kind::returned:
      return "returned";
    case Kind::threw:
      return "threw";
    case Kind::returnedDeferred:
      return "returnedDeferred";
    case Kind::waits:
      return "waits";
    case Kind::resumed:
      return "resumed";
    case Kind::awaited:
      return "awaited";
    case Kind::paused:
      return "paused";
    case Kind::cancelled:
      return "cancelled";
    case Kind::ended:
      return "ended";
  }
  return "event";
}

}  // namespace bight
