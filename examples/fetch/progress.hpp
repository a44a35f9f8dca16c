// What a person sees of downloads: bars on a terminal, a line for each at its end elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <bight/looping_call.hpp>
#include <bight/time.hpp>

namespace fetch {

// "1.5 MB"
std::string sizeText(double bytes);
// "1:05"
std::string timeText(double seconds);

// One download as it is known at a moment.
struct Download {
  std::string name;
  std::string state = "connecting";  // what is shown until bytes come
  std::optional<std::uint64_t> length = {};
  std::uint64_t received = 0;
  bight::Duration begun{};
  bool over = false;
  std::string outcome = {};  // "200 OK, 1.5 MB in 2.1 s"

  // "name   [#####-----]  50%  1.5 MB/s  0:05", at most `width` columns.
  std::string bar(bight::Duration now, std::size_t width) const;
};

class Progress {
 public:
  // Draws to `out`, as bars if that is a terminal.
  Progress(bight::ReactorTime& clock, std::FILE* out, bool bars);
  ~Progress();

  // The index of a new one.
  std::size_t add(std::string name);
  Download& operator[](std::size_t index) { return downloads_[index]; }
  void finish(std::size_t index, std::string outcome);

 private:
  void draw();

  bight::ReactorTime& clock_;
  std::FILE* out_;
  const bool bars_;
  std::size_t drawn_ = 0;  // lines, which the next drawing overwrites
  std::vector<Download> downloads_;
  bight::LoopingCall redraw_;
};

}  // namespace fetch
