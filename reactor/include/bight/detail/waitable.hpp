/// @file
/// Internal: calling functions that may return nothing, or something to wait for.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <bight/deferred.hpp>

namespace bight::detail {

/// Calls `f`. If it returned a Deferred of anything: one that fires when that does. Otherwise nothing, and its value is
/// dropped.
template <class F, class... A>
std::optional<Deferred<void>> callWaitable(F& f, A&&... arguments) {
  using R = std::invoke_result_t<F&, A...>;
  if constexpr (!isDeferred<R>) {
    static_cast<void>(f(std::forward<A>(arguments)...));
    return std::nullopt;
  } else if constexpr (std::is_same_v<R, Deferred<void>>) {
    return f(std::forward<A>(arguments)...);
  } else {
    return f(std::forward<A>(arguments)...).addCallback([] {});
  }
}

}  // namespace bight::detail
