/// @file
/// `Failure`: an exception as a value.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <iosfwd>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include <bight/export.hpp>

namespace bight {

class Failure;

namespace detail {
struct FailureState;
class Path;
}  // namespace detail

/// What kind of stage something was.
enum class StageKind : std::uint8_t {
  callback,   // addCallback
  errback,    // addErrback
  callbacks,  // addCallbacks
  both,       // addBoth
  timeout,    // addTimeout
  member,     // gatherResults, deferredList or race looks on
  handover,   // another chain waits: one of its stages returned this Deferred
  await,      // a coroutine waits
};

/// One step of the way that a Failure has gone.
struct FailureStep {
  enum class Kind : std::uint8_t {
    created,    // it was in a Deferred that was created there
    begun,      // it was in the Deferred of a coroutine; the function is `at.function_name()`
    fired,      // that Deferred was fired with it there
    succeeded,  // that Deferred had been fired with a value there, before a stage failed
    cancelled,  // that Deferred was cancelled
    abandoned,  // the last Promise of that Deferred died
    threw,      // the stage added there threw it, or returned a new Failure
    skipped,    // the stage added there was skipped
    passed,     // the stage added there ran, and let it pass
    returned,   // the stage added there had returned the Deferred that it was in
    awaited,    // a coroutine awaited it there
    called,     // a function that the library called threw it; `at` is where that was asked for, if known
    gathered,   // it was member number `index` of what was gathered there
  };
  Kind kind;
  /// For threw, skipped, passed and returned: what kind of stage.
  StageKind stage;
  /// For gathered: the position.
  std::uint32_t index;
  /// The place in the program; its file name is empty where none is known.
  std::source_location at;
  /// What the reactor was doing then, if that is known: "a call of callLater at chat.cpp:12".
  std::string during;
};

/// An exception, wrapped so that it can be handed from stage to stage without being thrown. Twisted: `failure.Failure`.
///
///     d.addErrback([](Failure f) {
///       f.trap<ConnectionRefusedError, TimeoutError>();   // anything else goes on down the chain
///       return cachedPage();
///     });
///
/// A Failure is a small shared value: copying it shares the same immutable state, and its count is atomic, so it may
/// cross threads. Making one from an exception value does not throw anything; looking at its type does not either.
class BIGHT_API Failure {
 public:
  /// How much `getTraceback` tells.
  enum class Detail { brief, normal, verbose };

  /// Wraps the exception that is being handled now. Throws NoCurrentExceptionError outside of a `catch`.
  Failure();

  /// Wraps `exception`. Throws std::invalid_argument if it is null.
  explicit Failure(std::exception_ptr exception);

  /// Wraps a copy of an exception value: `Failure(std::runtime_error("no route"))`.
  template <class E>
    requires(!std::is_same_v<std::remove_cvref_t<E>, Failure> &&
             !std::is_same_v<std::remove_cvref_t<E>, std::exception_ptr>)
  explicit Failure(E&& exception) : Failure(std::make_exception_ptr(std::forward<E>(exception))) {
    using Held = std::decay_t<E>;
    static_assert(!std::is_same_v<Held, const char*> && !std::is_same_v<Held, char*> &&
                      !std::is_same_v<Held, std::string> && !std::is_same_v<Held, std::string_view>,
                  "bight: a Failure wraps an exception, and this is a text: write std::runtime_error(text), or better "
                  "an exception of your own");
  }

