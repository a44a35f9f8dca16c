/// @file
/// Counts the failures that nobody handled, for as long as it lives.
#pragma once

#include <string>
#include <vector>

#include <bight/unhandled.hpp>

namespace bight {

struct UnhandledCounter {
  UnhandledCounter() {
    previous_ = setUnhandledFailureHook([this](const UnhandledFailure& unhandled) {
      messages.push_back(std::string(unhandled.context) + ": " + unhandled.failure.getErrorMessage());
    });
  }
  UnhandledCounter(const UnhandledCounter&) = delete;
  UnhandledCounter& operator=(const UnhandledCounter&) = delete;
  ~UnhandledCounter() { setUnhandledFailureHook(std::move(previous_)); }

  std::size_t count() const { return messages.size(); }

  std::vector<std::string> messages;

 private:
  UnhandledFailureHook previous_;
};

}  // namespace bight
