#include "trace_words.hpp"

#include <cstdio>
#include <utility>

#include "failure_text.hpp"

namespace bight::detail {

std::string shortPlace(std::source_location at) {
  const std::string_view file = at.file_name() ? at.file_name() : "";
  if (file.empty()) return "somewhere";
  const std::size_t slash = file.rfind('/');
  return std::string(slash == file.npos ? file : file.substr(slash + 1)) + ":" + std::to_string(at.line());
}

std::string titleOf(const Recording::Chain& chain) {
  if (chain.coroutine) return "coroutine " + shortFunction(chain.created.function_name());
  return "Deferred of " + shortPlace(chain.created);
}

std::string clipped(std::string_view text, std::size_t most) {
  std::string clip;
  std::size_t characters = 0;
  for (const char c : text) {
    const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (!continues && ++characters > most) return clip + "…";
    clip += c;
  }
  return clip;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

std::string quotedJson(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<') {  // '<' so that it may stand in a script
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += code;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string sentence(const Recording& recording, const Recording::Event& event) {
  using Kind = Recording::Event::Kind;
  const Recording::Chain& chain = recording.chains[event.chain];
  std::string stage = "a stage";
  if (event.stage < chain.stages.size()) {
    const Recording::Stage& it = chain.stages[event.stage];
    stage = std::string(toString(it.kind)) + " of " + shortPlace(it.at);
  }
  const std::string other =
      event.other < recording.chains.size() ? titleOf(recording.chains[event.other]) : std::string("another Deferred");
  switch (event.kind) {
    case Kind::fired:
      return titleOf(chain) + (event.failed ? " failed with " : " fired with ") + event.result;
    case Kind::ran:
      if (event.stage < chain.stages.size() && chain.stages[event.stage].kind == StageKind::handover)
        return titleOf(chain) + " hands on " + event.result;
      return stage + " runs with " + event.result;
    case Kind::skipped:
      return stage + " is skipped by " + event.result;
    case Kind::returned:
      return stage + (event.failed ? " passes on " : " returns ") + event.result;
    case Kind::threw:
      return stage + " fails with " + event.result;
    case Kind::returnedDeferred:
      return stage + " returns the " + other;
    case Kind::waits:
      return titleOf(chain) + " waits for the " + other;
    case Kind::resumed:
      return stage + " goes on with " + event.result + " of the " + other;
    case Kind::awaited:
      return "a coroutine gets " + event.result + " at " + shortPlace(chain.stages.at(event.stage).at);
    case Kind::paused:
      return titleOf(chain) + " pauses with " + event.result;
    case Kind::cancelled:
      return titleOf(chain) + " is cancelled";
    case Kind::ended:
      return titleOf(chain) + " ends" + (event.result.empty() ? "" : " with " + event.result);
  }
  return {};
}

std::vector<ChainFate> fates(const Recording& recording) {
  using Kind = Recording::Event::Kind;
  std::vector<ChainFate> all(recording.chains.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i].stages.resize(recording.chains[i].stages.size());
  for (const Recording::Event& event : recording.events) {
    ChainFate& chain = all[event.chain];
    if (event.kind == Kind::fired) {
      chain.fired = true;
      chain.failed = event.failed;
      chain.result = event.result;
      chain.at = event.at;
    }
    if (event.stage >= chain.stages.size()) continue;
    StageFate& stage = chain.stages[event.stage];
    switch (event.kind) {
      case Kind::ran:
      case Kind::awaited:
        stage.what = StageFate::What::ran;
        stage.inFailed = event.failed;
        break;
      case Kind::skipped:
        stage.what = StageFate::What::skipped;
        stage.inFailed = stage.outFailed = event.failed;
        stage.out = event.result;
        stage.done = true;
        break;
      case Kind::returned:
      case Kind::threw:
      case Kind::resumed:
        stage.outFailed = event.failed;
        stage.out = event.result;
        stage.done = true;
        if (event.other != Recording::none) stage.other = event.other;
        break;
      case Kind::returnedDeferred:
        stage.other = event.other;
        if (event.other < all.size()) all[event.other].nested = true;
        break;
      default:
        break;
    }
  }
  return all;
}

}  // namespace bight::detail
