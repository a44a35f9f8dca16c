/// @file
/// What people may say: the limits, and the check that everything they send goes through before it reaches the room.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chat {

/// In characters (code points), as a person counts and as the page counts.
constexpr std::size_t nameLimit = 40;
constexpr std::size_t textLimit = 2000;
constexpr std::size_t keyLimit = 64;

/// Something to be said.
struct Words {
  std::string user;
  std::string text;
  /// Chosen by who sends, may be empty: the room says the same words with the same key only once, so that a page that
  /// never got its answer can safely send again.
  std::string key;
};

/// The name without white space around it.
/// @throws http::StatusError 400 with a sentence for the sender: empty, too long, not UTF-8, or with control characters
std::string checkedName(std::string_view name);

/// The words, trimmed.
/// @throws http::StatusError 400 with a sentence for the sender
Words checked(const Words& words);

}  // namespace chat
