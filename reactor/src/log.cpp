// Observers are called with a recursive lock held, so that messages reach them one at a time, and so that
// `removeLogObserver` may wait simply by taking it. Whatever an observer logs itself skips the observers that are
// running in this thread: that ends every recursion.
#include <bight/log.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <bight/errors.hpp>
#include <bight/unhandled.hpp>

#include "log_silence.hpp"
#include "log_unhandled.hpp"

namespace bight {
namespace {

struct Observer {
  LogObserverId id;
  LogObserver call;
  bool running = false;
  bool removed = false;
};

std::atomic<int> captures{0};

void writeToStderr(const LogEvent& event) {
  if (captures.load(std::memory_order_relaxed) > 0) return;
  const std::string text = formatLogEvent(event) + '\n';
  std::fwrite(text.data(), 1, text.size(), stderr);
}

struct Log {
  std::recursive_mutex mutex;
  std::vector<std::shared_ptr<Observer>> observers{
      std::make_shared<Observer>(Observer{stderrLogObserver, writeToStderr})};
  std::uint64_t lastId = stderrLogObserver.id;

  std::mutex levelMutex;
  std::map<std::string, LogLevel, std::less<>> levels;
  // The least of all: most messages that nobody wants are turned away here.
  std::atomic<LogLevel> least{LogLevel::info};

  void pass(const LogEvent& event);
  void complain(const Observer& culprit, const LogEvent& about, const Failure& failure);
  LogLevel leastFor(std::string_view name);
};

// Never destroyed: something may log while the program's static objects die.
Log& theLog() {
  static Log& it = *new Log;
  return it;
}

void Log::pass(const LogEvent& event) {
  const std::lock_guard lock(mutex);
  const auto present = observers;  // observers may come and go meanwhile
  for (const auto& observer : present) {
    if (observer->running || observer->removed) continue;
    observer->running = true;
    try {
      observer->call(event);
    } catch (...) {
      complain(*observer, event, Failure());
    }
    observer->running = false;
  }
}

void Log::complain(const Observer& culprit, const LogEvent& about, const Failure& failure) {
  const std::string text =
      "log observer " + std::to_string(culprit.id.id) + " threw while it observed this: " + std::string(about.message);
  pass({LogLevel::critical, "bight.log", text, &failure, about.time});
}

LogLevel Log::leastFor(std::string_view name) {
  const std::lock_guard lock(levelMutex);
  for (std::string_view prefix = name;;) {
    const auto found = levels.find(prefix);
    if (found != levels.end()) return found->second;
    if (prefix.empty()) return LogLevel::info;
    const auto dot = prefix.rfind('.');
    prefix = dot == std::string_view::npos ? std::string_view() : prefix.substr(0, dot);
  }
}

}  // namespace

std::string_view toString(LogLevel level) noexcept {
  static constexpr std::string_view names[] = {"debug", "info", "warn", "error", "critical"};
  const auto index = static_cast<std::size_t>(level);
  return index < std::size(names) ? names[index] : "unknown";
}

LogObserverId addLogObserver(LogObserver observer) {
  if (!observer) throw std::invalid_argument("addLogObserver: the observer is empty");
  Log& log = theLog();
  const std::lock_guard lock(log.mutex);
  const LogObserverId id{++log.lastId};
  log.observers.push_back(std::make_shared<Observer>(Observer{id, std::move(observer)}));
  return id;
}

void removeLogObserver(LogObserverId id) noexcept {
  Log& log = theLog();
  const std::lock_guard lock(log.mutex);
  const auto found =
      std::find_if(log.observers.begin(), log.observers.end(), [&](const auto& each) { return each->id == id; });
  if (found == log.observers.end()) return;
  const std::shared_ptr<Observer> kept = *found;
  kept->removed = true;
  log.observers.erase(found);
}

void setLogLevel(std::string_view prefix, LogLevel least) {
  Log& log = theLog();
  const std::lock_guard lock(log.levelMutex);
  log.levels.insert_or_assign(std::string(prefix), least);
  LogLevel all = log.levels.count("") ? LogLevel::critical : LogLevel::info;
  for (const auto& [name, level] : log.levels) all = std::min(all, level);
  log.least = all;
}

void resetLogLevels() {
  Log& log = theLog();
  const std::lock_guard lock(log.levelMutex);
  log.levels.clear();
  log.least = LogLevel::info;
}

std::string formatLogEvent(const LogEvent& event) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(event.time);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char when[40];
  const std::size_t length = std::strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S%z", &parts);
  std::string text(when, length);
  text.append(" [").append(event.name).append("] ").append(toString(event.level)).append(": ").append(event.message);
  if (event.failure) {
    std::string traceback = event.failure->getTraceback();
    while (!traceback.empty() && traceback.back() == '\n') traceback.pop_back();
    text.append("\n").append(traceback);
  }
  return text;
}

Logger::Logger(std::string name) : name_(std::move(name)) {}

bool Logger::enabled(LogLevel level) const noexcept {
  if (captures.load(std::memory_order_relaxed) > 0) return true;
  Log& log = theLog();
  return level >= log.least.load(std::memory_order_relaxed) && level >= log.leastFor(name_);
}

void Logger::log(LogLevel level, std::string_view message) const noexcept {
  try {
    if (enabled(level)) theLog().pass({level, name_, message, nullptr, std::chrono::system_clock::now()});
  } catch (...) {
    // Out of memory in the log: there is nobody left to tell.
  }
}

void Logger::failure(std::string_view message, const Failure& failure, LogLevel level) const noexcept {
  try {
    if (enabled(level)) theLog().pass({level, name_, message, &failure, std::chrono::system_clock::now()});
  } catch (...) {
  }
}

namespace detail {

void captureLog(bool begin) noexcept {
  captures += begin ? 1 : -1;
}

void logUnhandledFailures() {
  static std::once_flag once;
  std::call_once(once, [] {
    UnhandledFailureHook before = setUnhandledFailureHook([](const UnhandledFailure& unhandled) {
      // A cancelled operation that nobody waited for is no news (A44).
      const LogLevel level = unhandled.failure.check<CancelledError>() ? LogLevel::debug : LogLevel::critical;
      const Logger log("bight.deferred");
      if (!log.enabled(level)) return;
      const auto add = [](std::string& text, const char* what, const std::source_location& where) {
        if (!*where.file_name()) return;  // nobody's line: an abandoned one was not fired
        text.append(what).append(where.file_name()).append(":").append(std::to_string(where.line()));
      };
      std::string places;
      add(places, "created at ", unhandled.created);
      add(places, places.empty() ? "fired at " : ", fired at ", unhandled.fired);
      log.failure(std::string(unhandled.context) + (places.empty() ? "" : " (" + places + ")"), unhandled.failure,
                  level);
    });
    if (before) setUnhandledFailureHook(std::move(before));
  });
}

}  // namespace detail
}  // namespace bight
