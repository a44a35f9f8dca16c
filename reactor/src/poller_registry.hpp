/// @file
/// Internal: which pollers there are.
#pragma once

#include <string_view>

#include <bight/poller.hpp>

#include "libevent_poller.hpp"

namespace bight::detail {

/// The factory of this name; empty if there is none.
PollerFactory findPoller(std::string_view name);

}  // namespace bight::detail
