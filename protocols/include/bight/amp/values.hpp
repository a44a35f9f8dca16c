/// @file
/// How values of C++ are written in AMP boxes, and structures as boxes.
///
/// | C++ | on the wire | Twisted's |
/// |---|---|---|
/// | integers | decimal digits | Integer |
/// | `bool` | `True`, `False` | Boolean |
/// | `double`, `float` | the shortest digits that give the same number | Float |
/// | `std::string` | the bytes | String, Unicode (UTF-8) |
/// | `std::vector<T>` | each with its length before it, in two bytes | ListOf |
/// | `std::vector<S>`, S with `fields` | boxes, one behind the other | AmpList |
/// | `std::optional<T>` | not there, or as T | optional=True |
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <bight/amp/box.hpp>
#include <bight/export.hpp>

namespace bight::amp {

/// A value in a box is not what the command says, or is missing.
class BIGHT_API InvalidValueError : public std::runtime_error {
 public:
  InvalidValueError(std::string_view key, std::string_view why);
};

/// A member of a structure, and its key in the box.
template <class S, class T>
struct Field {
  std::string_view key;
  T S::* member;
};

/// Names a member: `amp::field("a", &Arguments::a)`. A key that is empty, begins with '_' (those are AMP's own) or has
/// more than 255 bytes does not compile.
template <class S, class T>
consteval Field<S, T> field(std::string_view key, T S::* member) {
  if (key.empty() || key.front() == '_' || key.size() > 255)
    throw std::invalid_argument("a key has 1 to 255 bytes, and does not begin with '_'");
  return {key, member};
}

/// The members of a structure that are in the box.
template <class... F>
constexpr std::tuple<F...> fields(F... all) {
  return {all...};
}

/// A structure that says by itself what its members are, in `static constexpr auto fields`.
template <class S>
concept HasFields = requires { std::tuple_size<std::remove_cvref_t<decltype(S::fields)>>::value; };

template <class T>
std::string encode(const T& value);
template <class T>
T decode(std::string_view key, std::string_view bytes);

/// Puts the members of `structure` into `box`.
template <class S, class... F>
void toBox(const S& structure, const std::tuple<F...>& all, Box& box);
/// Makes a structure of what is in `box`. Keys that are not asked for do not matter.
/// @throws InvalidValueError
template <class S, class... F>
S fromBox(const Box& box, const std::tuple<F...>& all);

namespace detail {

template <class T>
inline constexpr bool isVector = false;
template <class T>
inline constexpr bool isVector<std::vector<T>> = true;
template <class T>
inline constexpr bool isOptional = false;
template <class T>
inline constexpr bool isOptional<std::optional<T>> = true;

/// The lists. @throws TooLongError for an element of more than 65535 bytes
BIGHT_API void appendElement(std::string& to, std::string_view element);
BIGHT_API std::string_view takeElement(std::string_view key, std::string_view& from);
BIGHT_API std::vector<Box> splitBoxes(std::string_view key, std::string_view bytes);

}  // namespace detail

template <class T>
std::string encode(const T& value) {
  if constexpr (std::same_as<T, bool>) {
    return value ? "True" : "False";
  } else if constexpr (std::integral<T> || std::floating_point<T>) {
    char digits[64];
    return std::string(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  } else if constexpr (std::same_as<T, std::string>) {
    return value;
  } else {
    static_assert(detail::isVector<T>, "AMP sends numbers, bool, std::string, std::vector and std::optional of these");
    using E = typename T::value_type;
    std::string bytes;
    for (const E& element : value) {
      if constexpr (HasFields<E>) {
        Box box;
        toBox(element, E::fields, box);
        bytes += box.serialize();
      } else {
        detail::appendElement(bytes, encode<E>(element));
      }
    }
    return bytes;
  }
}

template <class T>
T decode(std::string_view key, std::string_view bytes) {
  if constexpr (std::same_as<T, bool>) {
    if (bytes != "True" && bytes != "False") throw InvalidValueError(key, "is neither True nor False");
    return bytes == "True";
  } else if constexpr (std::integral<T> || std::floating_point<T>) {
    T number{};
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
    if (error == std::errc::result_out_of_range) throw InvalidValueError(key, "is a number that does not fit");
    if (error != std::errc() || end != bytes.data() + bytes.size()) throw InvalidValueError(key, "is no number");
    return number;
  } else if constexpr (std::same_as<T, std::string>) {
    return T(bytes);
  } else {
    static_assert(detail::isVector<T>, "AMP sends numbers, bool, std::string, std::vector and std::optional of these");
    using E = typename T::value_type;
    T list;
    if constexpr (HasFields<E>) {
      for (const Box& box : detail::splitBoxes(key, bytes)) list.push_back(fromBox<E>(box, E::fields));
    } else {
      while (!bytes.empty()) list.push_back(decode<E>(key, detail::takeElement(key, bytes)));
    }
    return list;
  }
}

template <class S, class... F>
void toBox(const S& structure, const std::tuple<F...>& all, Box& box) {
  const auto put = [&]<class T>(const Field<S, T>& field) {
    const T& value = structure.*field.member;
    if constexpr (detail::isOptional<T>) {
      if (value) box.set(field.key, encode<typename T::value_type>(*value));
    } else {
      box.set(field.key, encode<T>(value));
    }
  };
  std::apply([&](const F&... field) { (put(field), ...); }, all);
}

template <class S, class... F>
S fromBox(const Box& box, const std::tuple<F...>& all) {
  S structure{};
  const auto take = [&]<class T>(const Field<S, T>& field) {
    const std::string* bytes = box.find(field.key);
    if constexpr (detail::isOptional<T>) {
      if (bytes) structure.*field.member = decode<typename T::value_type>(field.key, *bytes);
    } else {
      if (!bytes) throw InvalidValueError(field.key, "is missing");
      structure.*field.member = decode<T>(field.key, *bytes);
    }
  };
  std::apply([&](const F&... field) { (take(field), ...); }, all);
  return structure;
}

}  // namespace bight::amp
