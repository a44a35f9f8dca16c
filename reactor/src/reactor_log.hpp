/// @file
/// Internal: the log of the reactors.
#pragma once

#include <bight/log.hpp>

namespace bight::detail {

inline const Logger& reactorLog() {
  static const Logger log("bight.reactor");
  return log;
}

}  // namespace bight::detail
