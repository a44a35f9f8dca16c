/// @file
/// The way of a Failure: the steps behind `Failure::path`. Internal.
///
/// A path is shared by the copies of a Failure, and copied when one of them goes on: so a Failure may be in many chains
/// and many threads at once. The first steps and the last ones are kept, since the beginning says where it came up, and
/// the end where it is now.
#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>
#include <string>

#include <bight/detail/activity.hpp>
#include <bight/failure.hpp>

namespace bight::detail {

class Path {
 public:
  struct Step {
    std::source_location at;
    FailureStep::Kind kind;
    StageKind stage;
    std::uint32_t index;
  };
  /// What the reactor was doing at a step. The newest first.
  struct Note {
    std::atomic<std::uint32_t> references{1};
    std::uint32_t step = 0;
    Note* before = nullptr;
    std::string text;
  };

  static constexpr std::uint32_t first = 8;
  static constexpr std::uint32_t last = 32;
  static constexpr std::uint32_t mostNotes = 12;

  static Path* make();
  /// A path of its own for who goes on: `path` itself if nobody else has it. Takes over a count.
  static Path* own(Path* path);
  void addReference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void dropReference() noexcept {
    // Who has the only reference need not lock the bus for it.
    if (references_.load(std::memory_order_acquire) == 1 || references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      destroy();
  }

  void add(FailureStep::Kind kind, std::source_location at, StageKind stage = {}, std::uint32_t index = 0) noexcept {
    steps_[place(count_)] = {at, kind, stage, index};
    ++count_;
  }
  /// What the thread is doing now belongs to the step added last.
  void noteNow() noexcept {
    if (presentActivity) [[unlikely]]
      note();
  }

  std::uint32_t count() const noexcept { return count_; }
  /// How many between the first ones and the last ones are gone.
  std::uint32_t dropped() const noexcept { return count_ > first + last ? count_ - first - last : 0; }
  const Step& step(std::uint32_t i) const noexcept { return steps_[place(i)]; }
  const Note* notes() const noexcept { return notes_; }

 private:
  void note() noexcept;
  Path() noexcept {}  // the steps have no values yet
  ~Path() = default;
  void destroy() noexcept;
  static std::uint32_t place(std::uint32_t i) noexcept { return i < first ? i : first + (i - first) % last; }

  std::atomic<std::uint32_t> references_{1};
  std::uint32_t count_ = 0;
  std::uint32_t noteCount_ = 0;
  Note* notes_ = nullptr;
  union {
    Step steps_[first + last];
  };
};

}  // namespace bight::detail
