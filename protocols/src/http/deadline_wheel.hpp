// When to look after which connection: deadlines of many connections, kept in seconds, on one timer.
//
// A wheel of buckets, one for each second; a connection hangs in the bucket of the second in which it is to be looked
// at next. Moving a deadline later, as every request does, is one store: the connection stays where it hangs, and when
// its bucket's time comes it is hung up again further on. Only a deadline that comes nearer moves it at once. There is
// one timer, for the nearest bucket that is not empty; without connections there is none.
//
// Rejected: a callLater for each connection. Two heap operations per request, and 100 bytes per idle connection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <bight/time.hpp>

namespace bight::http::detail {

// What hangs in the wheel. Its size counts: there is one for each idle connection.
class WheelEntry {
 public:
  WheelEntry(const WheelEntry&) = delete;
  WheelEntry& operator=(const WheelEntry&) = delete;

 protected:
  WheelEntry() = default;
  ~WheelEntry() = default;

 private:
  friend class DeadlineWheel;

  WheelEntry* previous_ = nullptr;
  WheelEntry* next_ = nullptr;
  std::uint32_t lookAt_ = 0;  // the second of the bucket it hangs in; 0 if in none; see DeadlineWheel::due
  std::uint32_t deadline_ = 0;
};

class DeadlineWheel {
 public:
  // `passed` is called for each entry whose deadline is over. It may do anything, also remove that entry and others.
  using Passed = void (*)(WheelEntry&);
  DeadlineWheel(ReactorTime& clock, Passed passed) noexcept : clock_(clock), passed_(passed) {}
  ~DeadlineWheel();
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;

  // Sets the deadline, in seconds as `now` counts them; 0 for none.
  void set(WheelEntry& entry, std::uint32_t deadline) {
    entry.deadline_ = deadline;
    if (entry.lookAt_ == 0 || (deadline != 0 && deadline < entry.lookAt_)) hang(entry);
  }
  void clear(WheelEntry& entry) noexcept { entry.deadline_ = 0; }
  // Calls `f` for each entry that ever had a deadline and was not removed. It may remove any.
  template <class F>
  void forEach(F f);
  // Takes the entry out: it is going away.
  void remove(WheelEntry& entry) noexcept;

  // The clock's present second, rounded up: a deadline counted from it is never early.
  std::uint32_t now() const { return static_cast<std::uint32_t>(clock_.seconds() / std::chrono::seconds(1)) + 1; }

 private:
  static constexpr std::uint32_t size = 128;
  static constexpr std::uint32_t due =
      ~std::uint32_t{0};                             // in place of a second: the bucket of those whose second has come
  static constexpr std::uint32_t resting = due - 1;  // that of those which have no deadline
  static constexpr std::uint32_t walked = due - 2;   // that of those which forEach has seen

  WheelEntry*& bucket(std::uint32_t second) noexcept {
    return buckets_[second >= walked ? size + (due - second) : second % size];
  }
  void hang(WheelEntry& entry);
  void link(WheelEntry& entry, std::uint32_t second) noexcept;
  void arm();
  void turn();

  ReactorTime& clock_;
  Passed passed_;
  std::array<WheelEntry*, size + 3> buckets_{};
  DelayedCall timer_;
  std::uint32_t timerAt_ = 0;  // the second the timer is set for; 0 if there is none
  bool turning_ = false;
};

// Each is put aside before it is seen, so that whatever `f` does to others cannot disturb the walk; then all go back.
template <class F>
void DeadlineWheel::forEach(F f) {
  for (WheelEntry*& first : buckets_) {
    if (&first == &bucket(walked)) continue;
    while (WheelEntry* entry = first) {
      remove(*entry);
      link(*entry, walked);
      f(*entry);
    }
  }
  while (WheelEntry* entry = bucket(walked)) {
    remove(*entry);
    if (entry->deadline_ != 0) {
      hang(*entry);
    } else {
      link(*entry, resting);
    }
  }
}

}  // namespace bight::http::detail
