/// @file
/// Internal: pollers over libevent.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bight/poller.hpp>

namespace bight::detail {

/// A poller over the libevent method of this name. @throws std::runtime_error if libevent does not give it.
std::unique_ptr<Poller> makeLibeventPoller(const std::string& method);

/// Those of "kqueue", "poll", "select" that this libevent has on this system, the best first.
std::vector<std::string> libeventMethods();

}  // namespace bight::detail
