#include "progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

using namespace std::chrono_literals;

namespace fetch {

namespace {

double secondsOf(bight::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string rightAligned(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

}  // namespace

std::string sizeText(double bytes) {
  static constexpr const char* units[] = {"bytes", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit < 4) {
    bytes /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
  return text;
}

std::string timeText(double seconds) {
  if (!(seconds < 360000)) return "--:--";
  const auto whole = static_cast<long>(std::ceil(seconds));
  char text[32];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
  }
  return text;
}

std::string Download::bar(bight::Duration now, std::size_t width) const {
  const std::size_t nameWidth = std::clamp<std::size_t>(width / 3, 8, 40);
  std::string line = name.size() > nameWidth ? "..." + name.substr(name.size() - nameWidth + 3) : name;
  line.resize(nameWidth, ' ');
  line += "  ";
  if (over) {
    line += outcome;
  } else if (received == 0 && !length) {
    line += state;
  } else {
    const double rate = static_cast<double>(received) / std::max(secondsOf(now - begun), 0.001);
    std::string figures =
        rightAligned(sizeText(static_cast<double>(received)), 9) + "  " + rightAligned(sizeText(rate) + "/s", 11);
    if (length && *length) {
      const double part = std::min(static_cast<double>(received) / static_cast<double>(*length), 1.0);
      const double left = static_cast<double>(*length - std::min(received, *length)) / std::max(rate, 1.0);
      figures += "  " + rightAligned(timeText(left), 7) + " left";
      const std::size_t used = line.size() + figures.size() + 9;
      const std::size_t cells = width > used + 10 ? std::min<std::size_t>(width - used, 40) : 10;
      const auto full = static_cast<std::size_t>(part * static_cast<double>(cells));
      line += "[" + std::string(full, '#') + std::string(cells - full, '-') + "] " +
              rightAligned(std::to_string(static_cast<int>(part * 100)), 3) + "% ";
    }
    line += figures;
  }
  if (line.size() > width) line.resize(width);
  return line;
}

Progress::Progress(bight::ReactorTime& clock, std::FILE* out, bool bars)
    : clock_(clock), out_(out), bars_(bars), redraw_(clock, [this] { draw(); }) {
  if (bars_) redraw_.start(100ms).addErrback([](const bight::Failure&) {});
}

Progress::~Progress() {
  if (redraw_.running()) redraw_.stop();
  if (bars_) draw();
}

std::size_t Progress::add(std::string name) {
  downloads_.push_back({.name = std::move(name), .begun = clock_.seconds()});
  return downloads_.size() - 1;
}

void Progress::finish(std::size_t index, std::string outcome) {
  Download& download = downloads_[index];
  download.over = true;
  download.outcome = std::move(outcome);
  if (!bars_) {
    std::fprintf(out_, "%s: %s\n", download.name.c_str(), download.outcome.c_str());
    std::fflush(out_);
  }
}

void Progress::draw() {
  winsize size{};
  const bool known = ioctl(fileno(out_), TIOCGWINSZ, &size) == 0 && size.ws_col > 20;
  const std::size_t width = (known ? size.ws_col : 80) - 1u;
  const std::size_t height = known && size.ws_row > 2 ? size.ws_row - 2u : 22;
  std::string text;
  if (drawn_) text += "\x1b[" + std::to_string(drawn_) + "A";
  // What is over goes first, so that what moves is seen when there are more than lines.
  std::vector<const Download*> shown;
  for (const bool over : {true, false}) {
    for (const Download& download : downloads_) {
      if (download.over == over || (over && downloads_.size() <= height)) shown.push_back(&download);
    }
    if (downloads_.size() <= height) break;
  }
  if (shown.size() > height) {
    shown.erase(shown.begin(), shown.end() - static_cast<std::ptrdiff_t>(height));
  }
  for (const Download* each : shown) text += "\r\x1b[K" + each->bar(clock_.seconds(), width) + "\n";
  drawn_ = shown.size();
  std::fputs(text.c_str(), out_);
  std::fflush(out_);
}

}  // namespace fetch
