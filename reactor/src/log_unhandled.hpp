/// @file
/// Internal: failures that nobody handled go to the log.
#pragma once

namespace bight::detail {

/// Makes the log the place where unhandled failures of Deferreds are reported, unless somebody has set a hook of their
/// own. Done once per process, by the first reactor.
void logUnhandledFailures();

}  // namespace bight::detail
