#include "run.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include <bight/defer_later.hpp>
#include <bight/maybe_deferred.hpp>
#include <bight/unhandled.hpp>

namespace lab {
namespace {

using bight::Failure;
using bight::Recording;
using bight::Result;

/// What the run that is being looked after has left unhandled.
std::vector<std::string>* unhandledNow = nullptr;

bool returnsDeferred(const Function& f) {
  return f.does == Does::later || f.does == Does::failLater || f.does == Does::fired || f.does == Does::itself;
}

/// The recording as it was after `count` events.
Recording upTo(const Recording& whole, std::size_t count) {
  Recording part;
  std::size_t chains = 1;
  for (std::size_t i = 0; i < count && i < whole.events.size(); ++i) {
    const Recording::Event& event = whole.events[i];
    part.events.push_back(event);
    chains = std::max(chains, event.chain + 1);
    if (event.other != Recording::none) chains = std::max(chains, event.other + 1);
  }
  part.chains.assign(whole.chains.begin(),
                     whole.chains.begin() + static_cast<std::ptrdiff_t>(std::min(chains, whole.chains.size())));
  return part;
}

/// The picture without its style, which a page with a content policy does not take.
std::string pictureOf(const Recording& recording) {
  std::string svg = bight::toSvg(recording);
  const std::size_t begin = svg.find("<style>");
  const std::size_t end = svg.find("</style>");
  if (begin != svg.npos && end != svg.npos) svg.erase(begin, end + 8 - begin);
  return svg;
}

/// The calls are the lab's here, and main's in the program; and there no browser asks for them.
std::string asInProgram(std::string text) {
  constexpr std::string_view asked = "    during an event of bight::http::";
  for (std::size_t at = text.find(asked); at != text.npos; at = text.find(asked, at)) {
    const std::size_t end = text.find('\n', at);
    text.erase(at, end == text.npos ? end : end + 1 - at);
  }
  constexpr std::string_view ours = "a timed call of lab::";
  for (std::size_t at = text.find(ours); at != text.npos; at = text.find(ours, at + 1)) {
    const std::size_t end = text.find('\n', at);
    text.replace(at, (end == text.npos ? text.size() : end) - at, "a timed call of main()::{lambda()#1}");
  }
  return text;
}

}  // namespace

Run::Run(bight::ReactorTime& clock, Plan plan, Show show, bight::Function<void()> over)
    : clock_(clock),
      plan_(std::move(plan)),
      program_(writeProgram(plan_)),
      show_(std::move(show)),
      over_(std::move(over)),
      begun_(clock.seconds()) {}

Run::~Run() {
  leave();
}

void Run::leave() {
  ended_ = true;
  show_ = {};
  over_ = {};
  tracer_.reset();
  std::vector<std::string> nobodyLooks;
  std::vector<std::string>* const before = std::exchange(unhandledNow, &nobodyLooks);
  scope_.cancel();
  producer_.reset();
  deferred_.reset();
  unhandledNow = before;
  for (bight::DelayedCall& call : calls_) {
    if (call.active()) call.cancel();
  }
  calls_.clear();
}

// region: stages
void Run::addStage(std::size_t number) {
  const Stage& stage = plan_.stages[number];
  const Program::StageLines& lines = program_.stages[number];
  const std::source_location at = placeInProgram(lines.added);
  const auto now = [this, number, &stage](const Value& in) { return act(number, stage.f, in); };
  const auto later = [this, number, &stage, line = lines.f](const Value& in) {
    act(number, stage.f, in);
    return actLater(stage.f, line);
  };
  const auto caughtNow = [this, number, &stage](const Failure& failure) -> Result<Value> {
    tracebacks_[number] = asInProgram(failure.getTraceback());
    if (stage.g.does == Does::onlyCancelled) failure.trap<bight::CancelledError>();
    if (stage.g.does == Does::print) return act(number, stage.g, {failure.getErrorMessage()});
    const Value out = act(number, stage.g, {});
    if (stage.g.does == Does::pass) return failure;
    return out;
  };
  const auto caughtLater = [this, number, &stage, line = lines.g](const Failure& failure) {
    tracebacks_[number] = asInProgram(failure.getTraceback());
    act(number, stage.g, {});
    return actLater(stage.g, line);
  };
  switch (stage.add) {
    case Add::callback:
      if (returnsDeferred(stage.f)) {
        deferred_->addCallback(later, at);
      } else {
        deferred_->addCallback(now, at);
      }
      break;
    case Add::errback:
      if (returnsDeferred(stage.g)) {
        deferred_->addErrback(caughtLater, at);
      } else {
        deferred_->addErrback(caughtNow, at);
      }
      break;
    case Add::callbacks:
      if (returnsDeferred(stage.f)) {
        returnsDeferred(stage.g) ? deferred_->addCallbacks(later, caughtLater, at)
                                 : deferred_->addCallbacks(later, caughtNow, at);
      } else {
        returnsDeferred(stage.g) ? deferred_->addCallbacks(now, caughtLater, at)
                                 : deferred_->addCallbacks(now, caughtNow, at);
      }
      break;
    case Add::both:
      if (returnsDeferred(stage.f)) {
        deferred_->addBoth([later](const Result<Value>&) { return later({}); }, at);
      } else {
        deferred_->addBoth(
            [now, &stage](Result<Value> result) -> Result<Value> {
              const Value out = now({});
              return stage.f.does == Does::pass ? std::move(result) : Result<Value>(out);
            },
            at);
      }
  }
}
// endregion: stages

/// What a function does until it returns, and what it returns if that is no Deferred.
Value Run::act(std::size_t number, const Function& f, const Value& in) {
  if (!f.say.empty()) printed_[number].push_back(f.say);
  switch (f.does) {
    case Does::give:
    case Does::onlyCancelled:
      return f.value;
    case Does::add:
      return {static_cast<int>(static_cast<unsigned>(in.number()) + static_cast<unsigned>(f.value.number()))};
    case Does::print:
      printed_[number].push_back(in.type() == Type::text ? in.text() : in.toString());
      return {};
    case Does::fail:
      throw std::runtime_error(f.message);
    case Does::block:
      std::this_thread::sleep_for(std::chrono::milliseconds(f.after));  // this is what must not be done
      return in;
    case Does::pass:
      return in;
    default:
      return {};
  }
}

bight::Deferred<Value> Run::actLater(const Function& f, unsigned line) {
  const std::source_location at = placeInProgram(line);
  if (f.does == Does::fired) return bight::succeed(f.value, at);
  if (f.does == Does::itself) return std::move(*deferred_);
  Deferred waiting = bight::deferLater(
      clock_, std::chrono::milliseconds(f.after),
      [&f]() -> Value {
        if (f.does == Does::failLater) throw std::runtime_error(f.message);
        return f.value;
      },
      at);
  after(f.after, &Run::look);
  return waiting;
}

/// Calls later, and then looks what has come of it.
void Run::after(int milliseconds, void (Run::*call)()) {
  calls_.push_back(clock_.callLater(std::chrono::milliseconds(milliseconds), [weak = weak_from_this(), call] {
    if (const auto self = weak.lock()) ((*self).*call)();
  }));
}

void Run::start() {
  begun_ = clock_.seconds();
  deferred_.emplace(scope_.track(Deferred(placeInProgram(program_.created))));
  if (plan_.start != Start::nobody) producer_ = deferred_->promise();
  tracer_.emplace(*deferred_);
  for (std::size_t i = 0; i < plan_.stages.size(); ++i) addStage(i);
  recording_ = tracer_->recording();
  Frame built;
  built.words = "The chain is built. Nothing has run yet.";
  built.line = program_.created;
  built.svg = pictureOf(recording_);
  tell(built);

  const auto self = shared_from_this();
  if (plan_.start == Start::you) {
    calls_.push_back(clock_.callLater(patience, [weak = weak_from_this()] {
      const auto run = weak.lock();
      if (!run || run->ended_) return;
      run->note("Nobody has fired it, and the lab does not wait for ever.", true, run->program_.fired);
      run->end();
    }));
  } else if (plan_.after > 0) {
    calls_.push_back(clock_.callLater(std::chrono::milliseconds(plan_.after), [weak = weak_from_this()] {
      const auto run = weak.lock();
      if (run && !run->ended_) run->fireAsPlanned(true);
    }));
  }
  if (plan_.cancel && *plan_.cancel > 0) after(*plan_.cancel, &Run::cancel);
  if (plan_.start != Start::you && plan_.after == 0) fireAsPlanned(plan_.cancel != 0);
  if (!ended_ && plan_.cancel == 0) cancel();
}

void Run::fireAsPlanned(bool lookThen) {
  const auto self = shared_from_this();
  const auto fireOnce = [this](unsigned line) {
    const std::source_location at = placeInProgram(line);
    if (plan_.start == Start::failure) {
      producer_->errback(Failure(std::runtime_error(plan_.message)), at);
    } else {
      producer_->callback(plan_.value, at);
    }
  };
  if (plan_.start == Start::nobody) {
    {
      const auto forgotten = deferred_->promise();
    }
  } else {
    fireOnce(program_.fired);
    if (plan_.twice) {
      try {
        fireOnce(program_.firedAgain);
      } catch (const bight::AlreadyCalledError& error) {
        note(std::string("Firing it again throws AlreadyCalledError: ") + error.what(), true, program_.firedAgain);
      }
    }
  }
  if (lookThen && !ended_) look();
}

void Run::fire(bool failure) {
  if (ended_ || plan_.start != Start::you || !producer_) return;
  const auto self = shared_from_this();
  try {
    const std::source_location at = placeInProgram(program_.fired);
    if (failure) {
      producer_->errback(Failure(std::runtime_error(plan_.message)), at);
    } else {
      producer_->callback(plan_.value, at);
    }
  } catch (const bight::AlreadyCalledError& error) {
    note(std::string("Firing it again throws AlreadyCalledError: ") + error.what(), true, program_.fired);
  }
  look();
}

void Run::cancel() {
  if (ended_ || plan_.returnsItself()) return;
  const auto self = shared_from_this();
  deferred_->cancel();
  look();
}

// ---- telling

void Run::tellNews() {
  if (ended_) return;
  recording_ = tracer_->recording();
  while (told_ < recording_.events.size() && !ended_) tell(frameOf(told_++));
}

/// After everything that may have moved the chain.
void Run::look() {
  const auto self = shared_from_this();
  tellNews();
  if (!ended_ && done()) end();
}

void Run::tell(const Frame& frame) {
  Frame timed = frame;
  timed.milliseconds =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(clock_.seconds() - begun_).count());
  if (show_) show_(timed);
}

