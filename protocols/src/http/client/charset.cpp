#include "charset.hpp"

#include <array>
#include <cstdint>

#include <bight/http/client_errors.hpp>
#include <bight/http/form.hpp>
#include <bight/http/syntax.hpp>

namespace bight::http::detail {

namespace {

constexpr std::uint32_t replacement = 0xFFFD;

void append(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

// Well-formed UTF-8: each byte that belongs to nothing becomes U+FFFD.
std::string repaired(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t size = 1;
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead >= 0xF0) {
      size = 4;
    } else if (lead >= 0xE0) {
      size = 3;
    } else if (lead >= 0xC0) {
      size = 2;
    }
    const std::string_view character = text.substr(at, size);
    if (character.size() == size && isUtf8(character)) {
      out += character;
      at += size;
    } else {
      append(out, replacement);
      ++at;
    }
  }
  return out;
}

// What Windows-1252 has where ISO-8859-1 has control characters.
constexpr std::array<std::uint16_t, 32> windows = {0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                   0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD,
                                                   0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                   0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178};

std::string fromLatin(std::string_view text, bool isWindows) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (char c : text) {
    const std::uint32_t code = static_cast<unsigned char>(c);
    append(out, isWindows && code >= 0x80 && code < 0xA0 ? windows[code - 0x80] : code);
  }
  return out;
}

std::string fromUtf16(std::string_view text, bool little) {
  std::string out;
  const auto unit = [&](std::size_t at) {
    const auto first = static_cast<unsigned char>(text[at]), second = static_cast<unsigned char>(text[at + 1]);
    return static_cast<std::uint32_t>(little ? first | second << 8 : first << 8 | second);
  };
  for (std::size_t at = 0; at < text.size(); at += 2) {
    if (at + 1 == text.size()) {
      append(out, replacement);
      break;
    }
    std::uint32_t c = unit(at);
    if (c >= 0xD800 && c < 0xDC00 && at + 3 < text.size() && unit(at + 2) >= 0xDC00 && unit(at + 2) < 0xE000) {
      c = 0x10000 + ((c - 0xD800) << 10) + (unit(at + 2) - 0xDC00);
      at += 2;
    } else if (c >= 0xD800 && c < 0xE000) {
      c = replacement;
    }
    append(out, c);
  }
  return out;
}

}  // namespace

std::string charsetOf(std::string_view contentType) {
  const std::string_view type = trimWhitespace(contentType.substr(0, contentType.find(';')));
  while (contentType.find(';') != std::string_view::npos) {
    contentType.remove_prefix(contentType.find(';') + 1);
    std::string_view parameter = trimWhitespace(contentType.substr(0, contentType.find(';')));
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos || !equalsIgnoringCase(parameter.substr(0, equals), "charset")) continue;
    parameter.remove_prefix(equals + 1);
    if (parameter.size() > 1 && parameter.front() == '"' && parameter.back() == '"')
      parameter = parameter.substr(1, parameter.size() - 2);
    return std::string(parameter);
  }
  return equalsIgnoringCase(type, "application/json") ? "utf-8" : std::string();
}

Result<std::string> toUtf8(std::string text, std::string_view charset) {
  const auto is = [charset](auto... names) { return (equalsIgnoringCase(charset, names) || ...); };
  if (text.starts_with("\xEF\xBB\xBF") && (charset.empty() || is("utf-8", "utf8"))) text.erase(0, 3);
  if (charset.empty()) return isUtf8(text) ? std::move(text) : fromLatin(text, false);
  if (is("utf-8", "utf8", "us-ascii", "ascii")) return isUtf8(text) ? std::move(text) : repaired(text);
  if (is("iso-8859-1", "latin1", "latin-1", "iso_8859-1")) return fromLatin(text, false);
  if (is("windows-1252", "cp1252")) return fromLatin(text, true);
  if (is("utf-16", "utf-16le", "utf-16be")) {
    bool little = is("utf-16le");
    if (is("utf-16") && text.starts_with("\xFF\xFE")) little = true;
    const bool marked = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
    return fromUtf16(std::string_view(text).substr(marked ? 2 : 0), little);
  }
  return Failure(DecodingError("The content is in the charset \"" + std::string(charset.substr(0, 64)) +
                               "\", which is not known here; read content() and decode it."));
}

}  // namespace bight::http::detail
