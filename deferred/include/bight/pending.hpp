/// @file
/// Deferreds that have not fired: which there are, what each waits for, and how many came and went.
///
///     watchDeferreds(Watch::each);                    // or BIGHT_TRACE=pending in the environment
///     …
///     dumpPending(std::cerr);                         // why does it not go on?
///
///     2 Deferreds wait:
///       1204 ms  the Deferred created at chat.cpp:12 has not been fired
///       1203 ms  the Deferred created at chat.cpp:30, fired at chat.cpp:31, waits: the callback at chat.cpp:33 has
///                returned the Deferred created at chat.cpp:12
///
/// While nothing is watched, a Deferred pays one branch for this when it is made. Twisted has `DebugInfo`, and a test
/// runner that looks at what the garbage collector finds.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>
#include <bight/failure.hpp>
#include <bight/function.hpp>
#include <bight/unhandled.hpp>

namespace bight {

/// What is noted of Deferreds that are made from now on, in all threads.
enum class Watch : std::uint8_t {
  nothing,
  counts,  ///< how many are made and fired: for production, a few nanoseconds each
  each  ///< and which those are: for finding out; a lock and an entry in a table each, about a tenth of a microsecond
};

/// Switches it. Those that are there already are not known to it. The environment does it too, before `main`:
/// `BIGHT_TRACE=counts` or `BIGHT_TRACE=pending`, in a list with others such as `BIGHT_TRACE=stacks,pending`.
BIGHT_API void watchDeferreds(Watch what) noexcept;
BIGHT_API Watch watchedDeferreds() noexcept;

/// How many Deferreds there were while they were counted; a coroutine is one too.
struct DeferredCounts {
  std::uint64_t created = 0;
  std::uint64_t fired = 0;
  std::uint64_t dropped = 0;    ///< gone without having been fired
  std::uint64_t unhandled = 0;  ///< failures that were reported as such; always counted

  /// Those that are there, and have not been fired.
  std::uint64_t pending() const noexcept { return created - fired - dropped; }
};

/// Of all threads. May be called in any; numbers of threads that go on meanwhile may be a little apart.
BIGHT_API DeferredCounts deferredCounts() noexcept;

/// One that waits: it has not been fired, or a stage of it has returned a Deferred that has no result yet.
struct PendingDeferred {
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  /// Counts all that were watched, from 1.
  std::uint64_t number = 0;
  /// Where it was created; of a coroutine, the coroutine.
  std::source_location created;
  bool coroutine = false;
  bool fired = false;
  std::source_location firedAt = std::source_location();
  /// Whether it waits for another one: a stage has returned that, or the coroutine awaits it.
  bool waiting = false;
  /// The stage, or the co_await.
  std::source_location waitsAt = std::source_location();
  StageKind stage = {};
  /// A position in the same list; `none` if it was made before they were watched.
  std::size_t waitsFor = none;
  /// Since it was created.
  std::chrono::nanoseconds age{0};
};

/// Those of all threads, the oldest first. May be called in any thread.
BIGHT_API std::vector<PendingDeferred> pendingDeferreds();

/// In words, a line for each; at most `most`, and then how many more there are.
BIGHT_API std::string describe(const std::vector<PendingDeferred>& pending, std::size_t most = 100);

/// `describe(pendingDeferreds())`; or that they are not watched.
BIGHT_API void dumpPending(std::ostream& out);

/// For tests: nothing may be left over when it ends. Usable with any framework:
///
///     BOOST_AUTO_TEST_CASE(pages_arrive) {
///       const NothingLeft nothingLeft([](const std::string& report) { BOOST_ERROR(report); });
///       …
///     }
///
/// It watches each Deferred while it lives, and takes the reports of unhandled failures. When it ends, it complains if a
/// Deferred that was made meanwhile still waits, or if a failure was unhandled, or is still held by a Deferred of this
/// thread. One at a time.
class BIGHT_API NothingLeft {
 public:
  using Complain = Function<void(const std::string& report)>;

  /// Prints the report on stderr, and aborts.
  NothingLeft();
  /// Calls `complain`, which must not throw: it is called by the destructor.
  explicit NothingLeft(Complain complain);
  NothingLeft(const NothingLeft&) = delete;
  NothingLeft& operator=(const NothingLeft&) = delete;
  ~NothingLeft();

  /// What is to be complained about now; empty if nothing is left.
  std::string report() const;

 private:
  struct State;
  State* state_;
};

}  // namespace bight