Frame Run::frameOf(std::size_t number) {
  using Kind = Recording::Event::Kind;
  const Recording part = upTo(recording_, number + 1);
  const Recording::Event& event = part.events[number];
  Frame frame;
  // The text has a line for each event: "! " and "- " mark it, two spaces more for each Deferred that waits for this one.
  const std::string text = bight::toText(part);
  const std::size_t last = text.rfind('\n', text.size() - 2);
  frame.words = text.substr(last == text.npos ? 0 : last + 1);
  frame.words.pop_back();
  const std::size_t begin = frame.words.find_first_not_of(" !-");
  frame.depth = begin == frame.words.npos ? 0 : static_cast<int>(begin / 2) - 1;
  frame.words.erase(0, begin);
  frame.failed = event.failed;
  frame.chain = event.chain;
  frame.stage = event.stage;
  const Recording::Chain& chain = part.chains[event.chain];
  const std::source_location at = event.stage < chain.stages.size() ? chain.stages[event.stage].at : event.at;
  // What the library fires itself was fired in one of its own files.
  const bool inProgram = std::string_view(at.file_name()) == placeInProgram(1).file_name();
  frame.line = inProgram ? at.line() : chain.created.line();
  if (event.kind == Kind::fired && event.chain == 0 && !inProgram) frame.line = program_.fired;
  if (event.kind == Kind::cancelled && event.chain == 0 && program_.cancelled > 0) frame.line = program_.cancelled;
  frame.svg = pictureOf(part);
  if (event.chain == 0 && event.kind == Kind::ran) {
    if (const auto words = printed_.find(event.stage); words != printed_.end()) frame.printed = words->second;
    const auto traceback = tracebacks_.find(event.stage);
    if (event.failed && traceback != tracebacks_.end()) frame.traceback = traceback->second;
    const Stage& stage = plan_.stages[event.stage];
    if (!event.failed && stage.add != Add::errback && stage.f.does == Does::block)
      frame.words += ". For " + std::to_string(stage.f.after) + " ms the reactor stood still: nobody was served";
  }
  return frame;
}

