// The picture: each chain is a panel with two lanes, callbacks on the left, errbacks on the right. The path goes from
// box to box, on the left as long as there is a value, on the right while there is a failure. A Deferred that a stage
// returned stands to the right of it, and the chain goes on below.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/trace.hpp>

#include "joined.hpp"
#include "trace_words.hpp"

namespace bight {

namespace {

constexpr int boxWidth = 190;
constexpr int boxHeight = 42;
constexpr int leftLane = 16;
constexpr int rightLane = 236;
constexpr int panelWidth = 442;
constexpr int gap = 70;
constexpr int rowHeight = 88;
constexpr int headHeight = 108;

struct Placed {
  bool drawn = false;
  int x = 0;
  int y = 0;
  std::vector<int> rows;  // the top of each stage's boxes
  int bottom = 0;
};

int laneMiddle(bool failed) {
  return (failed ? rightLane : leftLane) + boxWidth / 2;
}

std::string number(int n) {
  return std::to_string(n);
}

std::string text(int x, int y, const char* style, std::string_view words, std::size_t most = 30) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" class=\"" + style + "\">" +
         detail::escaped(detail::clipped(words, most)) + "</text>\n";
}

class Picture {
 public:
  explicit Picture(const Recording& recording)
      : recording_(recording), fates_(detail::fates(recording)), placed_(recording.chains.size()) {}

  std::string draw() {
    int y = 16;
    for (std::size_t i = 0; i < recording_.chains.size(); ++i) {
      if (fates_[i].nested || placed_[i].drawn) continue;
      y = place(i, 16, y) + 24;
    }
    for (std::size_t i = 0; i < recording_.chains.size(); ++i) {  // returned by one that was returned by it
      if (!placed_[i].drawn) y = place(i, 16, y) + 24;
    }
    for (std::size_t i = 0; i < recording_.chains.size(); ++i) drawChain(i);
    if (recording_.chains.empty()) {
      body_ += text(16, 40, "title", "nothing was recorded");
      width_ = 260;
      height_ = 60;
    }
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(width_) + "\" height=\"" + number(height_) +
           "\" viewBox=\"0 0 " + number(width_) + " " + number(height_) + "\" role=\"img\">\n" + style + body_ +
           "</svg>\n";
  }

 private:
  static constexpr const char* style =
      "<style>\n"
      "text{font:13px system-ui,sans-serif;fill:#1b1f24;text-anchor:middle}\n"
      ".title{font-weight:600;text-anchor:start}.lane{fill:#57606a;font-size:11px;letter-spacing:.06em}\n"
      ".at{font-size:11px;fill:#57606a}.value{font:12px ui-monospace,monospace;fill:#0b5a22}\n"
      ".failure{font:12px ui-monospace,monospace;fill:#a40e26;font-style:italic}\n"
      ".panel{fill:#fff;stroke:#d0d7de}.box{fill:#fff;stroke:#1b1f24;stroke-width:1.6}\n"
      ".off{fill:none;stroke:#afb8c1;stroke-dasharray:3 3}.faded{fill:#8c959f}\n"
      ".onvalue,.onfailure{fill:none;stroke-width:3.2;stroke-linejoin:round}\n"
      ".onvalue{stroke:#1a7f37}.onfailure{stroke:#cf222e;stroke-dasharray:8 4}\n"
      ".dotvalue{fill:#1a7f37}.dotfailure{fill:#fff;stroke:#cf222e;stroke-width:3}\n"
      ".nested{fill:none;stroke:#57606a;stroke-width:1.6;stroke-dasharray:2 4}\n"
      ".halo{paint-order:stroke;stroke:#fff;stroke-width:4px}\n"
      "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#f6f8fa\"/>\n";

  /// Finds places for a chain and those that its stages returned. Returns where it ends.
  int place(std::size_t index, int x, int y) {
    Placed& it = placed_[index];
    it.drawn = true;
    it.x = x;
    it.y = y;
    int row = y + headHeight;
    int lowest = row;
    std::vector<int> rows;
    for (const detail::StageFate& stage : fates_[index].stages) {
      rows.push_back(row);
      int next = row + rowHeight;
      if (stage.other < placed_.size() && !placed_[stage.other].drawn) {
        const int nestedEnd = place(stage.other, x + panelWidth + gap, std::max(row - 20, lowest));
        lowest = nestedEnd + 16;
        next = std::max(next, nestedEnd + 12);  // the path goes on below what it waited for
      }
      row = next;
    }
    placed_[index].rows = std::move(rows);
    placed_[index].bottom = row + 8;
    width_ = std::max(width_, x + panelWidth + 16);
    height_ = std::max(height_, row + 24);
    return std::max(row + 8, lowest - 16);
  }

  void box(std::size_t chain, std::size_t stage, bool failure, int x, int y) {
    const Recording::Stage& it = recording_.chains[chain].stages[stage];
    const detail::StageFate& fate = fates_[chain].stages[stage];
    const bool there = failure ? it.onFailure : it.onValue;
    const int left = x + (failure ? rightLane : leftLane);
    if (!there) return;
    const bool ran = fate.what == detail::StageFate::What::ran && fate.inFailed == failure;
    body_ += "<rect x=\"" + number(left) + "\" y=\"" + number(y) + "\" width=\"" + number(boxWidth) + "\" height=\"" +
             number(boxHeight) + "\" rx=\"6\" class=\"" + (ran ? "box" : "off") + "\" data-stage=\"" +
             std::to_string(chain) + "-" + std::to_string(stage) + "\"/>\n";
    body_ += text(left + boxWidth / 2, y + 18, ran ? "name" : "faded", nameOf(it, failure));
    body_ += text(left + boxWidth / 2, y + 34, ran ? "at" : "at faded",
                  it.kind == StageKind::handover ? "to who waits for it" : detail::shortPlace(it.at));
  }

