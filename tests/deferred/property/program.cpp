#include "program.hpp"

#include <functional>
#include <random>

namespace property {

Type typeOf(Returns returns) {
  switch (returns) {
    case Returns::number:
    case Returns::result:
    case Returns::deferred:
      return Type::number;
    default:
      return Type::nothing;
  }
}

Returns fitting(Returns returns, Type type) {
  if (type != Type::nothing) return returns;
  switch (returns) {
    case Returns::number:
      return Returns::nothing;
    case Returns::result:
      return Returns::resultNothing;
    case Returns::deferred:
      return Returns::deferredNothing;
    default:
      return returns;
  }
}

namespace {

class Generator {
 public:
  explicit Generator(std::uint64_t seed)
      : random_(seed * 0x9e3779b97f4a7c15U + 1),
        knots_(below(4) == 0),
        gathers_(below(4) == 0),
        chains_(below(3) == 0) {}

  Program program() {
    Program program;
    // Some chains to begin with, or most operations would find nothing.
    for (int i = 1 + below(3); i > 0; --i) {
      Operation make;
      make.kind = Kind::make;
      make.place = deferred();
      make.flag = oneIn(6);
      if (oneIn(4)) canceller(make, 2);
      Operation promise;
      promise.kind = Kind::promise;
      promise.place = make.place;
      promise.other = this->promise();
      program.operations.push_back(make);
      if (!oneIn(3)) program.operations.push_back(promise);
    }
    for (Operation& o : script(6 + below(30), 0)) program.operations.push_back(std::move(o));
    // The end that most of the programs would not come to by themselves: everything is fired.
    if (below(3) == 0) {
      for (int place = 0; place < promisePlaces; ++place) {
        Operation fire;
        fire.kind = Kind::firePromise;
        fire.place = place;
        fire.value = 90 + place;
        program.operations.push_back(fire);
      }
    }
    program.mayLeak = knots_ || gathers_;
    return program;
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<std::uint64_t>(limit)); }
  bool oneIn(int n) { return below(n) == 0; }
  int deferred() { return below(deferredPlaces); }
  int promise() { return below(promisePlaces); }

  std::vector<Operation> script(int length, int depth) {
    std::vector<Operation> operations;
    for (int i = 0; i < length && budget_ > 0; ++i) operations.push_back(operation(depth));
    return operations;
  }

  Operation operation(int depth) {
    --budget_;
    Operation o;
    o.place = deferred();
    o.value = ++last_;
    int dice = below(100);
    if (chains_ && dice < 52 && oneIn(3)) dice = oneIn(3) ? 85 : oneIn(2) ? 55 : 1;
    if (dice < 10) {
      o.kind = Kind::make;
      o.flag = oneIn(4);
      if (oneIn(3)) canceller(o, depth);
    } else if (dice < 15) {
      o.kind = Kind::ready;
      o.flag = oneIn(3);
      if (oneIn(4)) o.value = 0;
    } else if (dice < 52) {
      o.kind = Kind::add;
      o.stage.push_back(stage(depth));
    } else if (dice < 60) {
      o.kind = Kind::promise;
      o.other = promise();
    } else if (dice < 67) {
      o.kind = Kind::fire;
      o.flag = oneIn(4);
    } else if (dice < 77) {
      o.kind = Kind::firePromise;
      o.place = promise();
      o.flag = oneIn(4);
    } else if (dice < 80) {
      o.kind = Kind::pause;
    } else if (dice < 84) {
      o.kind = Kind::unpause;
    } else if (dice < 89) {
      o.kind = Kind::cancel;
    } else if (dice < 92) {
      o.kind = Kind::drop;
    } else if (dice < 94) {
      o.kind = Kind::dropPromise;
      o.place = promise();
    } else if (dice < 96) {
      o.kind = Kind::move;
      o.other = deferred();
    } else if (dice < 98 && knots_) {
      o.kind = Kind::chainTo;
      o.other = promise();
    } else if (!gathers_) {
      o.kind = Kind::cancel;
    } else {
      o.kind = Kind::gather;
      o.value = below(1 << deferredPlaces);
      o.flag = oneIn(2);
    }
    return o;
  }

  Function function(int depth) {
    Function f;
    f.id = ++last_;
    f.returns = static_cast<Returns>(below(7));
    if (chains_ && oneIn(2)) f.returns = Returns::deferred;
    if (f.returns == Returns::resultNothing && oneIn(2)) f.returns = Returns::number;
    const int ends = below(8);
    f.ends = ends < 5 ? Ends::value : ends == 5 ? Ends::failure : ends == 6 ? Ends::throws : Ends::same;
    f.value = ++last_;
    f.place = oneIn(5) ? nowhere : deferred();
    if (depth < 4 && oneIn(2)) f.script = script(1 + below(3), depth + 1);
    return f;
  }

