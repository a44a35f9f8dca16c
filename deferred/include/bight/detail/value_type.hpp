/// @file
/// The table of operations by which the untyped chain moves and destroys the typed result it holds. Internal.
#pragma once

#include <concepts>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include <bight/export.hpp>
#include <bight/failure.hpp>

namespace bight::detail {

/// What a chain must know of the type of a result. One per type; compared by address first.
struct ValueType {
  const std::type_info* type;
  /// Moves the value from one slot to another and ends the one moved from.
  void (*move)(void* to, void* from) noexcept;
  /// Null if there is nothing to do.
  void (*destroy)(void*) noexcept;
  /// Puts the value into words, for a Tracer; null if there are no better ones than its type.
  void (*describe)(void* slot, std::string& words);

  bool operator==(const ValueType& other) const noexcept { return this == &other || *type == *other.type; }
};

/// Results up to this size live inside the chain: a std::string, a std::vector, a pair of pointers.
inline constexpr std::size_t slotSize = 32;

/// How a T lies in a slot: itself, or a pointer to it where it is too large or might throw while being moved.
template <class T>
struct Slot {
  static constexpr bool inside =
      sizeof(T) <= slotSize && alignof(T) <= alignof(void*) && std::is_nothrow_move_constructible_v<T>;

  static T& at(void* slot) noexcept {
    if constexpr (inside) {
      return *std::launder(static_cast<T*>(slot));
    } else {
      return **std::launder(static_cast<T**>(slot));
    }
  }

  template <class... A>
  static void make(void* slot, A&&... arguments) {
    if constexpr (inside) {
      ::new (slot) T(std::forward<A>(arguments)...);
    } else {
      ::new (slot) T*(new T(std::forward<A>(arguments)...));
    }
  }

  static void destroy(void* slot) noexcept {
    if constexpr (inside) {
      at(slot).~T();
    } else {
      delete &at(slot);
    }
  }

  static void move(void* to, void* from) noexcept {
    if constexpr (inside) {
      ::new (to) T(std::move(at(from)));
      destroy(from);
    } else {
      ::new (to) T*(&at(from));
    }
  }
};

/// `void` results have no value: the chain only knows that there is one.
template <>
struct Slot<void> {
  static void move(void*, void*) noexcept {}
};

template <class T>
constexpr auto slotDestructor() -> void (*)(void*) noexcept {
  if constexpr (std::is_void_v<T>) {
    return nullptr;
  } else if constexpr (Slot<T>::inside && std::is_trivially_destructible_v<T>) {
    return nullptr;
  } else {
    return &Slot<T>::destroy;
  }
}

/// Values that a Tracer can show: numbers, texts, what has a member `toString()`, and vectors of those.
BIGHT_API void describeValue(bool value, std::string& words);
BIGHT_API void describeValue(long long value, std::string& words);
BIGHT_API void describeValue(unsigned long long value, std::string& words);
BIGHT_API void describeValue(double value, std::string& words);
BIGHT_API void describeValue(std::string_view value, std::string& words);

template <class T>
inline constexpr bool isVector = false;
template <class T, class A>
inline constexpr bool isVector<std::vector<T, A>> = true;

template <class T>
concept TellsItself = requires(const T& value) {
  { value.toString() } -> std::convertible_to<std::string>;
};

template <class T>
constexpr bool isDescribed() {
  if constexpr (isVector<T>) {
    return isDescribed<typename T::value_type>();
  } else {
    return std::is_arithmetic_v<T> || std::is_convertible_v<const T&, std::string_view> || TellsItself<T>;
  }
}

template <class T>
void describeAny(const T& value, std::string& words) {
  if constexpr (isVector<T>) {
    words += '[';
    std::size_t told = 0;
    for (const auto& each : value) {
      if (told > 0) words += ", ";
      if (++told > 8) {
        words += "…";
        break;
      }
      describeAny<typename T::value_type>(each, words);
    }
    words += ']';
  } else if constexpr (std::is_same_v<T, bool>) {
    describeValue(value, words);
  } else if constexpr (std::is_floating_point_v<T>) {
    describeValue(static_cast<double>(value), words);
  } else if constexpr (std::is_unsigned_v<T>) {
    describeValue(static_cast<unsigned long long>(value), words);
  } else if constexpr (std::is_arithmetic_v<T>) {
    describeValue(static_cast<long long>(value), words);
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    describeValue(std::string_view(value), words);
  } else {
    words += value.toString();
  }
}

template <class T>
constexpr auto slotDescriber() -> void (*)(void*, std::string&) {
  if constexpr (std::is_void_v<T>) {
    return nullptr;
  } else if constexpr (isDescribed<T>()) {
    return [](void* slot, std::string& words) { describeAny<T>(Slot<T>::at(slot), words); };
  } else {
    return nullptr;
  }
}

/// The chain compares addresses, so there is one in a process: a shared library must not keep its own hidden.
template <class T>
BIGHT_API inline constexpr ValueType valueType{&typeid(T), &Slot<T>::move, slotDestructor<T>(), slotDescriber<T>()};

}  // namespace bight::detail
