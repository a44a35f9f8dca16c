/// @file
/// The vocabulary of the chat: what was said, who is here, where a reader stands, and what is new to it. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chat {

/// One message, as it was said. Never changed afterwards, and so shared by all who read it.
struct Message {
  std::uint64_t id;  ///< 1, 2, 3 … in each room
  std::string user;
  std::string text;
  std::string key;
  std::chrono::system_clock::time_point time;
};

/// Who is here. `version` grows with every change.
struct People {
  std::uint64_t version = 0;
  std::size_t count = 0;
  std::vector<std::string> names;  ///< sorted; the first hundred
};

/// Where a reader stands: what it has seen.
///
/// Ids begin anew with every start of the program, so a cursor also says to which start its id belongs, if it knows. A
/// reader that comes with the cursor of a former start, or one from the future, has missed something, and is told.
struct Cursor {
  std::string room = {};                               ///< empty: the reader does not say
  std::uint64_t id = 0;                                ///< of the last message seen
  std::optional<std::uint64_t> people = std::nullopt;  ///< version of the list seen; none: the reader does not care

  /// Reads "12" or "5f3a9c01-12".
  /// @throws http::StatusError 400 for anything else
  static Cursor parse(std::string_view text);
};

/// What is new to a reader. `last` (and `room`) make its next cursor.
struct News {
  std::vector<std::shared_ptr<const Message>> messages;
  std::uint64_t last = 0;
  bool missed = false;  ///< there were more messages after the reader's cursor, but they are not kept any more
  std::string room;
  std::shared_ptr<const People> people;
};

/// News are made once and shared by everybody who waited for them.
using NewsPtr = std::shared_ptr<const News>;

}  // namespace chat
