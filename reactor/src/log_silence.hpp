/// @file
/// Internal: what `testing::LogCapture` does to the log.
#pragma once

namespace bight::detail {

/// While captures are counted, every level passes, and the observer on stderr is silent.
void captureLog(bool begin) noexcept;

}  // namespace bight::detail
