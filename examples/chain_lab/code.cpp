#include "code.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace lab {
namespace {

/// As a literal of C++.
std::string quoted(std::string_view text, std::string_view end = {}) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out.append(end) + '"';
}

std::string typeName(Type type) {
  return type == Type::number ? "int" : type == Type::text ? "std::string" : "void";
}

std::string literal(const Value& value) {
  if (value.type() == Type::text) return "std::string(" + quoted(value.text()) + ")";
  return value.type() == Type::number ? std::to_string(value.number()) : std::string();
}

std::string returning(const Value& value) {
  return value.type() == Type::nothing ? "return;" : "return " + literal(value) + ";";
}

/// "const std::string& text", or nothing.
std::string parameter(Type type) {
  return type == Type::number ? "int n" : type == Type::text ? "const std::string& text" : "";
}
std::string nameOf(Type type) {
  return type == Type::number ? "n" : "text";
}

enum class Side { value, failure, both };

class Writer {
 public:
  explicit Writer(const Plan& plan) : plan_(plan) {}

  Program write() {
    includes();
    line("using namespace bight;");
    if (usesTime()) line("using namespace std::chrono_literals;");
    line();
    line("int main() {");
    if (plan_.takesTime()) line("  const auto reactor = makeReactor();");
    program_.created = line("  Deferred<" + typeName(plan_.value.type()) + "> d;");
    // Once a stage has given the Deferred away, only its Promise can fire it. And who goes without firing had one.
    if (plan_.returnsItself()) line("  const auto producer = d.promise();");
    line();
    for (const Stage& stage : plan_.stages) addStage(stage);
    line();
    start();
    if (plan_.cancel) cancel();
    if (plan_.takesTime()) {
      line();
      line("  reactor->callLater(" + std::to_string(wholeTime()) + "ms, [&] { reactor->stop(); });");
      line("  reactor->run();");
    }
    line("}");
    return std::move(program_);
  }

 private:
  unsigned line(std::string_view text = {}) {
    program_.text.append(text) += '\n';
    return ++lines_;
  }

  template <class Is>
  bool any(Is is) const {
    return std::any_of(plan_.stages.begin(), plan_.stages.end(), [&](const Stage& stage) {
      return (stage.add != Add::errback && is(stage.f)) ||
             ((stage.add == Add::errback || stage.add == Add::callbacks) && is(stage.g));
    });
  }
  bool anyDoes(Does does) const {
    return any([does](const Function& f) { return f.does == does; });
  }
  bool usesTime() const { return plan_.takesTime() || anyDoes(Does::block); }

  void includes() {
    const bool later = anyDoes(Does::later) || anyDoes(Does::failLater);
    const bool fails = anyDoes(Does::fail) || anyDoes(Does::failLater) || plan_.start == Start::failure;
    const bool prints = anyDoes(Does::print) || plan_.twice || any([](const Function& f) { return !f.say.empty(); });
    const auto text = [](Type type) { return type == Type::text; };
    const bool texts = text(plan_.value.type()) || std::any_of(plan_.stages.begin(), plan_.stages.end(),
                                                               [&](const Stage& stage) { return text(stage.after); });
    if (usesTime()) line("#include <chrono>");
    if (prints) line("#include <iostream>");
    if (fails) line("#include <stdexcept>");
    if (texts) line("#include <string>");
    if (anyDoes(Does::block)) line("#include <thread>");
    if (anyDoes(Does::itself)) line("#include <utility>");
    if (lines_ > 0) line();
    if (later) line("#include <bight/defer_later.hpp>");
    line("#include <bight/deferred.hpp>");
    if (anyDoes(Does::fired)) line("#include <bight/maybe_deferred.hpp>");
    if (plan_.takesTime()) line("#include <bight/reactor.hpp>");
    line();
  }

  void addStage(const Stage& stage) {
    Program::StageLines lines;
    std::string call = "  ";
    if (stage.after != stage.before) {
      const std::string next = "d" + std::to_string(++handles_);
      call += "Deferred<" + typeName(stage.after) + "> " + next + " = ";
      call += std::exchange(handle_, next);
    } else {
      call += handle_;
    }
    switch (stage.add) {
      case Add::callback:
        call += ".addCallback(";
        break;
      case Add::errback:
        call += ".addErrback(";
        break;
      case Add::callbacks:
        call += ".addCallbacks(";
        break;
      case Add::both:
        call += ".addBoth(";
    }
    lines.added = lines_ + 1;
    pending_ = std::move(call);
    indent_ = "";
    if (stage.add == Add::callbacks) {  // each function a line, or more
      line(std::exchange(pending_, "      "));
      indent_ = "    ";
    }
    if (stage.add == Add::errback) {
      function(stage.g, Side::failure, stage, lines.g);
    } else {
      function(stage.f, stage.add == Add::both ? Side::both : Side::value, stage, lines.f);
    }
    if (stage.add == Add::callbacks) {
      line(pending_ + ",");
      pending_ = "      ";
      function(stage.g, Side::failure, stage, lines.g);
    }
    line(std::exchange(pending_, {}) + ");");
    program_.stages.push_back(lines);
  }

