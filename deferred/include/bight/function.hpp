/// @file
/// `Function<R(A...)>`: a callable of one's own. What `std::function` would be if it did not have to be copyable.
#pragma once

#include <cstddef>
#include <functional>
#include <new>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace bight {

template <class Signature>
class Function;

/// A move-only holder of anything that can be called as `R(A...)`.
///
/// Every interface of bight that takes a callback takes one of these, so a lambda may capture what can only be moved: a
/// `Promise`, a `Deferred`, a `std::unique_ptr`.
///
///     Function<void()> f = [p = std::move(promise)]() mutable { p.callback(1); };
///     f();
///
/// Callables of up to four words that move without throwing live inside; larger ones are allocated. Calling an empty
/// one throws `std::bad_function_call`. Not safe for use by two threads at once.
template <class R, class... A>
class Function<R(A...)> {
 public:
  Function() noexcept = default;
  Function(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor): as std::function

  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Function> && std::is_invocable_r_v<R, std::decay_t<F>&, A...>)
  Function(F&& f) {  // NOLINT(google-explicit-constructor): as std::function
    using Held = std::decay_t<F>;
    if constexpr (fitsInside<Held>) {
      ::new (static_cast<void*>(room_)) Held(std::forward<F>(f));
    } else {
      ::new (static_cast<void*>(room_)) Held*(new Held(std::forward<F>(f)));
    }
    kind_ = &kindOf<Held>;
  }

  Function(Function&& other) noexcept : kind_(std::exchange(other.kind_, nullptr)) {
    if (kind_) kind_->move(room_, other.room_);
  }
  Function& operator=(Function&& other) noexcept {
    if (this != &other) {
      reset();
      kind_ = std::exchange(other.kind_, nullptr);
      if (kind_) kind_->move(room_, other.room_);
    }
    return *this;
  }
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;
  ~Function() { reset(); }

  explicit operator bool() const noexcept { return kind_ != nullptr; }

  /// The type of what is held; `void`'s if that is nothing. The name of a lambda's type tells in which function it was
  /// written, which is good enough for a log. A held type may say itself for whom it stands, by a function of the same
  /// name and form.
  const std::type_info& targetType() const noexcept { return kind_ ? kind_->type(room_) : typeid(void); }

  R operator()(A... arguments) {
    if (!kind_) throw std::bad_function_call();
    return kind_->call(room_, std::forward<A>(arguments)...);
  }

 private:
  static constexpr std::size_t roomSize = 4 * sizeof(void*);

  struct Kind {
    R (*call)(void*, A&&...);
    void (*move)(void* to, void* from) noexcept;
    void (*destroy)(void*) noexcept;
    const std::type_info& (*type)(const void*) noexcept;
  };

  template <class Held>
  static constexpr bool fitsInside =
      sizeof(Held) <= roomSize && alignof(Held) <= alignof(void*) && std::is_nothrow_move_constructible_v<Held>;

  template <class Held>
  static Held& held(void* room) noexcept {
    if constexpr (fitsInside<Held>) {
      return *std::launder(static_cast<Held*>(room));
    } else {
      return **std::launder(static_cast<Held**>(room));
    }
  }

  template <class Held>
  static constexpr Kind kindOf = {[](void* room, A&&... arguments) -> R {
                                    if constexpr (std::is_void_v<R>) {
                                      std::invoke(held<Held>(room), std::forward<A>(arguments)...);
                                    } else {
                                      return std::invoke(held<Held>(room), std::forward<A>(arguments)...);
                                    }
                                  },
                                  [](void* to, void* from) noexcept {
                                    if constexpr (fitsInside<Held>) {
                                      Held& source = held<Held>(from);
                                      ::new (to) Held(std::move(source));
                                      source.~Held();  // NOLINT(bugprone-use-after-move): only its end
                                    } else {
                                      ::new (to) Held*(&held<Held>(from));
                                    }
                                  },
                                  [](void* room) noexcept {
                                    if constexpr (fitsInside<Held>) {
                                      held<Held>(room).~Held();
                                    } else {
                                      delete &held<Held>(room);
                                    }
                                  },
                                  []([[maybe_unused]] const void* room) noexcept -> const std::type_info& {
                                    if constexpr (requires(const Held& h) { h.targetType().name(); }) {
                                      return held<Held>(const_cast<void*>(room)).targetType();
                                    } else {
                                      return typeid(Held);
                                    }
                                  }};

  void reset() noexcept {
    if (const Kind* kind = std::exchange(kind_, nullptr)) kind->destroy(room_);
  }

  const Kind* kind_ = nullptr;
  alignas(void*) std::byte room_[roomSize];
};

}  // namespace bight
