// Runs a program on a plain model of what a chain is: the rules A1 to A5 and A7 (and A63 for gatherResults) written down one by one, with
// no thought of speed. What it says is what the real thing has to say.
#pragma once

#include <string>

#include "program.hpp"

namespace property {

std::string runModel(const Program& program);

}  // namespace property
