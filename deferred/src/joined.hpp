/// @file
/// Texts in a row. Internal.
#pragma once

#include <string>
#include <string_view>

namespace bight::detail {

/// One text out of several. (`"c" + std::to_string(n)` is shorter, and g++ 12 warns of it when it optimises: it fears that
/// the two overlap.)
template <class... Part>
std::string joined(const Part&... parts) {
  std::string whole;
  whole.reserve((std::string_view(parts).size() + ...));
  (whole.append(std::string_view(parts)), ...);
  return whole;
}

}  // namespace bight::detail
