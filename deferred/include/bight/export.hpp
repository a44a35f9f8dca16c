/// @file
/// Symbol visibility. Everything is hidden but what carries `BIGHT_API`: classes with out-of-line members, free
/// functions, and exception types (whose type information must be one and the same in the library and in the program,
/// or a `catch` would not match).
#pragma once

#if defined(__GNUC__) || defined(__clang__)
#define BIGHT_API __attribute__((visibility("default")))
#else
#define BIGHT_API
#endif