  Failure(const Failure& other) noexcept;
  Failure(Failure&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)), path_(std::exchange(other.path_, nullptr)) {}
  Failure& operator=(const Failure& other) noexcept;
  Failure& operator=(Failure&& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~Failure() {
    if (state_) release();  // one that was moved from has no path either
  }

  /// The type of the first of `E...` that the exception is or derives from; null if it is none of them. Nothing is
  /// thrown (A96).
  ///
  ///     if (f.check<TimeoutError>()) retry();
  template <class... E>
  const std::type_info* check() const noexcept {
    const std::type_info* found = nullptr;
    static_cast<void>(((find(typeid(E)) ? (found = &typeid(E), true) : false) || ...));
    return found;
  }

  /// As `check`, but rethrows the original exception if it is none of `E...`: in an errback, that leaves the chain
  /// failed with the very same Failure (A97).
  template <class... E>
  const std::type_info* trap() const {
    const std::type_info* found = check<E...>();
    if (!found) raise();
    return found;
  }

  /// The exception as an `E`, or null if it is not one. Valid as long as this Failure (or a copy of it) lives.
  template <class E>
  const E* get() const noexcept {
    return static_cast<const E*>(find(typeid(E)));
  }

  /// Throws the original exception (A98). Twisted: `raiseException`.
  [[noreturn]] void raise() const;

  /// The exception itself. Twisted: `value`.
  std::exception_ptr exception() const noexcept;

  /// The demangled name of the exception's type, such as "std::runtime_error".
  std::string typeName() const;

  /// What the exception says of itself: `what()`, or the text for a thrown string; never throws for a strange exception
  /// (A99).
  std::string getErrorMessage() const;

  /// The Failure that was being handled when this one came up, or null (A16). Lives as long as this Failure.
  const Failure* cause() const noexcept;

  /// The story of the failure as text, with a newline at its end (A100), in this order: what it is; where it was
  /// thrown; then the way it went from Deferred to Deferred, newest first; then the same of its cause.
  ///   - brief: one line for each, `file:line:what`
  ///   - normal: in words, without the library's own places
  ///   - verbose: with those, all frames of the stack, and the number of the Failure
  std::string getTraceback(Detail detail = Detail::normal) const;
  std::string getBriefTraceback() const { return getTraceback(Detail::brief); }
  /// The same to a stream; in colours if that is std::cout, std::cerr or std::clog on a terminal, and NO_COLOR is not
  /// set.
  void printTraceback(std::ostream& out, Detail detail = Detail::normal) const;
  void printBriefTraceback(std::ostream& out) const { printTraceback(out, Detail::brief); }
  void printDetailedTraceback(std::ostream& out) const { printTraceback(out, Detail::verbose); }

  /// The way it has gone, newest first: of long ways the first 8 and the last 32 steps. What a copy goes through
  /// afterwards is told by that copy alone.
  std::vector<FailureStep> path() const;

  /// The running number of this Failure in the process, from 1 (A105).
  std::uint64_t count() const noexcept;

  /// The same Failure, not merely an equal one (A17).
  bool operator==(const Failure& other) const noexcept { return state_ == other.state_; }

 private:
  friend struct detail::FailureState;

  explicit Failure(detail::FailureState* state) noexcept : state_(state) {}  // takes over one count
  void release() noexcept;
  const void* find(const std::type_info& type) const noexcept;

  detail::FailureState* state_ = nullptr;  // null only after having been moved from
  detail::Path* path_ = nullptr;           // null until it has gone anywhere; shared by copies until one goes on
};

/// "[Failure instance: Traceback …]", as Twisted prints one.
BIGHT_API std::ostream& operator<<(std::ostream& out, const Failure& failure);
/// The same as a string.
BIGHT_API std::string toString(const Failure& failure);

/// A demangled type name, for messages.
BIGHT_API std::string typeName(const std::type_info& type);

namespace detail {

/// What all copies of a Failure share. Immutable once the stage that made it has returned.
struct BIGHT_API FailureState {
  /// Wraps the exception in flight, for a stage that threw. If it is the exception of `handled`, the result is
  /// `handled` itself (A17); otherwise `handled`, if any, becomes the cause (A16).
  static Failure caught(const Failure* handled);
  /// What two Failures have in common if they are the same.
  static const void* identity(const Failure& failure) noexcept { return failure.state_; }
  /// Wraps `exception`, or gives `known` if that is its Failure.
  static Failure wrapped(std::exception_ptr exception, const Failure& known);
  /// One that is none yet, as if it had been moved from.
  static Failure none() noexcept { return Failure(static_cast<FailureState*>(nullptr)); }
  /// `failure` with `cause` as its cause, unless it has one or is that very failure.
  static Failure withCause(Failure failure, const Failure* cause);

  /// Return addresses at the place of the throw, innermost first; empty if they were not captured.
  static const std::vector<const void*>& stackOf(const Failure& failure) noexcept;

  /// Whether it has gone anywhere.
  static bool hasGone(const Failure& failure) noexcept { return failure.path_ != nullptr; }
  /// How many steps `Failure::path` has left out.
  static std::uint32_t droppedSteps(const Failure& failure) noexcept;
  /// The way of `failure`, for adding steps; null if there is no memory for it.
  static Path* ownPath(Failure& failure) noexcept;
  /// Adds a step to the way of `failure`.
  static void went(Failure& failure, FailureStep::Kind kind, std::source_location at, StageKind stage = {},
                   std::uint32_t index = 0) noexcept;
  /// As `went`, with what the reactor is doing now.
  static void wentNow(Failure& failure, FailureStep::Kind kind, std::source_location at, StageKind stage = {}) noexcept;
};

}  // namespace detail
}  // namespace bight
