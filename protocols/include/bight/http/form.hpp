/// @file
/// Percent-encoding and `application/x-www-form-urlencoded`: what queries and plain HTML forms are written in.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/export.hpp>

namespace bight::http {

/// Undoes percent-encoding (RFC 3986, 2.1): "a%20b" gives "a b". Null if a '%' is not followed by two hexadecimal
/// digits. The result may hold any bytes; that they are UTF-8 is for the caller to ask.
BIGHT_API std::optional<std::string> percentDecode(std::string_view text);

/// Percent-encodes everything but letters, digits and "-._~", so that the result can stand anywhere in a target.
BIGHT_API std::string percentEncode(std::string_view text);

/// Whether `text` is well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
BIGHT_API bool isUtf8(std::string_view text) noexcept;

/// The fields of a query or of a form: ordered name and value pairs, decoded; a name may occur more than once. Twisted:
/// `request.args`.
///
///     auto form = http::Form::parse(request.body());
///     if (!form) throw http::StatusError(400, "The form is not properly encoded.");
///     std::string text(form->get("text").value_or(""));
class BIGHT_API Form {
 public:
  using Pair = std::pair<std::string, std::string>;

  Form() = default;
  Form(std::initializer_list<Pair> pairs) : pairs_(pairs) {}

  /// Reads "a=1&b=x+y%21": '+' is a space, a part without '=' is a name with an empty value, empty parts are skipped.
  /// Null if an escape is malformed or there are more than `mostPairs` parts.
  static std::optional<Form> parse(std::string_view text, std::size_t mostPairs = 1000);

  /// The value of the first pair of that name (names compare with case).
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  /// The values of all pairs of that name, in order.
  std::vector<std::string_view> getAll(std::string_view name) const;
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }
  void add(std::string name, std::string value) { pairs_.emplace_back(std::move(name), std::move(value)); }

  /// Writes the pairs the way `parse` reads them.
  std::string encode() const;

  auto begin() const noexcept { return pairs_.begin(); }
  auto end() const noexcept { return pairs_.end(); }
  std::size_t size() const noexcept { return pairs_.size(); }
  bool empty() const noexcept { return pairs_.empty(); }

 private:
  std::vector<Pair> pairs_;
};

}  // namespace bight::http
