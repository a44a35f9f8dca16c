// A program of somebody else, built against the installed library by pkg-config, by CMake and as a Meson subproject.
#include <bight/version.hpp>
#include <cstdio>

int main() {
  std::printf("bight %s\n", BIGHT_VERSION);
  return 0;
}
