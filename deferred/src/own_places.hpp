/// @file
/// Which places are the library's own. Internal.
#pragma once

#include <string_view>

namespace bight::detail {

/// Whether a file belongs to the library, or to that of C++.
bool isOwnFile(std::string_view file) noexcept;
/// Whether a function does.
bool isOwnFunction(std::string_view function) noexcept;

}  // namespace bight::detail
