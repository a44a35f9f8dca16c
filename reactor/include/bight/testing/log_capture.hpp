/// @file
/// Catching what is logged, so that a test can look at it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>
#include <bight/failure.hpp>
#include <bight/log.hpp>

namespace bight::testing {

/// While it lives, every message (of level `debug` and up, whatever the levels were) is kept here, and stderr stays
/// silent. May be used with threads that log.
///
/// ```cpp
/// testing::LogCapture log;
/// ...
/// BOOST_TEST(log.contains("Unhandled Error"));
/// ```
class BIGHT_API LogCapture {
 public:
  struct Entry {
    LogLevel level;
    std::string name;
    std::string message;
    std::optional<Failure> failure;
  };

  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::vector<Entry> entries() const;
  /// How many entries have `part` in their message or in their failure's message.
  std::size_t count(std::string_view part) const;
  bool contains(std::string_view part) const { return count(part) > 0; }
  void clear();

 private:
  struct State;
  std::shared_ptr<State> state_;
  LogObserverId id_;
};

}  // namespace bight::testing
