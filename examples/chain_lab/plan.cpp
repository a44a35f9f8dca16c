#include "plan.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include <bight/http/form.hpp>
#include <bight/http/json.hpp>

namespace lab {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<const char*, Does>, 12> deeds{{{"return", Does::give},
                                                              {"add", Does::add},
                                                              {"pass", Does::pass},
                                                              {"nothing", Does::nothing},
                                                              {"print", Does::print},
                                                              {"throw", Does::fail},
                                                              {"later", Does::later},
                                                              {"failLater", Does::failLater},
                                                              {"fired", Does::fired},
                                                              {"itself", Does::itself},
                                                              {"block", Does::block},
                                                              {"onlyCancelled", Does::onlyCancelled}}};
constexpr std::array<std::pair<const char*, Add>, 4> adds{
    {{"callback", Add::callback}, {"errback", Add::errback}, {"callbacks", Add::callbacks}, {"both", Add::both}}};
constexpr std::array<std::pair<const char*, Start>, 4> starts{
    {{"value", Start::value}, {"failure", Start::failure}, {"nobody", Start::nobody}, {"you", Start::you}}};

const char* nameOf(Type type) {
  return type == Type::number ? "a number" : type == Type::text ? "a text" : "nothing";
}

/// Reads one object, and complains in terms of it.
class Reader {
 public:
  Reader(const json& object, std::string where, int stage) : object_(object), where_(std::move(where)), stage_(stage) {
    if (!object.is_object()) fail("is to be an object");
  }

  [[noreturn]] void fail(const std::string& complaint) const { throw Mistake(where_ + " " + complaint + ".", stage_); }

  const json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  template <class E, std::size_t n>
  E oneOf(const char* name, const std::array<std::pair<const char*, E>, n>& choices) const {
    const json* value = find(name);
    std::string known;
    for (const auto& [word, meaning] : choices) {
      if (value && value->is_string() && value->get_ref<const std::string&>() == word) return meaning;
      known += std::string(known.empty() ? "" : ", ") + word;
    }
    fail("needs a \"" + std::string(name) + "\" that is one of " + known);
  }

  int milliseconds(const char* name, int most) const {
    const json* value = find(name);
    if (!value) return 0;
    if (!value->is_number_integer() || value->get<double>() < 0 || value->get<double>() > most)
      fail("needs a \"" + std::string(name) + "\" of 0 to " + std::to_string(most) + " milliseconds");
    return value->get<int>();
  }

  bool flag(const char* name) const {
    const json* value = find(name);
    if (value && !value->is_boolean()) fail("needs a \"" + std::string(name) + "\" that is true or false");
    return value && value->get<bool>();
  }

  std::string text(const char* name) const {
    const json* value = find(name);
    return value ? checked(name, *value) : std::string();
  }

  Value value(const char* name) const {
    const json* value = find(name);
    if (!value) return {};
    if (value->is_string()) return {checked(name, *value)};
    constexpr double most = 1e9;
    if (!value->is_number_integer() || value->get<double>() > most || value->get<double>() < -most)
      fail("needs a \"" + std::string(name) + "\" that is a whole number of at most nine digits, a text, or null");
    return {value->get<int>()};
  }

 private:
  std::string checked(const char* name, const json& value) const {
    if (!value.is_string()) fail("needs a \"" + std::string(name) + "\" that is a text");
    const auto& text = value.get_ref<const std::string&>();
    const auto characters =
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    const bool strange =
        std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    if (static_cast<std::size_t>(characters) > longestText || strange)
      fail("needs a \"" + std::string(name) + "\" of at most " + std::to_string(longestText) +
           " characters, without control characters");
    return text;
  }

  const json& object_;
  std::string where_;
  int stage_;
};

Function functionIn(const Reader& stage, const char* name, const std::string& where, int number) {
  const json* object = stage.find(name);
  if (!object) stage.fail("needs a function \"" + std::string(name) + "\"");
  const Reader reader(*object, where, number);
  Function function;
  function.does = reader.oneOf("do", deeds);
  function.value = reader.value("value");
  function.message = reader.text("message");
  if (function.message.empty()) function.message = "it failed";
  function.after = reader.milliseconds("after", function.does == Does::block ? longestBlock : longestDelay);
  function.say = reader.text("say");
  if (function.does == Does::add && function.value.type() != Type::number)
    reader.fail("adds a number: it needs a \"value\" that is one");
  return function;
}

/// What comes out of a function, or null if it only fails.
class Typing {
 public:
  Typing(std::string where, int stage) : where_(std::move(where)), stage_(stage) {}

  std::optional<Type> ofCallback(const Function& f, Type in, Type head, bool alone) const {
    switch (f.does) {
      case Does::add:
        if (in != Type::number) fail("adds to a number, and " + std::string(nameOf(in)) + " comes to it");
        return Type::number;
      case Does::print:
        if (in == Type::nothing) fail("prints what it is given, and nothing comes to it");
        return Type::nothing;
      case Does::pass:
      case Does::block:
        return in;
      case Does::itself:
        if (!alone || in != head) fail("can return its own Deferred only while that carries what it was fired with");
        return in;
      case Does::onlyCancelled:
        fail("takes a CancelledError, which only an errback is given");
      default:
        return ofAny(f);
    }
  }