void Run::note(const std::string& words, bool failed, unsigned line, const std::string& traceback) {
  tellNews();
  Frame frame;
  frame.words = words;
  frame.failed = failed;
  frame.line = line;
  frame.traceback = traceback;
  frame.svg = pictureOf(recording_);
  tell(frame);
}

/// Whether every stage has had its result.
bool Run::done() const {
  using Kind = Recording::Event::Kind;
  std::size_t stages = 0;
  bool fired = false;
  for (const Recording::Event& event : recording_.events) {
    if (event.chain != 0) continue;
    fired = fired || event.kind == Kind::fired;
    if (event.kind == Kind::skipped || event.kind == Kind::returned || event.kind == Kind::threw ||
        event.kind == Kind::resumed)
      ++stages;
  }
  return fired && stages >= plan_.stages.size();
}

/// The Deferred goes, and what nobody has handled is reported.
void Run::end() {
  if (ended_) return;
  std::vector<std::string> reports;
  std::vector<std::string>* const before = std::exchange(unhandledNow, &reports);
  producer_.reset();
  deferred_.reset();
  unhandledNow = before;
  tellNews();
  ended_ = true;
  for (const std::string& report : reports) {
    Frame frame;
    frame.words = "The Deferred has gone, and nobody had handled its failure: it is reported.";
    frame.failed = true;
    frame.line = program_.created;
    frame.traceback = asInProgram(report);
    frame.svg = pictureOf(recording_);
    tell(frame);
  }
  auto over = std::move(over_);
  leave();
  if (over) over();
}

UnhandledInRuns::UnhandledInRuns() {
  before_ = bight::setUnhandledFailureHook([this](const bight::UnhandledFailure& unhandled) {
    if (unhandledNow) {
      unhandledNow->push_back(bight::describe(unhandled));
    } else if (before_) {
      before_(unhandled);
    } else {
      std::fputs(bight::describe(unhandled).c_str(), stderr);
    }
  });
}

UnhandledInRuns::~UnhandledInRuns() {
  bight::setUnhandledFailureHook(std::move(before_));
}

}  // namespace lab
