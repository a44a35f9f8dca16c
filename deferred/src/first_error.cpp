#include <bight/first_error.hpp>

#include <string>

#include <bight/race.hpp>

namespace bight {

FirstError::FirstError(Failure subFailure, std::size_t index)
    : std::runtime_error("FirstError[#" + std::to_string(index) + ", " + toString(subFailure) + "]"),
      subFailure_(std::move(subFailure)),
      index_(index) {}

namespace {

std::string listed(const std::vector<Failure>& failures) {
  std::string text = "all " + std::to_string(failures.size()) + " failed:";
  for (std::size_t i = 0; i < failures.size(); ++i)
    text +=
        (i ? "; #" : " #") + std::to_string(i) + " " + failures[i].typeName() + ": " + failures[i].getErrorMessage();
  return text;
}

}  // namespace

FailureGroup::FailureGroup(std::vector<Failure> failures)
    : std::runtime_error(listed(failures)), failures_(std::move(failures)) {}

}  // namespace bight
