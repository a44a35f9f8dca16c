// What every test of a reactor runs over: each backend of the system, and a poller from outside the library.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <bight/reactor.hpp>

namespace bight::tests {

/// The name under which the tests register a poller of their own: plain ::poll, see plain_poller.cpp.
inline constexpr const char* plainPoller = "plain-poll";

/// Every reactor there is, the tests' own among them.
std::vector<std::string> backends();

/// How often the plain poller of this reactor was asked to wait, over all of them.
std::size_t plainPollCount() noexcept;

}  // namespace bight::tests
