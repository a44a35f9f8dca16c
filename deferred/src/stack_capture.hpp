/// @file
/// The stacks of what this thread has thrown lately. Internal.
#pragma once

#include <vector>

namespace bight::detail {

/// Puts the return addresses at the throw of the exception object into `stack`, innermost first; nothing if they were
/// not captured, or are no longer known.
void takeStack(const void* object, std::vector<const void*>& stack);

}  // namespace bight::detail
