/// @file
/// Walking up the stack of this thread, again and again over the same functions. Internal.
#pragma once

namespace bight::detail {

/// The return addresses from `address` on, which is where a function with the frame address `frame`
/// (`__builtin_dwarf_cfa()`) returns to: that is the first of them. At most `most`. Returns how many there are.
unsigned walkStack(const void* address, const void* frame, const void** addresses, unsigned most) noexcept;

}  // namespace bight::detail
