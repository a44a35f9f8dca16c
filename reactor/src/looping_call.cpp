#include <bight/looping_call.hpp>

#include <stdexcept>
#include <typeinfo>

#include <bight/errors.hpp>

namespace bight {

struct LoopingCall::State : std::enable_shared_from_this<State> {
  ReactorTime& clock;
  Call call;
  bool counts;
  bool running = false;
  bool runAtStart = false;
  bool inCall = false;  // the function runs, or its Deferred is waited for
  Duration interval{0};
  Duration started{0};
  std::optional<Duration> lastCounted;
  DelayedCall next;
  std::optional<Promise<void>> done;

  struct Tick;
  State(ReactorTime& c, Call f, bool counting) : clock(c), call(std::move(f)), counts(counting) {}

  void once();
  std::optional<Deferred<void>> callIt();
  void returned();
  void failed(Failure failure);
  void schedule();
  void finish();
  std::int64_t intervalOf(Duration moment) const {
    const Duration::rep passed = (moment - started).count();
    return passed / interval.count() - (passed % interval.count() < 0 ? 1 : 0);
  }
};

std::optional<Deferred<void>> LoopingCall::State::callIt() {
  if (!counts) return call(1);
  const Duration now = clock.seconds();
  if (interval == Duration::zero()) {
    lastCounted = now;
    return call(1);
  }
  const Duration last = lastCounted ? *lastCounted : runAtStart ? started - interval : started;
  const std::int64_t count = intervalOf(now) - intervalOf(last);
  if (count <= 0) return std::nullopt;
  lastCounted = now;
  return call(count);
}

void LoopingCall::State::once() {
  const std::shared_ptr<State> kept = shared_from_this();  // the function may destroy the LoopingCall
  inCall = true;
  try {
    std::optional<Deferred<void>> waited = callIt();
    if (!waited) return returned();
    std::move(*waited).addCallbacks([kept] { kept->returned(); },
                                    [kept](Failure failure) { kept->failed(std::move(failure)); });
  } catch (...) {
    failed(Failure());
  }
}

void LoopingCall::State::returned() {
  inCall = false;
  if (running) {
    schedule();
  } else {
    finish();
  }
}

void LoopingCall::State::failed(Failure failure) {
  inCall = false;
  running = false;
  if (auto promise = std::exchange(done, std::nullopt)) promise->errback(std::move(failure));
}

void LoopingCall::State::finish() {
  if (auto promise = std::exchange(done, std::nullopt)) promise->callback();
}

/// What the clock calls; in a log it stands for the user's function.
struct LoopingCall::State::Tick {
  std::weak_ptr<State> self;
  void operator()() const {
    if (const auto state = self.lock()) state->once();
  }
  const std::type_info& targetType() const noexcept {
    const auto state = self.lock();
    return state ? state->call.targetType() : typeid(Tick);
  }
};

void LoopingCall::State::schedule() {
  Duration wait{0};
  if (interval > Duration::zero()) wait = interval - (clock.seconds() - started) % interval;
  next = clock.callLater(wait, Tick{weak_from_this()});
}

LoopingCall::LoopingCall(ReactorTime& clock, Call call, bool counts)
    : state_(std::make_shared<State>(clock, std::move(call), counts)) {}

LoopingCall::~LoopingCall() {
  if (!state_) return;
  state_->running = false;
  if (state_->next.active()) state_->next.cancel();
  if (auto promise = std::exchange(state_->done, std::nullopt)) {
    promise->errback(CancelledError("the LoopingCall was destroyed while it ran"));
  }
}

Deferred<void> LoopingCall::start(Duration interval, bool now) {
  if (state_->running) throw std::logic_error("LoopingCall::start: it runs already; stop() it first");
  if (state_->inCall)
    throw std::logic_error(
        "LoopingCall::start: the last call has not ended yet; wait for the Deferred of the former start()");
  if (interval < Duration::zero()) throw std::invalid_argument("LoopingCall::start: the interval is negative");
  const std::shared_ptr<State> state = state_;
  Deferred<void> deferred;
  state->done = deferred.promise();
  state->running = true;
  state->interval = interval;
  state->started = state->clock.seconds();
  state->runAtStart = now;
  state->lastCounted.reset();
  if (now) {
    state->once();
  } else {
    state->schedule();
  }
  return deferred;
}

void LoopingCall::stop() {
  if (!state_->running) throw std::logic_error("LoopingCall::stop: it does not run");
  const std::shared_ptr<State> state = state_;
  state->running = false;
  if (state->inCall) return;  // returned() or failed() ends it
  if (state->next.active()) state->next.cancel();
  state->finish();
}

void LoopingCall::reset() {
  if (!state_->running) throw std::logic_error("LoopingCall::reset: it does not run");
  state_->started = state_->clock.seconds();
  if (state_->inCall) return;
  if (state_->next.active()) state_->next.cancel();
  state_->schedule();
}

bool LoopingCall::running() const noexcept {
  return state_->running;
}
Duration LoopingCall::interval() const noexcept {
  return state_->interval;
}

}  // namespace bight
