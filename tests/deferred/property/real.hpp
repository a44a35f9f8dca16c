// Runs a program on the real Deferreds.
#pragma once

#include <string>

#include "program.hpp"

namespace property {

/// Everything that could be observed: which stage ran with what, what threw, what was reported, in order.
std::string runReal(const Program& program);

}  // namespace property
