// The plain model of a chain: what the rules say, one by one, with no thought of speed.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "program.hpp"

namespace property {

// --- what travels

struct FailureValue {
  std::string name;
  std::shared_ptr<FailureValue> cause;
};
using FailurePointer = std::shared_ptr<FailureValue>;

/// A result: a failure, a list, a number, or nothing.
struct Outcome {
  FailurePointer failure;
  std::optional<int> number;
  std::optional<std::vector<int>> list;
};

inline Outcome failed(FailurePointer failure) {
  Outcome o;
  o.failure = std::move(failure);
  return o;
}
inline Outcome number(int n) {
  Outcome o;
  o.number = n;
  return o;
}

/// Misuse, at the call that is wrong.
struct Misuse {
  std::string name;
};

// --- chains

struct Chain;

/// A handle, as the program holds one: a chain, and the type it believes in.
struct Handle {
  Chain* chain = nullptr;
  Type type = Type::number;
};

struct StageRecord {
  bool onValue = true;
  bool onFailure = true;
  /// Sees the result and leaves the next one; or makes its chain wait.
  std::function<void(Chain&)> run;
  /// What goes with the stage when that is over.
  std::function<void()> destroyed;
  Chain* waiter = nullptr;  // of a continuation: the chain that waits for this place
};

struct Chain {
  Type head = Type::number;
  Type end = Type::number;
  bool called = false;
  std::optional<Outcome> result;
  std::deque<std::shared_ptr<StageRecord>> stages;
  bool running = false;
  int pauses = 0;
  Chain* waitingOn = nullptr;
  std::function<void(Chain&)> canceller;
  bool cancellerMayWait = false;  // it is not cancelled because its canceller did not fire it (A62)
  std::function<void()> cancellerDestroyed;
  bool cancelling = false;
  bool swallow = false;
  bool awaited = false;
  int handles = 0;
  int promises = 0;
  int references = 0;
};

class ChainModel {
 public:
  std::string trace;

 protected:
  // --- words

  std::string describe(const FailurePointer& failure) {
    std::size_t which = 0;
    while (which < seen_.size() && seen_[which] != failure) ++which;
    if (which == seen_.size()) seen_.push_back(failure);
    std::string text = failure->name + "#" + std::to_string(which);
    if (failure->cause) text += "<" + describe(failure->cause);
    return text;
  }

  FailurePointer make(std::string name) {
    return std::make_shared<FailureValue>(FailureValue{std::move(name), nullptr});
  }
  FailurePointer boom(int n) { return make("Boom" + std::to_string(n)); }

  // --- lifetime: what is referred to lives

  Chain* newChain(Type head) {
    all_.push_back(std::make_unique<Chain>());
    Chain* chain = all_.back().get();
    chain->head = chain->end = head;
    return chain;
  }
  void refer(Chain* chain) { ++chain->references; }
  void unrefer(Chain* chain) {
    if (--chain->references > 0) return;
    if (chain->result && chain->result->failure) report(*chain);  // A49
    clearStages(*chain);
    dropCanceller(*chain);
  }
  void addHandle(Chain* chain) {
    ++chain->handles;
    refer(chain);
  }
  void dropHandle(Chain* chain) {
    if (--chain->handles == 0) lastHandleGone(*chain);
    unrefer(chain);
  }
  void addPromise(Chain* chain) {
    ++chain->promises;
    refer(chain);
  }
  void dropPromiseOf(Chain* chain) {
    if (--chain->promises == 0) abandon(*chain);
    unrefer(chain);
  }
  void abandon(Chain& chain) {
    if (chain.called || chain.cancelling) return;
    fire(chain, failed(make("Abandoned")));
  }
  void lastHandleGone(Chain& chain) {
    if (chain.called) {
      settle(chain);
    } else if (chain.promises == 0 && !chain.cancelling) {
      if (chain.awaited) {
        abandon(chain);
      } else {
        // Nobody can fire it any more.
        refer(&chain);
        chain.called = !chain.stages.empty();
        clearStages(chain);
        unrefer(&chain);
      }
    }
  }
  void clearStages(Chain& chain) {
    while (!chain.stages.empty()) popStage(chain);
  }
  void popStage(Chain& chain) {
    const std::shared_ptr<StageRecord> stage = chain.stages.front();
    chain.stages.pop_front();
    if (stage->waiter) {
      // It will never get its result from here.
      Chain* waiter = std::exchange(stage->waiter, nullptr);
      waiter->waitingOn = nullptr;
      waiter->result = failed(make("Abandoned"));
      popStage(*waiter);
      runStages(*waiter);
      settle(*waiter);
      unrefer(waiter);
    }
    if (stage->destroyed) std::exchange(stage->destroyed, nullptr)();
  }
  void dropCanceller(Chain& chain) {
    chain.canceller = nullptr;
    if (chain.cancellerDestroyed) std::exchange(chain.cancellerDestroyed, nullptr)();
  }

  // --- Firing

