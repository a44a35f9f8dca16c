/// @file
/// The stack at the place where an exception was thrown.
///
/// When an exception reaches a stage or a `catch`, the stack that threw it has gone. So it is noted while the exception
/// is made: as return addresses, which makes a throw two to three times as expensive; the names and lines are
/// looked up when somebody asks. A `Failure` made of the exception takes the stack along, and `Failure::getTraceback`
/// prints it.
///
/// It is on where the library was built for debugging (without NDEBUG), and off otherwise. The environment variable
/// `BIGHT_TRACE` decides at the start of a program (`1` or `0`), `captureStacks` at any time. While it is off a throw
/// costs one branch more. For it to work the program must get `__cxa_allocate_exception` from this library: that is so
/// with the shared and with the static one, unless the C++ library is linked statically.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <bight/export.hpp>

namespace bight {

class Failure;

/// One call on a stack.
struct StackFrame {
  /// Demangled; empty if not known.
  std::string function;
  /// Empty if the program has no debug information there.
  std::string file;
  unsigned line = 0;
  const void* address = nullptr;
};

/// Whether exceptions thrown from now on, in all threads, have their stacks noted.
BIGHT_API void captureStacks(bool on) noexcept;
BIGHT_API bool capturesStacks() noexcept;

/// How many calls are noted at most.
inline constexpr std::size_t stackDepth = 32;

/// The calls at such return addresses, innermost first, those included that the compiler has inlined. Slow the first
/// time, when the debug information is read (about 70 ms).
BIGHT_API std::vector<StackFrame> describeStack(std::span<const void* const> addresses);

/// The stack at the throw of the exception, innermost first; empty if it was not noted, as for an exception that was
/// never thrown while stacks were captured.
BIGHT_API std::vector<StackFrame> thrownAt(const Failure& failure);

}  // namespace bight