  std::optional<Type> ofErrback(const Function& g) const {
    switch (g.does) {
      case Does::print:
      case Does::nothing:
        return Type::nothing;
      case Does::pass:
        return std::nullopt;
      case Does::add:
      case Does::block:
      case Does::itself:
        fail("does what only a callback can: it is given a Failure");
      default:
        return ofAny(g);
    }
  }

  std::optional<Type> ofBoth(const Function& f, Type in) const {
    switch (f.does) {
      case Does::pass:
        return in;
      case Does::add:
      case Does::print:
      case Does::block:
      case Does::itself:
      case Does::onlyCancelled:
        fail("does what only a callback or an errback can: it does not know which of them it is");
      default:
        return ofAny(f);
    }
  }

  [[noreturn]] void fail(const std::string& complaint) const { throw Mistake(where_ + " " + complaint + ".", stage_); }

 private:
  static std::optional<Type> ofAny(const Function& f) {
    switch (f.does) {
      case Does::fail:
      case Does::failLater:
        return std::nullopt;
      case Does::nothing:
        return Type::nothing;
      default:
        return f.value.type();
    }
  }

  std::string where_;
  int stage_;
};

void giveTypes(Plan& plan) {
  const Type head = plan.value.type();
  Type now = head;
  bool retyped = false;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    Stage& stage = plan.stages[i];
    const int number = static_cast<int>(i);
    const Typing f("The function of stage " + std::to_string(i + 1), number);
    const Typing g("The errback of stage " + std::to_string(i + 1), number);
    stage.before = now;
    const auto mustBe = [&](std::optional<Type> failing, Type other, bool mayDrop) {
      if (!failing || *failing == other) return other;
      if (mayDrop && *failing == Type::nothing) return Type::nothing;
      g.fail("leaves " + std::string(nameOf(*failing)) + ", and values come by as " + nameOf(other) +
             ": both ways out of a stage need one type");
    };
    if (stage.add == Add::callback) {
      now = f.ofCallback(stage.f, now, head, !retyped).value_or(now);
    } else if (stage.add == Add::errback) {
      now = mustBe(g.ofErrback(stage.g), now, true);
    } else if (stage.add == Add::callbacks) {
      const auto failing = g.ofErrback(stage.g);
      const auto passing = f.ofCallback(stage.f, now, head, !retyped);
      now = passing ? mustBe(failing, *passing, false) : failing.value_or(now);
    } else {
      now = f.ofBoth(stage.f, now).value_or(now);
    }
    stage.after = now;
    retyped = retyped || now != head;
  }
}

}  // namespace

std::string Value::toString() const {
  if (type() == Type::number) return std::to_string(number());
  if (type() == Type::text) return '"' + text() + '"';
  return "nothing";
}

bool Plan::takesTime() const {
  const auto waits = [](const Function& f) { return f.does == Does::later || f.does == Does::failLater; };
  return after > 0 || (cancel && *cancel > 0) || std::any_of(stages.begin(), stages.end(), [&](const Stage& stage) {
           return (stage.add != Add::errback && waits(stage.f)) ||
                  ((stage.add == Add::errback || stage.add == Add::callbacks) && waits(stage.g));
         });
}

bool Plan::returnsItself() const {
  return std::any_of(stages.begin(), stages.end(),
                     [](const Stage& stage) { return stage.add != Add::errback && stage.f.does == Does::itself; });
}

Plan parsePlan(std::string_view text) {
  if (text.size() > longestPlan)
    throw Mistake("A chain has at most " + std::to_string(longestPlan) + " bytes of JSON.", -1);
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const Reader reader(object, "The chain", -1);
  Plan plan;

  const json* stages = reader.find("stages");
  if (!stages || !stages->is_array() || stages->empty() || stages->size() > mostStages)
    reader.fail("needs \"stages\", 1 to " + std::to_string(mostStages) + " of them");
  int blocked = 0;
  for (std::size_t i = 0; i < stages->size(); ++i) {
    const std::string name = "tage " + std::to_string(i + 1);
    const int number = static_cast<int>(i);
    const Reader one((*stages)[i], "S" + name, number);
    Stage stage;
    stage.add = one.oneOf("add", adds);
    if (stage.add != Add::errback) stage.f = functionIn(one, "f", "The function of s" + name, number);
    if (stage.add == Add::errback || stage.add == Add::callbacks)
      stage.g = functionIn(one, "g", "The errback of s" + name, number);
    if (stage.f.does == Does::block) blocked += stage.f.after;
    if (blocked > longestBlock)
      one.fail("blocks, with those before it, for more than " + std::to_string(longestBlock) + " ms");
    plan.stages.push_back(std::move(stage));
  }

  const json* startObject = reader.find("start");
  if (!startObject) reader.fail("needs a \"start\"");
  const Reader start(*startObject, "The start", -1);
  plan.start = start.oneOf("with", starts);
  plan.value = start.value("value");
  plan.message = start.text("message");
  if (plan.message.empty()) plan.message = "it failed";
  plan.after = start.milliseconds("after", longestDelay);
  plan.twice = start.flag("twice");
  if (reader.find("cancel")) plan.cancel = reader.milliseconds("cancel", longestDelay);
  if (plan.cancel && plan.returnsItself())
    reader.fail("gives its own Deferred away: then nobody has it who could cancel it");
  giveTypes(plan);
  return plan;
}

}  // namespace lab
