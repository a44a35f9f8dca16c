/// @file
/// The little of JSON that many a server needs for its answers: strings in their form, and flat objects. For more, take
/// a library in your own sources.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include <bight/export.hpp>

namespace bight::http {

/// Appends `text` as a string of JSON, with its quotes (RFC 8259, 7). What is not UTF-8 becomes U+FFFD. '<' is written
/// as "\u003c", and U+2028 and U+2029 are escaped, so that the result may stand in a script of a page.
BIGHT_API void appendJsonString(std::string& out, std::string_view text);
/// The same as a value.
BIGHT_API std::string jsonString(std::string_view text);

/// An object, member by member:
///
///     return http::Response::json(http::JsonObject().add("id", 7).add("name", name).addRaw("tags", "[1,2]").text());
class BIGHT_API JsonObject {
 public:
  JsonObject& add(std::string_view name, std::string_view value);
  JsonObject& add(std::string_view name, const char* value) { return add(name, std::string_view(value)); }
  JsonObject& add(std::string_view name, const std::string& value) { return add(name, std::string_view(value)); }
  JsonObject& add(std::string_view name, bool value) { return addRaw(name, value ? "true" : "false"); }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  JsonObject& add(std::string_view name, T value) {
    return addRaw(name, std::to_string(value));
  }
  /// The shortest form that reads back as the same number; null if it is none (JSON has no infinity).
  JsonObject& add(std::string_view name, double value);
  JsonObject& add(std::string_view name, std::nullptr_t) { return addRaw(name, "null"); }
  /// A value that is JSON already.
  JsonObject& addRaw(std::string_view name, std::string_view json);

  std::string text() const { return members_.empty() ? "{}" : "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace bight::http
