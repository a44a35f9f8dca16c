#include <bight/http/form.hpp>

#include "characters.hpp"

namespace bight::http {

namespace {

std::optional<std::string> decode(std::string_view text, bool plusIsSpace) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (text.size() - i < 3 || !characters::is(text[i + 1], characters::hexadecimal) ||
          !characters::is(text[i + 2], characters::hexadecimal)) {
        return std::nullopt;
      }
      out +=
          static_cast<char>(characters::hexadecimalValue(text[i + 1]) * 16 + characters::hexadecimalValue(text[i + 2]));
      i += 2;
    } else {
      out += plusIsSpace && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> percentDecode(std::string_view text) {
  return decode(text, false);
}

std::string percentEncode(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (characters::is(c, characters::unreserved)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

bool isUtf8(std::string_view text) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = at + text.size();
  while (at < end) {
    if (*at < 0x80) {
      ++at;
      continue;
    }
    // The length, and the range of the second byte, which rules out overlong forms, surrogates and what lies above
    // U+10FFFF.
    std::ptrdiff_t length;
    unsigned char low = 0x80, high = 0xbf;
    if (*at >= 0xc2 && *at <= 0xdf) {
      length = 2;
    } else if (*at >= 0xe0 && *at <= 0xef) {
      length = 3;
      if (*at == 0xe0) low = 0xa0;
      if (*at == 0xed) high = 0x9f;
    } else if (*at >= 0xf0 && *at <= 0xf4) {
      length = 4;
      if (*at == 0xf0) low = 0x90;
      if (*at == 0xf4) high = 0x8f;
    } else {
      return false;
    }
    if (end - at < length || at[1] < low || at[1] > high) return false;
    for (std::ptrdiff_t i = 2; i < length; ++i) {
      if (at[i] < 0x80 || at[i] > 0xbf) return false;
    }
    at += length;
  }
  return true;
}

std::optional<Form> Form::parse(std::string_view text, std::size_t mostPairs) {
  Form form;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end < text.size() ? end + 1 : end);
    if (part.empty()) continue;
    if (form.size() == mostPairs) return std::nullopt;
    const std::size_t equals = std::min(part.find('='), part.size());
    std::optional<std::string> name = decode(part.substr(0, equals), true);
    std::optional<std::string> value = decode(part.substr(std::min(equals + 1, part.size())), true);
    if (!name || !value) return std::nullopt;
    form.add(std::move(*name), std::move(*value));
  }
  return form;
}

std::optional<std::string_view> Form::get(std::string_view name) const noexcept {
  for (const Pair& pair : pairs_) {
    if (pair.first == name) return pair.second;
  }
  return std::nullopt;
}

std::vector<std::string_view> Form::getAll(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Pair& pair : pairs_) {
    if (pair.first == name) values.push_back(pair.second);
  }
  return values;
}

std::string Form::encode() const {
  std::string out;
  for (const Pair& pair : pairs_) {
    if (!out.empty()) out += '&';
    out += percentEncode(pair.first) + '=' + percentEncode(pair.second);
  }
  return out;
}

}  // namespace bight::http
