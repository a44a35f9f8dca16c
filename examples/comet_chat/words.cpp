#include "words.hpp"

#include <bight/http/form.hpp>
#include <bight/http/status.hpp>

namespace chat {
namespace {

using bight::http::StatusError;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

/// How many characters `text` has; it is UTF-8. Each has one byte that does not continue another.
std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (const char byte : text) count += (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
  return count;
}

/// Control characters are U+0000 to U+001F, U+007F, and U+0080 to U+009F, which UTF-8 writes as 0xC2 0x80 to 0xC2 0x9F.
bool hasControlCharacter(std::string_view text, std::string_view allowed) {
  unsigned char before = 0;
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    const bool control = code < 0x20 || code == 0x7F || (before == 0xC2 && code < 0xA0);
    if (control && allowed.find(byte) == std::string_view::npos) return true;
    before = code;
  }
  return false;
}

/// @param what  begins the sentence: "The name"
void check(const std::string& what, std::string_view text, std::size_t limit, std::string_view allowedControls = {}) {
  if (!bight::http::isUtf8(text)) throw StatusError(400, what + " is not valid UTF-8.");
  if (hasControlCharacter(text, allowedControls)) throw StatusError(400, what + " contains a control character.");
  if (const std::size_t count = characters(text); count > limit) {
    throw StatusError(400, what + " has " + std::to_string(count) + " characters; at most " + std::to_string(limit) +
                               " are allowed.");
  }
}

}  // namespace

std::string checkedName(std::string_view name) {
  name = trimmed(name);
  if (name.empty()) throw StatusError(400, "Who are you? The name (user) is missing or empty.");
  check("The name", name, nameLimit);
  return std::string(name);
}

Words checked(const Words& words) {
  const std::string_view text = trimmed(words.text);
  if (text.empty()) throw StatusError(400, "There is nothing to say: the text is missing or empty.");
  check("The text", text, textLimit, "\n\r\t");
  check("The key", words.key, keyLimit);
  return {checkedName(words.user), std::string(text), words.key};
}

}  // namespace chat
