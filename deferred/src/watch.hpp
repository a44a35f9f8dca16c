/// @file
/// What chains tell pending.cpp, while somebody watches. Internal.
#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>

#include <bight/failure.hpp>

namespace bight::detail {

class Chain;

/// Zero as long as nobody watches: the branch that each new chain pays. Else a Watch, and perhaps `watchToRecord`.
extern constinit std::atomic<std::uint8_t> watching [[gnu::visibility("hidden")]];
constexpr std::uint8_t watchToRecord = 4;

/// A chain was made while the whole process is recorded: so is this thread, from now on. See trace_process.cpp.
void recordThread() noexcept;

/// A chain was made. Whether it is to tell the rest.
bool watchNew(const Chain& chain, std::source_location created, bool coroutine) noexcept;
void watchFired(const Chain& chain, std::source_location at) noexcept;
/// `inner` is what it waits for; null: it does no more.
void watchWaiting(const Chain& chain, const Chain* inner, std::source_location at, StageKind stage) noexcept;
void watchGone(const Chain& chain, bool wasFired) noexcept;

/// A failure is reported as unhandled.
void countUnhandled() noexcept;

}  // namespace bight::detail
