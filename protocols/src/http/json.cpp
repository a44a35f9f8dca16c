#include <bight/http/json.hpp>

#include <charconv>
#include <cmath>

#include <bight/http/form.hpp>

namespace bight::http {

namespace {

// How long the well-formed character at the beginning of `text` is; 0 if there is none.
std::size_t characterSize(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return size <= text.size() && isUtf8(text.substr(0, size)) ? size : 0;
}

void appendEscaped(std::string& out, unsigned value) {
  static constexpr char digits[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[value >> shift & 15];
}

}  // namespace

void appendJsonString(std::string& out, std::string_view text) {
  out.reserve(out.size() + text.size() + 2);
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    std::size_t size = 1;
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == 0x7f) {
      appendEscaped(out, static_cast<unsigned char>(c));
    } else if (static_cast<unsigned char>(c) < 0x80) {
      out += c;
    } else if (size = characterSize(text); size == 0) {
      out += "\xef\xbf\xbd";
      size = 1;
    } else if (text.substr(0, size) == "\xe2\x80\xa8" || text.substr(0, size) == "\xe2\x80\xa9") {
      appendEscaped(out, text[2] == '\xa8' ? 0x2028 : 0x2029);
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  out += '"';
}

std::string jsonString(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}

JsonObject& JsonObject::add(std::string_view name, std::string_view value) {
  return addRaw(name, jsonString(value));
}

JsonObject& JsonObject::add(std::string_view name, double value) {
  if (!std::isfinite(value)) return addRaw(name, "null");
  char digits[32];
  return addRaw(name, {digits, std::to_chars(digits, digits + sizeof digits, value).ptr});
}

JsonObject& JsonObject::addRaw(std::string_view name, std::string_view json) {
  if (!members_.empty()) members_ += ',';
  appendJsonString(members_, name);
  members_ += ':';
  members_ += json;
  return *this;
}

}  // namespace bight::http
