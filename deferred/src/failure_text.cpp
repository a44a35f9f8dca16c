#include "failure_text.hpp"

#include <unistd.h>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/first_error.hpp>
#include <bight/race.hpp>
#include <bight/stack_trace.hpp>
#include <bight/trace.hpp>

#include "joined.hpp"
#include "own_places.hpp"
#include "path.hpp"

namespace bight {

namespace {

using Kind = FailureStep::Kind;
using Detail = Failure::Detail;

/// As in "skipped the callback": a recorder's word, where that can be said of a stage.
const char* nameOf(StageKind kind) {
  switch (kind) {
    case StageKind::callbacks:
      return "callback or errback";
    case StageKind::member:
      return "gathering";
    case StageKind::handover:
      return "handing over";
    default:
      return toString(kind);
  }
}

std::string theStage(const FailureStep& step) {
  return std::string("the ") + nameOf(step.stage);
}

bool hasPlace(const FailureStep& step) {
  return step.at.file_name() && *step.at.file_name();
}

/// Whether the place is there and nothing that only concerns the library.
bool isTheirs(const FailureStep& step) {
  return hasPlace(step) && !detail::isOwnFile(step.at.file_name());
}

std::string place(std::source_location at) {
  return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

bool isOwn(const StackFrame& frame) {
  return detail::isOwnFunction(frame.function) || (frame.file.empty() ? false : detail::isOwnFile(frame.file));
}

/// Where a failure came up, in its first Deferred: the steps up to `threw`, `fired` and their kin.
std::size_t originSize(const std::vector<FailureStep>& oldestFirst) {
  for (std::size_t i = 0; i < oldestFirst.size() && i < 3; ++i) {
    switch (oldestFirst[i].kind) {
      case Kind::created:
      case Kind::succeeded:
        break;
      case Kind::begun:
        // A coroutine that had its value, with which a stage behind it failed, is only where that came from.
        if (i + 1 < oldestFirst.size() && oldestFirst[i + 1].kind == Kind::threw) break;
        return i + 1;
      case Kind::threw:
      case Kind::called:
      case Kind::fired:
      case Kind::cancelled:
      case Kind::abandoned:
        return i + 1;
      default:
        return i;
    }
  }
  return 0;
}

class Teller {
 public:
  Teller(Detail detail, bool coloured) : detail_(detail), coloured_(coloured) {}

  std::string take() && { return std::move(text_); }

  void tell(const Failure& failure, const std::string& indent, unsigned depth, bool head) {
    const std::string what = failure.typeName() + ": " + failure.getErrorMessage();
    if (head) {
      text_ += indent;
      text_ += "Traceback: ";
    } else {
      text_ += indent;
    }
    text_ += ink(red) + what + ink(plain) + "\n";
    const std::string inner = indent + "  ";
    const bool frames = tellStack(thrownAt(failure), inner);
    std::vector<FailureStep> steps = failure.path();
    const std::vector<FailureStep> oldestFirst(steps.rbegin(), steps.rend());
    const std::size_t origin = originSize(oldestFirst);
    tellOrigin(oldestFirst, origin, inner, frames);
    tellWay(oldestFirst, origin, detail::FailureState::droppedSteps(failure), inner);
    if (depth == 0) return;
    if (const auto* first = failure.get<FirstError>()) {
      line(inner, "number " + std::to_string(first->index()) + " had failed:");
      tell(first->subFailure(), inner + "  ", depth - 1, true);
    } else if (const auto* group = failure.get<FailureGroup>()) {
      for (std::size_t i = 0; i < group->failures().size() && i < 8; ++i) {
        line(inner, "number " + std::to_string(i) + " had failed:");
        tell(group->failures()[i], inner + "  ", depth - 1, true);
      }
    }
    if (const Failure* cause = failure.cause()) {
      line(inner, "while handling:");
      tell(*cause, inner + "  ", depth - 1, true);
    }
  }

 private:
  static constexpr const char* red = "\033[1;31m";
  static constexpr const char* faint = "\033[2m";
  static constexpr const char* cyan = "\033[36m";
  static constexpr const char* plain = "\033[0m";

  const char* ink(const char* colour) const { return coloured_ ? colour : ""; }
  bool all() const { return detail_ == Detail::verbose; }

  void line(const std::string& indent, const std::string& words) { text_ += indent + words + "\n"; }

  std::string at(std::source_location where) const { return " at " + (ink(cyan) + place(where)) + ink(plain); }
  /// " at file:line", or nothing if the place is unknown or the library's own.
  std::string at(const FailureStep& step) const {
    if (!(all() ? hasPlace(step) : isTheirs(step))) return {};
    std::string words = at(step.at);
    if (all()) words += std::string(" in ") + step.at.function_name();
    return words;
  }

  std::string coroutine(const FailureStep& step) const {
    return all() ? step.at.function_name() + at(step.at) : detail::shortFunction(step.at.function_name());
  }

  bool tellStack(const std::vector<StackFrame>& frames, const std::string& indent) {
    bool any = false;
    for (const StackFrame& frame : frames) {
      if (!all() && isOwn(frame)) continue;
      if (frame.function.empty() && frame.file.empty()) continue;
      std::string words = any ? "       in " : "thrown in ";
      words += frame.function.empty() ? "a function without a name" : frame.function;
      if (!frame.file.empty())
        words += " at " + (ink(cyan) + frame.file + ":" + std::to_string(frame.line)) + ink(plain);
      line(indent, words);
      any = true;
    }
    return any;
  }

  void tellDuring(const FailureStep& step, const std::string& indent) {
    if (!step.during.empty()) line(indent, "during " + step.during);
  }

  void tellOrigin(const std::vector<FailureStep>& steps, std::size_t count, const std::string& indent, bool thrown) {
    if (count == 0) return;
    const FailureStep& last = steps[count - 1];
    switch (last.kind) {
      case Kind::threw:
        line(indent, (thrown ? "by " : "thrown by ") + theStage(last) + at(last));
        break;
      case Kind::begun:
        line(indent, std::string(thrown ? "in the coroutine " : "thrown in the coroutine ") + coroutine(last));
        break;
      case Kind::called:
        if (!at(last).empty())
          line(indent, (thrown ? "by the function given" : "thrown by the function given") + at(last));
        break;
      case Kind::fired:
        line(indent, at(last).empty() ? "fired by the library" : "fired" + at(last));
        break;
      case Kind::cancelled:
        line(indent, "cancelled");
        break;
      default:
        line(indent, "abandoned: its last Promise died unfired");
        break;
    }
    tellDuring(last, at(last).empty() && last.kind == Kind::called ? indent : indent + "  ");
    if (count == 1 || last.kind == Kind::begun) return;
    std::string words;
    for (std::size_t i = 0; i + 1 < count; ++i) {
      const std::string where = at(steps[i]);
      if (where.empty()) continue;
      if (steps[i].kind == Kind::created) {
        words += "in the Deferred created" + where;
      } else if (steps[i].kind == Kind::begun) {
        words += "in the coroutine " + coroutine(steps[i]);
      } else {
        words += (words.empty() ? "in a Deferred fired" : ", fired") + where;
      }
    }
    if (!words.empty()) line(indent + "  ", words);
  }

  void tellWay(const std::vector<FailureStep>& steps, std::size_t from, std::uint32_t dropped,
               const std::string& indent) {
    bool any = false;
    std::string last;
    unsigned times = 1;
    const auto tellTimes = [&] {  // behind the line that was the same so often
      if (times > 1) text_.insert(text_.size() - 1, ", " + std::to_string(times) + " times");
      times = 1;
    };
    for (std::size_t i = steps.size(); i-- > from;) {
      const FailureStep& step = steps[i];
      if (dropped > 0 && i + 1 == detail::Path::first) {
        tellTimes();
        last.clear();
        line(indent + "  ", detail::joined("(", std::to_string(dropped), " more steps)"));
      }
      // Coroutines that hand a failure on leave two steps, of which the place of the co_await says more.
      if (step.kind == Kind::begun && i > from && steps[i - 1].kind == Kind::awaited && !all()) continue;
      const std::string words = inWords(step);
      if (words.empty()) continue;
      if (!std::exchange(any, true)) line(indent, "then, newest first:");
      if (words == last && step.during.empty()) {
        ++times;
        continue;
      }
      tellTimes();
      line(indent + "  ", words);
      tellDuring(step, indent + "    ");
      last = words;
    }
    tellTimes();
  }

  std::string inWords(const FailureStep& step) const {
    const std::string where = at(step);
    const bool quiet = where.empty() && !all() && step.during.empty();
    switch (step.kind) {
      case Kind::created:
        return where.empty() ? "" : "in the Deferred created" + where;
      case Kind::succeeded:
        return where.empty() ? "" : "fired with a value" + where;
      case Kind::begun:
        return "out of the coroutine " + coroutine(step);
      case Kind::fired:
        return where.empty() ? "fired by the library" : "fired" + where;
      case Kind::cancelled:
        return "cancelled";
      case Kind::abandoned:
        return "abandoned: its last Promise died unfired";
      case Kind::threw:
        return "thrown by " + theStage(step) + where;
      case Kind::called:
        return where.empty() ? "" : "thrown by the function given" + where;
      case Kind::skipped:
        return quiet ? "" : ink(faint) + ("skipped " + theStage(step) + where) + ink(plain);
      case Kind::passed:
        return quiet ? "" : "passed on by " + theStage(step) + where;
      case Kind::returned:
        return quiet ? "" : "came to " + theStage(step) + where + ", which had returned this Deferred";
      case Kind::awaited:
        return "awaited" + (all() ? where : where + " in " + detail::shortFunction(step.at.function_name()));
      case Kind::gathered:
        return "gathered" + where + " as number " + std::to_string(step.index);
    }
    return {};
  }

  Detail detail_;
  bool coloured_;
  std::string text_;
};

/// `file:line:what`, one line each; only the throw if not `way`.
std::string briefly(const Failure& failure, bool way) {
  std::string lines;
  const std::vector<StackFrame> frames = way ? thrownAt(failure) : std::vector<StackFrame>();
  for (const StackFrame& frame : frames) {
    if (!isOwn(frame) && !frame.file.empty())
      lines += frame.file + ":" + std::to_string(frame.line) + ":" + frame.function + "\n";
  }
  const std::vector<FailureStep> steps = failure.path();
  bool thrown = !lines.empty();
  if (!thrown) {
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      if (step->kind == Kind::created || step->kind == Kind::succeeded) continue;
      if (step->kind == Kind::threw && isTheirs(*step)) lines += place(step->at) + ":" + nameOf(step->stage) + "\n";
      if (step->kind == Kind::begun && isTheirs(*step))
        lines += place(step->at) + ":" + detail::shortFunction(step->at.function_name()) + "\n";
      thrown = step->kind == Kind::threw || step->kind == Kind::begun;
      break;
    }
  }
  const std::string what = failure.typeName() + ": " + failure.getErrorMessage() + "\n";
  std::string text = (lines.empty() ? "Traceback (failure with no frames): " : "Traceback: ") + what + lines;
  if (!way) return text;
  for (const FailureStep& step : steps) {
    if (!isTheirs(step)) continue;
    const char* word = nullptr;
    switch (step.kind) {
      case Kind::fired:
        word = "fired";
        break;
      case Kind::skipped:
        word = "skipped";
        break;
      case Kind::passed:
        word = "passed";
        break;
      case Kind::returned:
        word = "returned";
        break;
      case Kind::awaited:
        word = "awaited";
        break;
      case Kind::gathered:
        word = "gathered";
        break;
      default:
        continue;
    }
    text += place(step.at) + ":" + word + "\n";
  }
  return text;
}

}  // namespace

std::string detail::shortFunction(std::string_view pretty) {
  constexpr std::string_view anonymous = "(anonymous";
  std::size_t begin = 0;
  std::size_t end = 0;
  int depth = 0;
  for (; end < pretty.size(); ++end) {
    const char c = pretty[end];
    if (c == '<') ++depth;
    if (c == '>') --depth;
    if (depth > 0) continue;
    if (c == ' ') begin = end + 1;
    if (c != '(') continue;
    if (!pretty.substr(end).starts_with(anonymous)) break;
    end = pretty.find(')', end);
    if (end == pretty.npos) return std::string(pretty);
    begin = end + 3;  // behind "(anonymous namespace)::"
  }
  if (begin >= end || end > pretty.size()) return std::string(pretty);
  std::string name(pretty.substr(begin, end - begin));
  while (!name.empty() && (name.front() == '*' || name.front() == '&')) name.erase(0, 1);
  if (constexpr std::string_view braces = "{anonymous}::"; name.starts_with(braces)) name.erase(0, braces.size());
  const std::string_view rest = pretty.substr(end);
  const bool lambda = rest.find("::<lambda") != rest.npos || rest.find("::(anonymous class)") != rest.npos ||
                      rest.find("::(lambda") != rest.npos;
  return lambda ? "a lambda in " + name : name;
}

bool detail::wantsColours(std::FILE* stream) {
  const char* refused = std::getenv("NO_COLOR");
  return !(refused && *refused) && ::isatty(::fileno(stream)) == 1;
}

std::string detail::tracebackOf(const Failure& failure, Failure::Detail detail, bool coloured) {
  if (detail == Detail::brief) return briefly(failure, true);
  Teller teller(detail, coloured);
  constexpr unsigned depth = 8;  // of causes, and of failures within
  if (detail == Detail::normal) {
    teller.tell(failure, "", depth, true);
    return std::move(teller).take();
  }
  teller.tell(failure, "", depth, false);
  const std::string number = "Failure #" + std::to_string(failure.count());
  return "*--- " + number + " ---\n" + std::move(teller).take() + "*--- End of " + number + " ---\n";
}

std::string Failure::getTraceback(Detail detail) const {
  return detail::tracebackOf(*this, detail, false);
}

void Failure::printTraceback(std::ostream& out, Detail detail) const {
  const bool coloured =
      (out.rdbuf() == std::cout.rdbuf() && detail::wantsColours(stdout)) ||
      ((out.rdbuf() == std::cerr.rdbuf() || out.rdbuf() == std::clog.rdbuf()) && detail::wantsColours(stderr));
  out << detail::tracebackOf(*this, detail, coloured);
}

std::string toString(const Failure& failure) {
  return "[Failure instance: " + briefly(failure, false) + "]";
}
std::ostream& operator<<(std::ostream& out, const Failure& failure) {
  return out << toString(failure);
}

}  // namespace bight
