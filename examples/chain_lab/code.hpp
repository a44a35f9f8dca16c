/// @file
/// The program that does what a plan says, and the places in it: what the real chain is told as the places where its
/// stages were added, so that pictures and tracebacks speak of the lines that are shown.
#pragma once

#include <source_location>
#include <string>
#include <vector>

#include "plan.hpp"

namespace lab {

struct Program {
  std::string text;
  unsigned created = 0;  // line where the Deferred is made; they all count from 1
  struct StageLines {
    unsigned added = 0;
    unsigned f = 0;  // where its functions make a Deferred to return; 0 if they do not
    unsigned g = 0;
  };
  std::vector<StageLines> stages;
  unsigned fired = 0;
  unsigned firedAgain = 0;
  unsigned cancelled = 0;
};

/// A whole program for `plan`, complete and correct.
Program writeProgram(const Plan& plan);

/// A place in line `line` of "chain.cpp", which is what the programs are called. Lines past the last that there are places
/// for are that one.
std::source_location placeInProgram(unsigned line);

}  // namespace lab
