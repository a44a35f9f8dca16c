// A program of somebody else, built against the installed library by pkg-config, by CMake and as a Meson subproject.
#include <bight/deferred.hpp>
#include <bight/version.hpp>
#include <cstdio>
#include <stdexcept>

int main() {
  bight::Deferred<int> answer;
  answer.addCallback([](int n) { return n + 1; });
  answer.addCallback([](int n) -> int { throw std::runtime_error("no " + std::to_string(n)); });
  answer.addErrback([](const bight::Failure& failure) {
    failure.trap<std::runtime_error>();
    std::printf("bight %s: %s\n", BIGHT_VERSION, failure.getErrorMessage().c_str());
  });
  answer.callback(41);
  return 0;
}
