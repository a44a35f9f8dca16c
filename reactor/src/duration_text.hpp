/// @file
/// Internal: spans of time in messages.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>

namespace bight::detail {

/// "30 s", "2.26 s", "250 ms", "1.5 us": three figures, for people; "8520 s" if there are more before the point.
inline std::string durationText(std::chrono::nanoseconds span) {
  struct Unit {
    double nanoseconds;
    const char* name;
  };
  const auto count = static_cast<double>(span.count());
  char text[40] = "0 s";
  for (const Unit unit : {Unit{1e9, "s"}, Unit{1e6, "ms"}, Unit{1e3, "us"}, Unit{1, "ns"}}) {
    const double size = std::abs(count) / unit.nanoseconds;
    if (size < 0.9995) continue;  // else it would be rounded to 1000 of the smaller unit
    std::snprintf(text, sizeof text, size < 999.5 ? "%.3g %s" : "%.0f %s", count / unit.nanoseconds, unit.name);
    break;
  }
  return text;
}

}  // namespace bight::detail
