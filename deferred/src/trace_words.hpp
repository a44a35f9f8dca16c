/// @file
/// What the renderers of recordings share. Internal.
#pragma once

#include <cstddef>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <bight/trace.hpp>

namespace bight::detail {

/// "chat.cpp:12", without the directories; "somewhere" if the place is not known.
std::string shortPlace(std::source_location at);
/// "Deferred of chat.cpp:12" or "coroutine page of chat.cpp:12".
std::string titleOf(const Recording::Chain& chain);
/// An event as a sentence: "callback of chat.cpp:12 returned 42".
std::string sentence(const Recording& recording, const Recording::Event& event);
/// At most `most` characters, with an ellipsis.
std::string clipped(std::string_view text, std::size_t most);
/// For XML and HTML.
std::string escaped(std::string_view text);
/// With the quotes, for JSON.
std::string quotedJson(std::string_view text);

/// What became of a stage in the end.
struct StageFate {
  enum class What { waiting, ran, skipped } what = What::waiting;
  bool inFailed = false;
  bool outFailed = false;
  bool done = false;  // it has a result
  std::string out;
  std::size_t other = Recording::none;
};
/// And of a chain.
struct ChainFate {
  bool fired = false;
  bool failed = false;
  std::string result;
  std::source_location at;
  std::vector<StageFate> stages;
  bool nested = false;  // some stage returned it
};
std::vector<ChainFate> fates(const Recording& recording);

}  // namespace bight::detail
