#include <bight/testing/log_capture.hpp>

#include <mutex>

#include "log_silence.hpp"

namespace bight::testing {

struct LogCapture::State {
  std::mutex mutex;
  std::vector<Entry> entries;
};

LogCapture::LogCapture() : state_(std::make_shared<State>()) {
  id_ = addLogObserver([state = state_](const LogEvent& event) {
    const std::lock_guard lock(state->mutex);
    state->entries.push_back({event.level, std::string(event.name), std::string(event.message),
                              event.failure ? std::optional<Failure>(*event.failure) : std::nullopt});
  });
  detail::captureLog(true);
}

LogCapture::~LogCapture() {
  detail::captureLog(false);
  removeLogObserver(id_);
}

std::vector<LogCapture::Entry> LogCapture::entries() const {
  const std::lock_guard lock(state_->mutex);
  return state_->entries;
}

std::size_t LogCapture::count(std::string_view part) const {
  std::size_t found = 0;
  for (const Entry& each : entries()) {
    if (each.message.find(part) != std::string::npos ||
        (each.failure && each.failure->getErrorMessage().find(part) != std::string::npos)) {
      ++found;
    }
  }
  return found;
}

void LogCapture::clear() {
  const std::lock_guard lock(state_->mutex);
  state_->entries.clear();
}

}  // namespace bight::testing
