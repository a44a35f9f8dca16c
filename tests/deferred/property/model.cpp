#include "model.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "chain_model.hpp"

namespace property {

namespace {

/// The state of one gatherResults.
struct Gathering {
  Chain* result = nullptr;
  std::vector<Chain*> members;
  std::vector<int> values;
  std::size_t missing = 0;
  bool consume = false;
  bool done = false;
  int references = 0;
};

class Model : public ChainModel {
 public:
  void run(const Program& program) {
    script(program.operations);
    trace += "end\n";
    while (!empty()) {
      for (int place = 0; place < deferredPlaces; ++place) {
        if (deferreds_[place].chain) trace += deferreds_[place].chain->called ? "called\n" : "uncalled\n";
        dropDeferred(place);
      }
      for (int place = 0; place < promisePlaces; ++place) dropPromise(place);
    }
  }

 private:
  // --- functions of the program

  /// Runs one; what it leaves on the chain.
  void call(Chain& chain, const Function& function, Returns returns, const std::string& argument,
            const FailurePointer& given) {
    trace += "f" + std::to_string(function.id) + "(" + argument + ")\n";
    script(function.script);
    const bool deferred = returns == Returns::deferred || returns == Returns::deferredNothing;
    const bool same = function.ends == Ends::same && given;
    const bool failsAnew =
        function.ends == Ends::failure || function.ends == Ends::throws || (returns == Returns::failure && !same);
    if (failsAnew) {
      const FailurePointer failure = boom(function.value);
      if (deferred && function.ends == Ends::failure) {
        chain.result = failed(failure);  // out of a Deferred of its own
      } else {
        fail(chain, failure);
      }
    } else if (same) {
      chain.result = failed(given);  // A17
    } else if (deferred) {
      const Type type = typeOf(returns);
      if (function.place != nowhere && deferreds_[function.place].chain && deferreds_[function.place].type == type) {
        follow(chain, std::exchange(deferreds_[function.place], Handle()));
      } else {
        chain.result = type == Type::number ? number(function.value) : Outcome();
      }
    } else {
      chain.result = typeOf(returns) == Type::number ? number(function.value) : Outcome();
    }
  }

  // --- operations

  void script(const std::vector<Operation>& operations) {
    for (const Operation& operation : operations) {
      try {
        perform(operation);
      } catch (const Misuse& misuse) {
        trace += misuse.name + "\n";
      }
    }
  }

  bool empty() const {
    for (const Handle& handle : deferreds_) {
      if (handle.chain) return false;
    }
    for (const Chain* chain : promises_) {
      if (chain) return false;
    }
    return true;
  }

  void keep(int place, Handle handle) {
    if (place == nowhere || deferreds_[place].chain) {
      dropHandle(handle.chain);
    } else {
      deferreds_[place] = handle;
    }
  }
  void dropDeferred(int place) {
    const Handle gone = std::exchange(deferreds_[place], Handle());
    if (gone.chain) dropHandle(gone.chain);
  }
  void dropPromise(int place) {
    Chain* gone = std::exchange(promises_[place], nullptr);
    if (gone) dropPromiseOf(gone);
  }
  void keepPromise(int place, Chain* chain) {
    dropPromise(place);
    if (promises_[place]) {
      dropPromiseOf(chain);
    } else {
      promises_[place] = chain;
    }
  }

  Outcome outcomeOf(const Operation& o, Type type) {
    if (o.flag) return failed(boom(o.value));
    return type == Type::number ? number(o.value) : Outcome();
  }

  void perform(const Operation& o) {
    const Handle handle = deferreds_[o.place % deferredPlaces];
    const bool onDeferred = o.kind == Kind::add || o.kind == Kind::promise || o.kind == Kind::fire ||
                            o.kind == Kind::pause || o.kind == Kind::unpause || o.kind == Kind::cancel ||
                            o.kind == Kind::chainTo;
    if (onDeferred && !handle.chain) return;
    Chain* const kept = onDeferred ? handle.chain : nullptr;
    if (kept) refer(kept);
    try {
      perform(o, handle);
    } catch (const Misuse&) {
      if (kept) unrefer(kept);
      throw;
    }
    if (kept) unrefer(kept);
  }

