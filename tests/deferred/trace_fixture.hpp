// What ran, in its order, written down as words; and what was reported as unhandled.
#pragma once

#include <string>
#include <vector>

#include "unhandled_fixture.hpp"

struct Trace : bight::UnhandledCounter {
  std::vector<std::string> steps;
  void step(std::string what) { steps.push_back(std::move(what)); }
  auto value(std::string name) {
    return [this, name](int n) {
      step(name + " " + std::to_string(n));
      return n + 1;
    };
  }
  auto failed(std::string name, int instead = 0) {
    return [this, name, instead](const bight::Failure& f) {
      step(name + " " + f.getErrorMessage());
      return instead;
    };
  }
  std::string all() const {
    std::string text;
    for (const auto& s : steps) text += (text.empty() ? "" : ", ") + s;
    return text;
  }
};