  /// A2, A35.
  bool mayFire(Chain& chain) {
    if (!chain.called) return true;
    if (!chain.swallow) throw Misuse{"already"};
    chain.swallow = false;
    return false;
  }
  void fire(Chain& chain, Outcome outcome) {
    if (!mayFire(chain)) return;
    refer(&chain);
    chain.called = true;
    chain.result = std::move(outcome);
    dropCanceller(chain);  // A42
    runStages(chain);
    settle(chain);
    unrefer(&chain);
  }

  // --- Running

  bool runnable(const Chain& chain) { return chain.called && !chain.running && chain.pauses == 0 && !chain.waitingOn; }

  void runStages(Chain& chain) {
    if (!runnable(chain)) return;
    refer(&chain);
    chain.running = true;
    while (!chain.stages.empty() && chain.pauses == 0) {  // A18, A33
      const std::shared_ptr<StageRecord> stage = chain.stages.front();
      if (chain.result->failure ? stage->onFailure : stage->onValue) stage->run(chain);
      if (chain.waitingOn) break;
      Chain* next = std::exchange(stage->waiter, nullptr);
      popStage(chain);
      if (next) {
        // A22b: whoever waited for this place runs on now, before what is left here.
        runStages(*next);
        settle(*next);
        unrefer(next);
      }
    }
    chain.running = false;
    settle(chain);
    unrefer(&chain);
  }

  /// A failure that is not going anywhere, and nobody holds the chain: A49.
  void settle(Chain& chain) {
    if (!chain.called || chain.running || !chain.stages.empty() || chain.pauses != 0 || chain.waitingOn) return;
    if (chain.handles == 0 && chain.result && chain.result->failure) report(chain);
  }
  void report(Chain& chain) {
    const FailurePointer failure = chain.result->failure;
    chain.result = Outcome();
    trace += "report Unhandled error in Deferred " + describe(failure) + "\n";
  }

  /// A22: for a running stage that returned the Deferred.
  void follow(Chain& outer, Handle inner) {
    if (inner.chain->end != inner.type) {
      dropHandle(inner.chain);
      fail(outer, make("Retyped"));
      return;
    }
    // Nobody is left who could fire it: it is as good as abandoned.
    if (!inner.chain->called && inner.chain->handles == 1 && inner.chain->promises == 0) abandon(*inner.chain);
    for (Chain* c = inner.chain; c; c = c->waitingOn) {  // A29
      if (c != &outer) continue;
      dropHandle(inner.chain);
      outer.result = failed(make("Misuse"));
      return;
    }
    Chain& c = *inner.chain;
    if (c.called && !c.running && c.pauses == 0 && !c.waitingOn && c.stages.empty()) {  // A22a
      c.end = Type::nothing;                                                            // A23
      outer.result = std::exchange(c.result, Outcome());
      dropHandle(&c);
      return;
    }
    if (c.references == 1) {  // paused for ever: it ends with this handle
      dropHandle(&c);
      outer.result = failed(make("Abandoned"));
      return;
    }
    outer.waitingOn = &c;
    refer(&outer);
    const auto stage = std::make_shared<StageRecord>();
    stage->waiter = &outer;
    stage->run = [this, &outer](Chain& from) {
      outer.result = std::exchange(from.result, Outcome());
      outer.waitingOn = nullptr;
      popStage(outer);  // the one that returned the Deferred
    };
    c.stages.push_back(stage);
    c.end = Type::nothing;  // A23
    c.awaited = true;
    dropHandle(&c);
  }

  /// A stage failed: what it was handling becomes the cause (A16).
  void fail(Chain& chain, const FailurePointer& failure) {
    if (chain.result->failure && chain.result->failure != failure && !failure->cause)
      failure->cause = chain.result->failure;
    chain.result = failed(failure);
  }

  // --- Pausing and cancelling

  void unpause(Chain& chain) {
    if (chain.pauses == 0) throw Misuse{"misuse"};
    --chain.pauses;
    runStages(chain);
    settle(chain);
  }

  void cancel(Chain& chain) {
    Chain* target = &chain;
    while (target->waitingOn) target = target->waitingOn;  // A39
    if (target->called || target->cancelling) return;      // A38
    if (!target->canceller) {                              // A35
      refer(target);
      target->swallow = true;
      fire(*target, failed(make("Cancelled")));
      unrefer(target);
      return;
    }
    refer(target);  // A37
    target->cancelling = true;
    addPromise(target);
    const auto canceller = std::exchange(target->canceller, nullptr);
    const auto destroyed = std::exchange(target->cancellerDestroyed, nullptr);
    canceller(*target);
    target->cancelling = false;
    const bool again = !target->called && target->cancellerMayWait;
    if (again) {
      target->canceller = canceller;
      target->cancellerDestroyed = destroyed;
    } else if (!target->called) {
      fire(*target, failed(make("Cancelled")));
    }
    dropPromiseOf(target);
    if (!again && destroyed) destroyed();
    unrefer(target);
  }

 private:
  std::vector<FailurePointer> seen_;
  std::deque<std::unique_ptr<Chain>> all_;
};

}  // namespace property