  void perform(const Operation& o, const Handle& handle) {
    switch (o.kind) {
      case Kind::make: {
        dropDeferred(o.place);
        Chain* chain = newChain(o.flag ? Type::nothing : Type::number);
        addHandle(chain);
        if (!o.canceller.empty()) chain->canceller = [this, &o](Chain& cancelled) { runCanceller(o, cancelled); };
        keep(o.place, {chain, chain->head});
        break;
      }
      case Kind::ready: {
        dropDeferred(o.place);
        const Type type = o.flag || o.value != 0 ? Type::number : Type::nothing;
        Chain* chain = newChain(type);
        addHandle(chain);
        fire(*chain, outcomeOf(o, type));
        keep(o.place, {chain, type});
        break;
      }
      case Kind::add:
        add(o.stage.front(), handle);
        break;
      case Kind::promise:
        if (handle.chain->head != handle.type) throw Misuse{"retyped"};
        addPromise(handle.chain);
        keepPromise(o.other, handle.chain);
        break;
      case Kind::fire:
        if (!o.flag && handle.chain->head != handle.type) throw Misuse{"retyped"};
        fire(*handle.chain, outcomeOf(o, handle.type));
        break;
      case Kind::firePromise:
        if (Chain* chain = promises_[o.place]) {
          addPromise(chain);
          try {
            fire(*chain, outcomeOf(o, chain->head));
          } catch (const Misuse&) {
            dropPromiseOf(chain);
            throw;
          }
          dropPromiseOf(chain);
        }
        break;
      case Kind::pause:
        ++handle.chain->pauses;
        break;
      case Kind::unpause:
        unpause(*handle.chain);
        break;
      case Kind::cancel:
        cancel(*handle.chain);
        break;
      case Kind::drop:
        dropDeferred(o.place);
        break;
      case Kind::dropPromise:
        dropPromise(o.place);
        break;
      case Kind::move:
        if (!deferreds_[o.other].chain) std::swap(deferreds_[o.other], deferreds_[o.place]);
        break;
      case Kind::chainTo:
        chainTo(handle, o.other);
        break;
      case Kind::gather:
        gather(o);
        break;
    }
  }

  void runCanceller(const Operation& o, Chain& chain) {
    const Function& function = o.canceller.front();
    trace += "c" + std::to_string(function.id) + "\n";
    if (o.cancellerTakesPromise) addPromise(&chain);
    script(function.script);
    switch (o.cancellerEnds) {
      case CancellerEnds::fires:
        if (!chain.called) fire(chain, chain.head == Type::number ? number(function.value) : Outcome());
        break;
      case CancellerEnds::fails:
        if (!chain.called) fire(chain, failed(boom(function.value)));
        break;
      case CancellerEnds::throws:
        break;
      case CancellerEnds::keepsPromise:
        keepPromise(function.place, &chain);
        return;
      case CancellerEnds::silently:
        break;
    }
    if (o.cancellerTakesPromise) dropPromiseOf(&chain);
    if (o.cancellerEnds == CancellerEnds::throws)
      trace += "report a canceller threw " + describe(boom(function.value)) + "\n";  // A41
  }

  void add(const Stage& stage, const Handle& handle) {
    Chain& chain = *handle.chain;
    const Function* first = &stage.first;
    const Function* second = &stage.second;
    const auto record = std::make_shared<StageRecord>();
    Type next = Type::nothing;
    bool needsValue = true;
    bool keepsType = false;
    switch (stage.form) {
      case Form::callback:
        record->onFailure = false;
        needsValue = stage.takes && handle.type != Type::nothing;
        next = first->returns == Returns::failure ? handle.type : typeOf(first->returns);
        record->run = [this, first, takes = needsValue](Chain& c) {
          call(c, *first, first->returns, takes ? std::to_string(*c.result->number) : "", nullptr);
        };
        break;
      case Form::errback: {
        record->onValue = false;
        const Returns returns = fitting(first->returns, handle.type);
        next = typeOf(returns);
        if (returns == Returns::failure) {
          needsValue = false;
          keepsType = true;
          next = handle.type;
        } else if (next == Type::nothing) {
          needsValue = false;
          record->onValue = true;  // both paths carry nothing from here on
        }
        record->run = [this, first, returns](Chain& c) {
          if (const FailurePointer failure = c.result->failure) {
            call(c, *first, returns, describe(failure), failure);
          } else {
            c.result = Outcome();
          }
        };
        break;
      }
      case Form::both:
        needsValue = stage.takes;
        next = first->returns == Returns::failure ? handle.type : typeOf(first->returns);
        record->run = [this, first, takes = stage.takes, type = handle.type](Chain& c) {
          const FailurePointer failure = c.result->failure;
          const std::string value = type == Type::number && !failure && takes ? std::to_string(*c.result->number) : "";
          call(c, *first, first->returns, !takes ? "" : failure ? describe(failure) : value, takes ? failure : nullptr);
        };
        break;
      case Form::twoSided: {
        needsValue = handle.type != Type::nothing;
        next = typeOf(first->returns);
        const Returns returns = fitting(second->returns, next);
        if (returns != Returns::failure && typeOf(returns) == Type::nothing) next = Type::nothing;
        record->run = [this, first, second, returns, takes = needsValue](Chain& c) {
          if (const FailurePointer failure = c.result->failure) {
            call(c, *second, returns, describe(failure), failure);
          } else {
            call(c, *first, first->returns, takes ? std::to_string(*c.result->number) : "", nullptr);
          }
        };
        break;
      }
    }
    Chain* held = nullptr;
    if (stage.holds != nowhere) held = std::exchange(promises_[stage.holds], nullptr);
    if (held) record->destroyed = [this, held] { dropPromiseOf(held); };
    if (needsValue && chain.end != handle.type) {
      unrefer(&chain);  // nothing keeps it while the stage goes
      if (held) dropPromiseOf(held);
      refer(&chain);
      throw Misuse{"retyped"};
    }
    chain.stages.push_back(record);
    if (!keepsType) chain.end = next;
    const bool newHandle = next != handle.type;
    if (newHandle) addHandle(&chain);
    runStages(chain);  // A7
    if (newHandle) keep(stage.keepIn, {&chain, next});
  }