  Stage stage(int depth) {
    Stage s;
    s.form = static_cast<Form>(below(4));
    s.takes = !oneIn(5);
    s.first = function(depth);
    if (s.form == Form::twoSided) {
      constexpr Returns allowed[] = {Returns::nothing, Returns::number, Returns::deferred};
      s.first.returns = allowed[below(3)];
      constexpr Returns errbacks[] = {Returns::nothing, Returns::number, Returns::deferred, Returns::failure};
      s.second = function(depth);
      s.second.returns = errbacks[below(4)];
      s.takes = true;
    }
    if (chains_ && oneIn(2)) s.first.ends = Ends::value;
    if (oneIn(2)) s.keepIn = deferred();
    if (knots_ && oneIn(3)) s.holds = promise();
    return s;
  }

  void canceller(Operation& o, int depth) {
    Function f;
    f.id = ++last_;
    f.value = ++last_;
    f.place = promise();
    if (depth < 4 && oneIn(3)) f.script = script(1 + below(2), depth + 1);
    o.canceller.push_back(f);
    o.cancellerTakesPromise = !oneIn(3);
    o.cancellerEnds = static_cast<CancellerEnds>(below(5));
    if (!o.cancellerTakesPromise && o.cancellerEnds != CancellerEnds::throws) o.cancellerEnds = CancellerEnds::silently;
  }

  std::mt19937_64 random_;
  bool knots_;
  bool gathers_;
  bool chains_;  // many stages return Deferreds, and few chains are fired early
  int budget_ = 90;
  int last_ = 0;
};

// --- as text

constexpr const char* kindNames[] = {"make",    "ready",  "add",  "promise",     "fire", "firePromise", "pause",
                                     "unpause", "cancel", "drop", "dropPromise", "move", "chainTo",     "gather"};
constexpr const char* returnNames[] = {"void",           "int",           "Result<void>", "Result<int>",
                                       "Deferred<void>", "Deferred<int>", "Failure"};
constexpr const char* endNames[] = {"value", "failure", "throws", "same"};
constexpr const char* formNames[] = {"callback", "errback", "both", "callbacks"};
constexpr const char* cancellerNames[] = {"silently", "fires", "fails", "throws", "keepsPromise"};

void print(std::string& out, const std::vector<Operation>& operations, int indent);

void print(std::string& out, const Function& f, int indent) {
  out += std::string(static_cast<std::size_t>(indent), ' ') + "f" + std::to_string(f.id) + " returns " +
         returnNames[static_cast<int>(f.returns)] + ", " + endNames[static_cast<int>(f.ends)] + " " +
         std::to_string(f.value) + ", place " + std::to_string(f.place) + "\n";
  print(out, f.script, indent + 2);
}

void print(std::string& out, const std::vector<Operation>& operations, int indent) {
  for (const Operation& o : operations) {
    out += std::string(static_cast<std::size_t>(indent), ' ') + kindNames[static_cast<int>(o.kind)] + " place " +
           std::to_string(o.place) + " other " + std::to_string(o.other) + " value " + std::to_string(o.value) +
           (o.flag ? " flag" : "");
    for (const Stage& s : o.stage) {
      out += std::string(" ") + formNames[static_cast<int>(s.form)] + (s.takes ? "" : " (takes nothing)") + " keepIn " +
             std::to_string(s.keepIn) + " holds " + std::to_string(s.holds) + "\n";
      print(out, s.first, indent + 4);
      if (s.form == Form::twoSided) print(out, s.second, indent + 4);
    }
    for (const Function& f : o.canceller) {
      out += std::string(" canceller ") + cancellerNames[static_cast<int>(o.cancellerEnds)] +
             (o.cancellerTakesPromise ? " (takes the promise)" : "") + "\n";
      print(out, f, indent + 4);
    }
    if (o.stage.empty() && o.canceller.empty()) out += "\n";
  }
}

// --- smaller ones

void eachScript(std::vector<Operation>& operations, const std::function<void(std::vector<Operation>&)>& visit) {
  visit(operations);
  for (Operation& o : operations) {
    for (Stage& s : o.stage) {
      eachScript(s.first.script, visit);
      eachScript(s.second.script, visit);
    }
    for (Function& f : o.canceller) eachScript(f.script, visit);
  }
}

}  // namespace

Program generate(std::uint64_t seed) {
  return Generator(seed).program();
}

std::string toString(const Program& program) {
  std::string out;
  print(out, program.operations, 2);
  return out;
}

std::vector<Program> smaller(const Program& program) {
  std::vector<std::size_t> lengths;
  Program counted = program;
  eachScript(counted.operations, [&](std::vector<Operation>& script) { lengths.push_back(script.size()); });
  std::vector<Program> result;
  for (std::size_t which = 0; which < lengths.size(); ++which) {
    for (std::size_t at = lengths[which]; at-- > 0;) {
      Program copy = program;
      std::size_t seen = 0;
      std::vector<Operation>* chosen = nullptr;
      eachScript(copy.operations, [&](std::vector<Operation>& script) {
        if (seen++ == which) chosen = &script;
      });
      chosen->erase(chosen->begin() + static_cast<std::ptrdiff_t>(at));
      result.push_back(std::move(copy));
    }
  }
  return result;
}

}  // namespace property