  /// A lambda behind what is pending, which then is its last line.
  void function(const Function& f, Side side, const Stage& stage, unsigned& deferredAt) {
    std::vector<std::string> body;
    if (!f.say.empty()) body.push_back("std::cout << " + quoted(f.say, "\\n") + ";");
    std::string capture;
    std::string parameters;
    std::string result;
    const bool usesIt = f.does == Does::add || f.does == Does::pass || f.does == Does::print || f.does == Does::block ||
                        f.does == Does::onlyCancelled;
    if (side == Side::value) parameters = parameter(stage.before);
    if (side == Side::failure) parameters = usesIt ? "const Failure& failure" : "const Failure&";
    if (side == Side::value && !usesIt && stage.before != Type::nothing)
      parameters = stage.before == Type::number ? "int" : "const std::string&";
    if (side == Side::both && f.does == Does::pass) parameters = "Result<" + typeName(stage.before) + "> result";

    switch (f.does) {
      case Does::give:
        if (f.value.type() != Type::nothing) body.push_back(returning(f.value));
        break;
      case Does::add:
        body.push_back(f.value.number() < 0 ? "return n - " + std::to_string(-f.value.number()) + ";"
                                            : "return n + " + std::to_string(f.value.number()) + ";");
        break;
      case Does::pass:
        if (side == Side::failure) {
          body.emplace_back("return failure;");
        } else if (side == Side::both) {
          body.emplace_back("return result;");
        } else if (stage.before != Type::nothing) {
          body.push_back("return " + nameOf(stage.before) + ";");
        }
        break;
      case Does::nothing:
        break;
      case Does::print:
        body.push_back("std::cout << " + (side == Side::failure ? "failure.getErrorMessage()" : nameOf(stage.before)) +
                       " << '\\n';");
        break;
      case Does::fail:
        if (stage.after != Type::nothing) result = " -> " + typeName(stage.after);
        body.push_back("throw std::runtime_error(" + quoted(f.message) + ");");
        break;
      case Does::later:
        capture = "&reactor";
        body.push_back("return deferLater(*reactor, " + std::to_string(f.after) + "ms, [] { " +
                       (f.value.type() == Type::nothing ? "" : returning(f.value) + " ") + "});");
        break;
      case Does::failLater:
        capture = "&reactor";
        body.push_back("return deferLater(*reactor, " + std::to_string(f.after) + "ms, []" +
                       (stage.after == Type::nothing ? " " : "() -> " + typeName(stage.after) + " ") +
                       "{ throw std::runtime_error(" + quoted(f.message) + "); });");
        break;
      case Does::fired:
        body.push_back("return succeed(" + literal(f.value) + ");");
        break;
      case Does::itself:
        capture = "&d";
        body.emplace_back("return std::move(d);");
        break;
      case Does::block:
        body.push_back("std::this_thread::sleep_for(" + std::to_string(f.after) + "ms);");
        if (stage.before != Type::nothing) body.push_back("return " + nameOf(stage.before) + ";");
        break;
      case Does::onlyCancelled:
        body.emplace_back("failure.trap<CancelledError>();");
        if (f.value.type() != Type::nothing) body.push_back(returning(f.value));
        break;
    }

    // Without parameters the parentheses can go, unless a type stands behind them.
    std::string head = "[" + capture + "]";
    if (!parameters.empty() || !result.empty()) head += "(" + parameters + ")" + result;
    head += " {";
    const bool returnsDeferred =
        f.does == Does::later || f.does == Does::failLater || f.does == Does::fired || f.does == Does::itself;
    constexpr std::size_t width = 112;
    if (body.empty()) {
      pending_ += head + "}";
    } else if (body.size() == 1 && pending_.size() + head.size() + body[0].size() + 6 < width) {
      pending_ += head + " " + body[0] + " }";
      if (returnsDeferred) deferredAt = lines_ + 1;
    } else {
      line(pending_ + head);
      for (const std::string& statement : body) {
        const unsigned at = line(indent_ + "    " + statement);
        if (returnsDeferred) deferredAt = at;
      }
      pending_ = indent_ + "  }";
    }
  }

  std::string firing(const Value& again) const {
    const std::string who = plan_.returnsItself() ? "producer" : "d";
    if (plan_.start == Start::failure) return who + ".errback(std::runtime_error(" + quoted(plan_.message) + "));";
    return who + ".callback(" + literal(again) + ");";
  }

  void start() {
    if (plan_.start == Start::you) {
      program_.fired = line("  // Whoever has the Deferred fires it, once: " + firing(plan_.value));
      return;
    }
    if (plan_.start == Start::nobody) {
      program_.fired = line("  { const auto forgotten = d.promise(); }  // who should have fired it has gone");
      return;
    }
    std::string indent = "  ";
    const bool later = plan_.after > 0;
    if (later && !plan_.twice) {
      program_.fired =
          line("  reactor->callLater(" + std::to_string(plan_.after) + "ms, [&] { " + firing(plan_.value) + " });");
      return;
    }
    if (later) {
      line("  reactor->callLater(" + std::to_string(plan_.after) + "ms, [&] {");
      indent += "  ";
    }
    program_.fired = line(indent + firing(plan_.value));
    if (plan_.twice) {
      line(indent + "try {");
      program_.firedAgain = line(indent + "  " + firing(plan_.value));
      line(indent + "} catch (const AlreadyCalledError& error) {");
      line(indent + "  std::cout << error.what() << '\\n';");
      line(indent + "}");
    }
    if (later) line("  });");
  }

  void cancel() {
    if (*plan_.cancel == 0) {
      program_.cancelled = line("  d.cancel();");
    } else {
      program_.cancelled = line("  reactor->callLater(" + std::to_string(*plan_.cancel) + "ms, [&] { d.cancel(); });");
    }
  }

  int wholeTime() const {
    int time = 100 + std::max(plan_.after, plan_.cancel.value_or(0));
    for (const Stage& stage : plan_.stages) time += std::max(stage.f.after, stage.g.after);
    return time;
  }

  const Plan& plan_;
  Program program_;
  unsigned lines_ = 0;
  int handles_ = 1;
  std::string handle_ = "d";
  std::string pending_;  // the beginning of a line that is not complete
  std::string indent_;   // of functions, besides that of statements
};

}  // namespace

Program writeProgram(const Plan& plan) {
  return Writer(plan).write();
}

}  // namespace lab
