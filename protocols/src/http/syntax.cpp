#include <bight/http/syntax.hpp>

#include "characters.hpp"

namespace bight::http {

using characters::is;

bool isToken(std::string_view text) noexcept {
  return !text.empty() &&
         characters::skip(text.data(), text.data() + text.size(), characters::token) == text.data() + text.size();
}

bool isFieldValue(std::string_view text) noexcept {
  if (text.empty()) return true;
  if (is(text.front(), characters::space) || is(text.back(), characters::space)) return false;
  const char* end = text.data() + text.size();
  return characters::findControl(text.data(), end) == end;
}

bool equalsIgnoringCase(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && characters::lower(a[i]) != characters::lower(b[i])) return false;
  }
  return true;
}

std::string_view trimWhitespace(std::string_view text) noexcept {
  while (!text.empty() && is(text.front(), characters::space)) text.remove_prefix(1);
  while (!text.empty() && is(text.back(), characters::space)) text.remove_suffix(1);
  return text;
}

std::string_view nextListItem(std::string_view& list) noexcept {
  while (!list.empty()) {
    std::size_t end = 0;
    for (bool quoted = false; end < list.size() && (quoted || list[end] != ','); ++end) {
      if (list[end] == '"') quoted = !quoted;
      if (quoted && list[end] == '\\' && end + 1 < list.size()) ++end;
    }
    const std::string_view item = trimWhitespace(list.substr(0, end));
    list.remove_prefix(end < list.size() ? end + 1 : end);
    if (!item.empty()) return item;
  }
  return {};
}

}  // namespace bight::http
