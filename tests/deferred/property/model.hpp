// Runs a program on a plain model of what a chain is: the rules of firing, running, waiting, pausing, cancelling and reporting (and A63 for
// gatherResults) written down one by one, with no thought of speed. What it says is what the real thing has to say.
#pragma once

#include <string>

#include "program.hpp"

namespace property {

std::string runModel(const Program& program);

}  // namespace property
