/// @file
/// Which bight this is. The numbers follow semantic versioning; before 1.0 a minor version may change the interface.
#pragma once

#define BIGHT_VERSION_MAJOR 0
#define BIGHT_VERSION_MINOR 1
#define BIGHT_VERSION_PATCH 0

/// "major.minor.patch", the same text that pkg-config, CMake and Meson know the library by.
#define BIGHT_VERSION "0.1.0"