  /// A30.
  void chainTo(const Handle& handle, int place) {
    Chain* other = promises_[place];
    if (!other || other->head != handle.type) return;
    promises_[place] = nullptr;
    Chain& chain = *handle.chain;
    if (chain.end != handle.type) {
      addHandle(&chain);
      dropPromiseOf(other);
      dropHandle(&chain);
      throw Misuse{"retyped"};
    }
    const auto record = std::make_shared<StageRecord>();
    record->run = [this, other](Chain& c) {
      try {
        fire(*other, *c.result);
        c.result = Outcome();
      } catch (const Misuse&) {
        fail(c, make("Already"));
      }
    };
    record->destroyed = [this, other] { dropPromiseOf(other); };
    chain.stages.push_back(record);
    chain.end = Type::nothing;
    addHandle(&chain);
    runStages(chain);
    dropHandle(&chain);
  }

  // --- A59 to A63

  void release(Gathering* g) {
    if (--g->references > 0) return;
    dropPromiseOf(g->result);
    for (Chain* member : std::exchange(g->members, {})) unrefer(member);
  }

  void gather(const Operation& o) {
    std::vector<Chain*> members;
    for (int place = 0; place < deferredPlaces; ++place) {
      const Handle& handle = deferreds_[place];
      if (!(o.value >> place & 1) || !handle.chain || handle.type != Type::number || handle.chain->end != Type::number)
        continue;
      if (std::find(members.begin(), members.end(), handle.chain) != members.end()) continue;
      members.push_back(handle.chain);
      deferreds_[place] = Handle();
    }
    Chain* result = newChain(Type::list);
    addHandle(result);
    if (members.empty()) {
      Outcome none;
      none.list.emplace();
      fire(*result, none);
    } else {
      gatherings_.push_back(std::make_unique<Gathering>());
      Gathering* g = gatherings_.back().get();
      g->result = result;
      addPromise(result);
      g->missing = members.size();
      g->values.resize(members.size());
      g->consume = o.flag;
      g->references = 1;
      result->canceller = [this, g](Chain&) {
        for (Chain* member : g->members) refer(member);
        const std::vector<Chain*> kept = g->members;
        for (Chain* member : kept) cancel(*member);
        for (Chain* member : kept) unrefer(member);
      };
      result->cancellerMayWait = true;
      for (std::size_t i = 0; i < members.size(); ++i) {
        Chain* member = members[i];
        if (member->end != Type::number) refuseRest(*g, members, i);
        refer(member);
        g->members.push_back(member);
        member->awaited = true;
        member->end = Type::nothing;
        ++g->references;
        const auto record = std::make_shared<StageRecord>();
        record->run = [this, g, i](Chain& c) { arrived(*g, i, c); };
        record->destroyed = [this, g] { release(g); };
        member->stages.push_back(record);
        runStages(*member);
        dropHandle(member);
      }
      release(g);
    }
    const auto sum = std::make_shared<StageRecord>();
    sum->onFailure = false;
    sum->run = [](Chain& c) { c.result = number(std::accumulate(c.result->list->begin(), c.result->list->end(), 0)); };
    result->stages.push_back(sum);
    result->end = Type::number;
    runStages(*result);
    dropDeferred(o.place);
    keep(o.place, {result, Type::number});
  }

  /// What an earlier member brought about has given this one another type.
  [[noreturn]] void refuseRest(Gathering& g, const std::vector<Chain*>& members, std::size_t at) {
    dropHandle(members[at]);
    Chain* result = g.result;
    const auto silence = std::make_shared<StageRecord>();
    silence->run = [](Chain& c) { c.result = Outcome(); };
    result->stages.push_back(silence);
    runStages(*result);
    release(&g);
    dropHandle(result);
    for (std::size_t i = at + 1; i < members.size(); ++i) dropHandle(members[i]);
    throw Misuse{"retyped"};
  }

  void arrived(Gathering& g, std::size_t index, Chain& member) {
    if (const FailurePointer failure = member.result->failure) {
      if (g.consume) member.result = Outcome();
      if (std::exchange(g.done, true) || g.result->called) return;
      fire(*g.result, failed(make("First" + std::to_string(index) + "[" + failure->name + "]")));
      return;
    }
    g.values[index] = *member.result->number;
    member.result = Outcome();
    if (--g.missing > 0 || std::exchange(g.done, true) || g.result->called) return;
    Outcome all;
    all.list = g.values;
    fire(*g.result, all);
  }

  Handle deferreds_[deferredPlaces];
  Chain* promises_[promisePlaces] = {};
  std::deque<std::unique_ptr<Gathering>> gatherings_;
};

}  // namespace

std::string runModel(const Program& program) {
  Model model;
  model.run(program);
  return std::move(model.trace);
}

}  // namespace property
