/// @file
/// Internal: from a description of a child to a running one.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include <bight/process.hpp>

namespace bight::detail {

/// One descriptor of the child: what it is a duplicate of.
struct SpawnFd {
  int child;
  int source;
};

/// What to start. The descriptors are already open.
struct SpawnPlan {
  const std::string& executable;
  const std::vector<std::string>& args;
  const ProcessOptions& options;
  std::vector<SpawnFd> fds;  // in the order of `child`
  bool terminal = false;     // the first of them is to be the controlling terminal
};

/// Starts it: when this returns, the program runs.
/// @return its number. It must be waited for.
/// @throws SpawnError;  std::invalid_argument for a uid that is no user, without a gid
pid_t spawn(const SpawnPlan& plan);

}  // namespace bight::detail
