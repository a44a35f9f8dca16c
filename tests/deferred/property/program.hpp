// A random program over chains: what the property test runs on the real thing and on the model, and compares.
//
// A program is a list of operations on a few numbered places, some of which hold a Deferred and some a Promise. A stage that is added to a
// chain carries a script of further operations, which it runs when its turn comes. An operation on an empty place does nothing, so every
// list of operations is a program, and any part of it may be left out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace property {

inline constexpr int deferredPlaces = 5;
inline constexpr int promisePlaces = 4;
inline constexpr int nowhere = -1;

/// What a chain may carry at one place. Only the result of gatherResults carries a list, and only until it has been summed up.
enum class Type : std::uint8_t { nothing, number, list };

/// The type that a function of a stage returns.
enum class Returns : std::uint8_t { nothing, number, resultNothing, result, deferredNothing, deferred, failure };

/// How it ends.
enum class Ends : std::uint8_t {
  value,    // returns a value; one that returns a Deferred takes it from a place, if there is one of that type
  failure,  // returns a new failure, where its type can hold one; otherwise throws it
  throws,   // throws
  same      // gives the failure that it was called with once more; a callback returns a value
};

struct Operation;

/// A function that the program gives away: one side of a stage, or a canceller.
struct Function {
  int id = 0;
  Returns returns = Returns::nothing;
  Ends ends = Ends::value;
  int value = 0;
  int place = nowhere;  // of the Deferred that it returns
  std::vector<Operation> script;
};

enum class Form : std::uint8_t { callback, errback, both, twoSided };

struct Stage {
  Form form = Form::callback;
  bool takes = true;     // whether the callback takes the value
  Function first;        // the only one but for twoSided
  Function second;       // the errback of twoSided
  int keepIn = nowhere;  // the place for the new handle, where the stage changes the type
  int holds = nowhere;   // the place of a Promise that moves into the stage
};

enum class Kind : std::uint8_t {
  make,     // a new Deferred that carries nothing (flag) or a number
  ready,    // one that has been fired: with a failure (flag), with `value`, or, if that is 0, with nothing
  add,      // a stage
  promise,  // takes a Promise of the Deferred at `place` to `other`
  fire,     // the Deferred at `place`, with a failure (flag) or a value
  firePromise,
  pause,
  unpause,
  cancel,
  drop,
  dropPromise,
  move,     // to `other`, if that is empty
  chainTo,  // the Deferred at `place` to the Promise at `other`
  gather    // those whose bit is set in `value`; into `place`; consumeErrors (flag)
};

/// What a canceller does at its end.
enum class CancellerEnds : std::uint8_t { silently, fires, fails, throws, keepsPromise };

struct Operation {
  Kind kind = Kind::make;
  int place = 0;
  int other = 0;
  int value = 0;
  bool flag = false;
  std::vector<Stage> stage;         // of `add`: one
  std::vector<Function> canceller;  // of `make`: none or one
  bool cancellerTakesPromise = false;
  CancellerEnds cancellerEnds = CancellerEnds::silently;
};

struct Program {
  std::vector<Operation> operations;
  bool mayLeak =
      false;  // stages hold promises, or gathered chains are paused: the user can tie knots that nobody unties
};

/// The type after a function that returns this, and what an errback with such a function may return on a chain of `type`.
Type typeOf(Returns returns);
Returns fitting(Returns returns, Type type);

/// The same program for the same seed, everywhere.
Program generate(std::uint64_t seed);

/// The program as text, for people.
std::string toString(const Program& program);

/// All the programs with one operation less, the large cuts first.
std::vector<Program> smaller(const Program& program);

}  // namespace property
