/// @file
/// Header fields: `Headers` owns those of a message that is being made, `Fields` looks at those of a message that was
/// received.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>

namespace bight::http {

/// One field: its name as it was written, and its value without the white space around it.
struct Field {
  std::string_view name;
  std::string_view value;

  bool operator==(const Field&) const = default;
};

/// The fields of a message that is being made: ordered, names compare without case, a name may occur more than once.
///
///     Headers headers{{"Content-Type", "text/plain"}};
///     headers.set("Cache-Control", "no-store").add("Set-Cookie", "a=1").add("Set-Cookie", "b=2");
///
/// They are kept as the lines that go out on the wire, in one string, so that sending them is one copy. No field that
/// could break out of its line gets in: a name that is no token or a value with a control character throws
/// std::invalid_argument.
class BIGHT_API Headers {
 public:
  class Iterator;

  Headers() = default;
  Headers(std::initializer_list<Field> fields);

  /// Appends a field, also if there is one of that name. White space around the value is dropped.
  Headers& add(std::string_view name, std::string_view value);
  /// Puts one field in the place of all of that name (at the end). Twisted: `setRawHeaders`.
  Headers& set(std::string_view name, std::string_view value);
  /// Removes all fields of that name; returns how many there were.
  std::size_t remove(std::string_view name);

  /// The value of the first field of that name.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  /// The values of all fields of that name, in order. Twisted: `getRawHeaders`.
  std::vector<std::string_view> getAll(std::string_view name) const;
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }

  bool empty() const noexcept { return wire_.empty(); }
  /// How many fields there are; counts them.
  std::size_t size() const noexcept;
  void clear() noexcept { wire_.clear(); }

  Iterator begin() const noexcept;
  Iterator end() const noexcept;

  /// The fields as they go out: "Name: value\r\n" for each.
  std::string_view wire() const noexcept { return wire_; }

 private:
  std::string wire_;
};

/// Walks over the fields of a `Headers`. Any change of the Headers invalidates it, and the views it gave.
class BIGHT_API Headers::Iterator {
 public:
  using value_type = Field;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;

  Iterator() = default;
  Field operator*() const noexcept;
  Iterator& operator++() noexcept;
  Iterator operator++(int) noexcept {
    Iterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Iterator& other) const noexcept { return rest_.data() == other.rest_.data(); }

 private:
  friend class Headers;
  explicit Iterator(std::string_view rest) noexcept : rest_(rest) {}

  std::string_view rest_;  // from the field that this stands on to the end
};

namespace detail {
/// Where a received field lies, counted from the first byte of its message's head. A head is shorter than 64 KiB, so
/// that two bytes do.
struct FieldPosition {
  std::uint16_t name;
  std::uint16_t nameSize;
  std::uint16_t value;
  std::uint16_t valueSize;
};
}  // namespace detail

/// The fields of a message that was received: a view on it, as cheap to copy as a string_view, and valid as long as the
/// message.
class BIGHT_API Fields {
 public:
  class Iterator;

  Fields() = default;
  Fields(const char* base, std::span<const detail::FieldPosition> positions) noexcept
      : base_(base), positions_(positions) {}

  /// The value of the first field of that name.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  /// The values of all fields of that name, in order.
  std::vector<std::string_view> getAll(std::string_view name) const;
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }

  bool empty() const noexcept { return positions_.empty(); }
  std::size_t size() const noexcept { return positions_.size(); }
  Field operator[](std::size_t index) const noexcept {
    const detail::FieldPosition& at = positions_[index];
    return {{base_ + at.name, at.nameSize}, {base_ + at.value, at.valueSize}};
  }

  inline Iterator begin() const noexcept;
  inline Iterator end() const noexcept;

  /// Where the fields lie, from the first byte of their message's head.
  std::span<const detail::FieldPosition> positions() const noexcept { return positions_; }

 private:
  const char* base_ = nullptr;
  std::span<const detail::FieldPosition> positions_;
};

/// Walks over the fields of a `Fields`.
class Fields::Iterator {
 public:
  using value_type = Field;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;

  Iterator() = default;
  Iterator(const Fields* fields, std::size_t index) noexcept : fields_(fields), index_(index) {}
  Field operator*() const noexcept { return (*fields_)[index_]; }
  Iterator& operator++() noexcept {
    ++index_;
    return *this;
  }
  Iterator operator++(int) noexcept { return {fields_, index_++}; }
  bool operator==(const Iterator& other) const noexcept { return index_ == other.index_; }

 private:
  const Fields* fields_ = nullptr;
  std::size_t index_ = 0;
};

inline Fields::Iterator Fields::begin() const noexcept {
  return {this, 0};
}
inline Fields::Iterator Fields::end() const noexcept {
  return {this, positions_.size()};
}

}  // namespace bight::http
