#include <vector>

#include <bight/trace.hpp>

#include "joined.hpp"
#include "trace_words.hpp"

namespace bight {

namespace {

/// How deep each chain stands within others.
std::vector<std::size_t> depths(const Recording& recording) {
  std::vector<std::size_t> depth(recording.chains.size(), 0);
  for (const Recording::Event& event : recording.events) {
    if (event.kind == Recording::Event::Kind::returnedDeferred && event.other < depth.size() &&
        event.other != event.chain)
      depth[event.other] = depth[event.chain] + 1;
  }
  return depth;
}

std::string placeJson(std::source_location at) {
  return "{\"file\":" + detail::quotedJson(at.file_name()) + ",\"line\":" + std::to_string(at.line()) +
         ",\"function\":" + detail::quotedJson(at.function_name()) + "}";
}

std::string positionJson(std::size_t position) {
  return position == Recording::none ? "null" : std::to_string(position);
}

}  // namespace

std::string toText(const Recording& recording) {
  const std::vector<std::size_t> depth = depths(recording);
  std::string text;
  for (const Recording::Event& event : recording.events) {
    text.append(2 * depth[event.chain], ' ');
    text += event.failed ? "! " : event.kind == Recording::Event::Kind::skipped ? "- " : "  ";
    text += detail::sentence(recording, event) + "\n";
  }
  if (recording.dropped > 0) text += detail::joined("(", std::to_string(recording.dropped), " more events)\n");
  return text;
}

std::string toJson(const Recording& recording) {
  std::string json = "{\"chains\":[";
  for (std::size_t i = 0; i < recording.chains.size(); ++i) {
    const Recording::Chain& chain = recording.chains[i];
    json += std::string(i ? "," : "") + "\n {\"created\":" + placeJson(chain.created) +
            ",\"coroutine\":" + (chain.coroutine ? "true" : "false") + ",\"stages\":[";
    for (std::size_t k = 0; k < chain.stages.size(); ++k) {
      const Recording::Stage& stage = chain.stages[k];
      json += std::string(k ? "," : "") + "\n  {\"kind\":" + detail::quotedJson(toString(stage.kind)) +
              ",\"at\":" + placeJson(stage.at) + ",\"onValue\":" + (stage.onValue ? "true" : "false") +
              ",\"onFailure\":" + (stage.onFailure ? "true" : "false") + "}";
    }
    json += "]}";
  }
  json += "],\n\"events\":[";
  for (std::size_t i = 0; i < recording.events.size(); ++i) {
    const Recording::Event& event = recording.events[i];
    json += std::string(i ? "," : "") + "\n {\"kind\":" + detail::quotedJson(toString(event.kind)) +
            ",\"chain\":" + std::to_string(event.chain) + ",\"stage\":" + positionJson(event.stage) +
            ",\"other\":" + positionJson(event.other) + ",\"failed\":" + (event.failed ? "true" : "false") +
            ",\"result\":" + detail::quotedJson(event.result) + "}";
  }
  return json + "],\n\"dropped\":" + std::to_string(recording.dropped) + "}\n";
}

std::string toMermaid(const Recording& recording) {
  const auto fates = detail::fates(recording);
  const auto label = [](std::string_view text) {
    std::string safe;  // Mermaid knows entities with '#'
    for (const char c : detail::clipped(text, 48)) {
      if (c == '"') {
        safe += "#quot;";
      } else if (c == '#' || c == '\n' || c == '|') {
        safe += ' ';
      } else {
        safe += c;
      }
    }
    return safe;
  };
  const auto node = [](std::size_t chain, std::size_t stage) {
    return detail::joined("c", std::to_string(chain), "s", std::to_string(stage));
  };
  std::string text = "flowchart TD\n";
  std::string nested;
  for (std::size_t c = 0; c < recording.chains.size(); ++c) {
    const Recording::Chain& chain = recording.chains[c];
    const detail::ChainFate& fate = fates[c];
    const std::string id = detail::joined("c", std::to_string(c));
    text += "  subgraph " + id + "[\"" + label(detail::titleOf(chain)) + "\"]\n";
    text += "    " + id + "f([\"" + label(!fate.fired ? "not fired" : fate.failed ? "failed" : "fired") + "\"])\n";
    std::string from = id + "f";
    bool failed = fate.failed;
    std::string result = fate.result;
    for (std::size_t s = 0; s < chain.stages.size(); ++s) {
      const detail::StageFate& stage = fate.stages[s];
      const bool ran = stage.what == detail::StageFate::What::ran;
      std::string words = toString(chain.stages[s].kind);
      if (chain.stages[s].kind != StageKind::handover)
        words += detail::joined(" ", detail::shortPlace(chain.stages[s].at));
      const std::string shape = label(words + (ran ? "" : " (did not run)"));
      text += detail::joined("    ", node(c, s), ran ? "[\"" : "(\"", shape, ran ? "\"]" : "\")",
                             ran ? "" : ":::skipped", "\n");
      text += detail::joined("    ", from, failed ? " -. \"" : " -- \"", label(result.empty() ? " " : result),
                             failed ? "\" .-> " : "\" --> ", node(c, s), "\n");
      from = node(c, s);
      failed = stage.outFailed;
      result = stage.done ? stage.out : std::string();
      if (stage.other < recording.chains.size())
        nested += detail::joined("  ", node(c, s), " ==> c", std::to_string(stage.other), "f\n");
    }
    if (!result.empty()) {
      text.append("    ").append(id).append("e([\"").append(label(result)).append("\"])\n    ").append(from);
      text.append(failed ? " -.-> " : " --> ").append(id).append("e\n");
    }
    text += "  end\n";
  }
  return text + nested + "  classDef skipped stroke-dasharray:4,color:#777,stroke:#999\n";
}

}  // namespace bight
