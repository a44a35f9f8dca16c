#include "news.hpp"

#include <charconv>

#include <bight/http/status.hpp>

namespace chat {

Cursor Cursor::parse(std::string_view text) {
  Cursor cursor;
  std::string_view digits = text;
  if (const std::size_t dash = text.rfind('-'); dash != std::string_view::npos) {
    cursor.room = text.substr(0, dash);
    digits.remove_prefix(dash + 1);
  }
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, cursor.id);
  if (error != std::errc() || stop != end || text.starts_with('-')) {
    throw bight::http::StatusError(400, "\"since\" is to be the id of a message, such as 12, or 0.");
  }
  return cursor;
}

}  // namespace chat
