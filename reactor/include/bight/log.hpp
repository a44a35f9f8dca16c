/// @file
/// A small log: who says it (a namespace), how grave it is (a level), what it is (a text, and a Failure if there is
/// one), and whoever wants to know (observers).
///
/// ```cpp
/// const Logger log("chat.rooms");
/// log.info("room opened");
/// log.failure("while saving the room", failure);
/// ```
///
/// At first one observer is there: it writes to stderr what is `info` or graver. Every function may be called from any
/// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/failure.hpp>

namespace bight {

/// How grave a message is.
enum class LogLevel : std::uint8_t { debug, info, warn, error, critical };

/// "debug", "info", "warn", "error" or "critical".
BIGHT_API std::string_view toString(LogLevel level) noexcept;

/// One message, as observers see it. The views live as long as the call of the observer.
struct LogEvent {
  LogLevel level;
  std::string_view name;     ///< who says it: the logger's namespace
  std::string_view message;  ///< one sentence or more, without a newline at its end
  const Failure* failure;    ///< what went wrong, or null
  std::chrono::system_clock::time_point time;
};

/// Receives messages. What it throws is reported to the other observers, and never reaches the one who logged.
using LogObserver = std::function<void(const LogEvent&)>;

/// Names an observer for `removeLogObserver`.
struct LogObserverId {
  std::uint64_t id = 0;
  friend bool operator==(LogObserverId, LogObserverId) = default;
};

/// The observer that is there from the start.
inline constexpr LogObserverId stderrLogObserver{1};

/// From now on `observer` gets every message that passes the levels. It is called in the thread that logs, one message
/// at a time; what it logs itself is given to the other observers only.
BIGHT_API LogObserverId addLogObserver(LogObserver observer);

/// Ends it. Removing what is not there does nothing. When this returns, no other thread is inside the observer (it may
/// be removed from inside itself).
BIGHT_API void removeLogObserver(LogObserverId observer) noexcept;

/// The least level that is passed on, for the namespace `prefix` and all below it ("chat" also covers "chat.rooms");
/// the longest prefix wins. "" is for all. At the beginning: `info` for all.
BIGHT_API void setLogLevel(std::string_view prefix, LogLevel least);

/// Forgets every `setLogLevel`.
BIGHT_API void resetLogLevels();

/// An event as the text that goes to stderr: time, level, name, message, and the failure's traceback on the lines after
/// it.
BIGHT_API std::string formatLogEvent(const LogEvent& event);

/// The place where messages of one namespace are written.
class BIGHT_API Logger {
 public:
  /// @param name the namespace: words with dots between, as "chat.rooms"
  explicit Logger(std::string name);

  const std::string& name() const noexcept { return name_; }

  /// Would a message of this level be passed on? Ask before you put together a costly text.
  bool enabled(LogLevel level) const noexcept;

  void log(LogLevel level, std::string_view message) const noexcept;
  void debug(std::string_view message) const noexcept { log(LogLevel::debug, message); }
  void info(std::string_view message) const noexcept { log(LogLevel::info, message); }
  void warn(std::string_view message) const noexcept { log(LogLevel::warn, message); }
  void error(std::string_view message) const noexcept { log(LogLevel::error, message); }
  void critical(std::string_view message) const noexcept { log(LogLevel::critical, message); }

  /// Logs a failure with what was being done when it happened.
  void failure(std::string_view message, const Failure& failure, LogLevel level = LogLevel::critical) const noexcept;

 private:
  std::string name_;
};

}  // namespace bight
