/// @file
/// Internal: the poller over epoll.
#pragma once

#include <memory>

#include <bight/poller.hpp>

namespace bight::detail {

#ifdef __linux__
/// @throws std::system_error if the system does not give what it needs
std::unique_ptr<Poller> makeEpollPoller();
#endif

}  // namespace bight::detail
