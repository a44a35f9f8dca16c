/// @file
/// `Ref<T>`: an intrusive, non-atomic counted pointer of one word.
///
/// A server with ten thousand idle connections pays for every pointer ten thousand times. A `std::shared_ptr` is two
/// words plus a control block; a `Ref` is one word, and the count lives in the object. It is for objects that belong to
/// one reactor, hence to one thread: the count is a plain integer.
///
/// T must have `void ref() const noexcept` and `void unref() const noexcept` (the last one deletes), and starts with a
/// count of one, which belongs to whoever created it. `makeRef<T>(...)` takes that one over.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace bight {

/// A counted pointer to an object that carries its own count. May be null. Not safe to share between threads.
template <class T>
class Ref {
 public:
  Ref() noexcept = default;
  Ref(std::nullptr_t) noexcept {}  // NOLINT: null converts, as it does to a pointer
  /// Shares `object`: its count goes up by one.
  explicit Ref(T* object) noexcept : object_(object) {
    if (object_) object_->ref();
  }
  Ref(const Ref& other) noexcept : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
    requires std::convertible_to<U*, T*>
  Ref(const Ref<U>& other) noexcept : Ref(static_cast<T*>(other.get())) {}  // NOLINT: to a base, as pointers do
  template <class U>
    requires std::convertible_to<U*, T*>
  Ref(Ref<U>&& other) noexcept : object_(other.detach()) {}  // NOLINT
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_) object_->unref();
  }

  /// Takes over a count that the caller holds already, instead of adding one.
  static Ref adopt(T* object) noexcept {
    Ref taken;
    taken.object_ = object;
    return taken;
  }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  void reset() noexcept { *this = Ref(); }
  /// Lets go of the object without giving the count back: the caller holds it now.
  [[nodiscard]] T* detach() noexcept { return std::exchange(object_, nullptr); }

  template <class U>
  bool operator==(const Ref<U>& other) const noexcept {
    return object_ == other.get();
  }
  bool operator==(std::nullptr_t) const noexcept { return object_ == nullptr; }

 private:
  T* object_ = nullptr;
};

/// Makes a T on the heap and returns the first `Ref` on it.
template <class T, class... Args>
Ref<T> makeRef(Args&&... args) {
  return Ref<T>::adopt(new T(std::forward<Args>(args)...));
}

namespace detail {

/// The count inside an object that `Ref` points at. Starts at one.
class RefCount {
 public:
  void add() noexcept { ++count_; }
  /// True if that was the last one: delete the object.
  [[nodiscard]] bool drop() noexcept { return --count_ == 0; }

 private:
  std::uint32_t count_ = 1;
};

}  // namespace detail
}  // namespace bight
