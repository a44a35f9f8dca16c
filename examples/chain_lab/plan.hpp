/// @file
/// A chain as somebody built it on the page: which stages, what each does, and how the Deferred is started.
///
/// In JSON, which is what the page sends and what a link holds:
///
///     {"stages": [{"add": "callback", "f": {"do": "add", "value": 1}},
///                 {"add": "errback", "g": {"do": "return", "value": 0, "say": "it failed"}}],
///      "start": {"with": "value", "value": 41, "after": 0, "twice": false}, "cancel": null}
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <bight/http/status.hpp>

namespace lab {

/// What is allowed: a chain is for looking at.
constexpr std::size_t mostStages = 12;
constexpr std::size_t longestText = 60;     // characters
constexpr int longestDelay = 5000;          // milliseconds
constexpr int longestBlock = 250;           // milliseconds, of all stages that block together
constexpr std::size_t longestPlan = 16384;  // bytes of JSON

/// What chains of the lab carry.
enum class Type { nothing, number, text };

/// A result: nothing, a number or a text.
struct Value {
  std::variant<std::monostate, int, std::string> what;

  Type type() const noexcept { return static_cast<Type>(what.index()); }
  int number() const { return std::get<int>(what); }
  const std::string& text() const { return std::get<std::string>(what); }
  /// As it stands in a program, and in the picture: `42`, `"text"`, or "nothing".
  std::string toString() const;
};

/// What the function of a stage does.
enum class Does {
  give,           // return 42;
  add,            // return n + 1;
  pass,           // return what it was given
  nothing,        // end without a return
  print,          // print what it was given, and return nothing
  fail,           // throw
  later,          // return a Deferred that has a value after some time
  failLater,      // return a Deferred that fails after some time
  fired,          // return a Deferred that has fired already
  itself,         // return the Deferred that it is attached to
  block,          // sleep, and return what it was given
  onlyCancelled,  // take a CancelledError, and nothing else
};

struct Function {
  Does does = Does::pass;
  Value value;
  std::string message;
  int after = 0;    // milliseconds
  std::string say;  // printed first
};

enum class Add { callback, errback, callbacks, both };

struct Stage {
  Add add = Add::callback;
  Function f;  // for values; of addBoth, for both
  Function g;  // for failures
  Type before = Type::nothing;
  Type after = Type::nothing;
};

enum class Start { value, failure, nobody, you };

struct Plan {
  std::vector<Stage> stages;
  Start start = Start::value;
  Value value;
  std::string message;
  int after = 0;  // milliseconds until it is fired
  bool twice = false;
  std::optional<int> cancel;  // milliseconds until it is cancelled

  /// Whether anything in it takes time.
  bool takesTime() const;
  /// Whether a stage returns the very Deferred: then a name for its producer's end is needed.
  bool returnsItself() const;
};

/// What is wrong with a plan: 400, and in which stage, from 0; -1 for none.
class Mistake : public bight::http::StatusError {
 public:
  Mistake(const std::string& sentence, int stage) : StatusError(400, sentence), stage_(stage) {}
  int stage() const noexcept { return stage_; }

 private:
  int stage_;
};

/// Reads a plan, and checks what a compiler would check: that each function can take what comes to it, and that both ways
/// out of a stage have one type.
/// @throws Mistake
Plan parsePlan(std::string_view json);

}  // namespace lab
