"""Writes a C++ source with a place for each line of a file that is written only when the program runs: places.py OUTPUT

A std::source_location cannot be made of a name and a number. But a line directive says where the next line shall be."""

import sys

LINES = 200

HEAD = '''// Made by places.py.
#include <algorithm>
#include <array>
#include <source_location>

#include "code.hpp"

namespace lab {
namespace {
constexpr std::source_location here(std::source_location at = std::source_location::current()) { return at; }
constexpr std::array<std::source_location, %d> places{
#line 1 "chain.cpp"
'''
TAIL = '''};
}  // namespace

std::source_location placeInProgram(unsigned line) {
  return places[std::clamp<unsigned>(line, 1, places.size()) - 1];
}

}  // namespace lab
'''

with open(sys.argv[1], 'w', encoding='ascii') as file:
    file.write(HEAD % LINES + 'here(),\n' * LINES + TAIL)
