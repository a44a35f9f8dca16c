/// @file
/// What happens to failures that nobody handled.
#pragma once

#include <cstddef>
#include <source_location>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/failure.hpp>
#include <bight/function.hpp>

namespace bight {

/// A failure that went past the last stage of a Deferred that nobody holds any more (A49), or an exception out of a
/// canceller (A41).
struct UnhandledFailure {
  const Failure& failure;
  /// "Unhandled error in Deferred" or "a canceller threw".
  std::string_view context;
  /// Where the Deferred was made, and where it was fired.
  std::source_location created;
  std::source_location fired;
};

using UnhandledFailureHook = Function<void(const UnhandledFailure&)>;

/// Replaces what is done with unhandled failures, in all threads, and returns what was done before (empty for the
/// default, which prints `describe()` on stderr, but says nothing of a CancelledError, A44). An empty hook restores the
/// default.
///
/// The hook is called exactly when the last handle of the failed Deferred dies, or when the failure reaches the end of
/// a chain without handles, in the thread where that happens; so it must be fit for several threads. It may use
/// Deferreds. What it throws is swallowed, and the failure is then reported on stderr. Tests may abort in it.
BIGHT_API UnhandledFailureHook setUnhandledFailureHook(UnhandledFailureHook hook);

/// The report as text: context, traceback, where the Deferred was created and fired. Ends with a newline.
BIGHT_API std::string describe(const UnhandledFailure& unhandled);

/// How many Deferreds of this thread hold a failure that somebody could still handle. A program that ends with any of
/// them has lost errors: `react` reports the number at exit (A51).
BIGHT_API std::size_t failuresAtRest() noexcept;

namespace detail {
BIGHT_API void reportUnhandled(const UnhandledFailure& unhandled) noexcept;
}

}  // namespace bight