  static std::string nameOf(const Recording::Stage& stage, bool failure) {
    if (stage.kind == StageKind::callbacks) return failure ? "errback (of two)" : "callback (of two)";
    return toString(stage.kind);
  }

  void edge(int x1, int y1, int x2, int y2, bool failed, std::string_view words, int labelX, int labelY) {
    std::string path = detail::joined("M", number(x1), " ", number(y1));
    if (x1 == x2) {
      path += " V" + number(y2);
    } else {
      const int turn = y1 + 14;
      path += " C" + number(x1) + " " + number(turn + 12) + " " + number(x2) + " " + number(turn - 12) + " " +
              number(x2) + " " + number(turn + 18) + " V" + number(y2);
    }
    edges_ += "<path d=\"" + path + "\" class=\"" + (failed ? "onfailure" : "onvalue") + "\"/>\n";
    std::string_view label = words;
    for (const std::string_view space : {"std::", "bight::"}) {  // there is little room
      if (failed && label.starts_with(space)) label.remove_prefix(space.size());
    }
    if (!label.empty()) labels_ += text(labelX, labelY, failed ? "failure halo" : "value halo", label, 29);
  }

  void dot(int x, int y, bool failed) {
    edges_ += "<circle cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"5\" class=\"" +
              (failed ? "dotfailure" : "dotvalue") + "\"/>\n";
  }

  void drawChain(std::size_t index) {
    const Recording::Chain& chain = recording_.chains[index];
    const detail::ChainFate& fate = fates_[index];
    const Placed& it = placed_[index];
    body_ += "<rect x=\"" + number(it.x) + "\" y=\"" + number(it.y) + "\" width=\"" + number(panelWidth) +
             "\" height=\"" + number(it.bottom - it.y) + "\" rx=\"10\" class=\"panel\" data-chain=\"" +
             std::to_string(index) + "\"/>\n";
    body_ += text(it.x + 16, it.y + 24, "title", detail::titleOf(chain), 54);
    body_ += text(it.x + laneMiddle(false), it.y + 46, "lane", "CALLBACKS");
    body_ += text(it.x + laneMiddle(true), it.y + 46, "lane", "ERRBACKS");
    for (std::size_t s = 0; s < chain.stages.size(); ++s) {
      box(index, s, false, it.x, it.rows[s]);
      box(index, s, true, it.x, it.rows[s]);
    }
    if (fate.fired) {
      drawPath(index);
    } else {
      body_ += text(it.x + panelWidth / 2, it.y + 74, "at", "has not fired");
    }
    body_ += std::exchange(edges_, {}) + std::exchange(labels_, {});
  }

  void drawPath(std::size_t index) {
    const detail::ChainFate& fate = fates_[index];
    const Placed& it = placed_[index];
    bool failed = fate.failed;
    int x = it.x + laneMiddle(failed);
    int y = it.y + 60;
    std::string words = fate.result;
    dot(x, y, failed);
    for (std::size_t s = 0; s < fate.stages.size(); ++s) {
      const detail::StageFate& stage = fate.stages[s];
      const int top = it.rows[s];
      const int to = it.x + laneMiddle(failed);
      if (stage.what == detail::StageFate::What::waiting) {
        edge(x, y, to, top - 12, failed, words, to, top - 22);
        dot(to, top - 12, failed);
        return;
      }
      const bool skipped = stage.what == detail::StageFate::What::skipped;
      edge(x, y, to, skipped ? top + boxHeight : top, failed, words, to, top - 10);
      if (stage.other < placed_.size()) drawNested(it, placed_[stage.other], top, failed);
      if (!stage.done) {  // waits for what it returned, or has been consumed
        return;
      }
      x = to;
      y = top + boxHeight;
      words = stage.out;
      failed = stage.outFailed;
    }
    const int to = it.x + laneMiddle(failed);
    edge(x, y, to, it.bottom - 22, failed, words, to, it.bottom - 32);
    dot(to, it.bottom - 20, failed);
  }

  /// From the stage to the Deferred that it returned.
  void drawNested(const Placed& from, const Placed& to, int top, bool failed) {
    const int x = from.x + (failed ? rightLane : leftLane) + boxWidth;
    const int y = top + boxHeight / 2;
    const int toY = to.y + 30;
    body_ += "<path d=\"M" + number(x) + " " + number(y) + " C" + number(x + 30) + " " + number(y) + " " +
             number(to.x - 40) + " " + number(toY) + " " + number(to.x) + " " + number(toY) + "\" class=\"nested\"/>\n";
    body_ += "<path d=\"M" + number(to.x - 8) + " " + number(toY - 5) +
             " l8 5 l-8 5\" class=\"nested\" stroke-dasharray=\"0\"/>\n";
    body_ += text(to.x - gap / 2, std::min(y, toY) - 8, "at halo", "returned");
  }

  const Recording& recording_;
  std::vector<detail::ChainFate> fates_;
  std::vector<Placed> placed_;
  std::string body_;
  std::string edges_;
  std::string labels_;
  int width_ = 0;
  int height_ = 0;
};

}  // namespace

std::string toSvg(const Recording& recording) {
  return Picture(recording).draw();
}

}  // namespace bight
