/// @file
/// What this thread is doing now, for the story of a Failure that comes up meanwhile. Internal.
///
/// Whoever runs user code for a reason that the story should tell (a timer, a connection, a thread of the pool) keeps
/// a `Doing` meanwhile. That costs a few stores; nothing is described unless a Failure is made.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>

#include <bight/export.hpp>

namespace bight::detail {

struct Activity {
  /// "a call of callLater", "reading from 127.0.0.1:80 for Echo". Called while it goes on.
  std::string (*describe)(const void* subject);
  const void* subject;
  /// Where it was asked for, if that is known.
  std::source_location at;
};

struct Activities {
  const Activity* now = nullptr;
  std::uint64_t begun = 0;  // tells one from the next that lies at the same address
};
extern constinit thread_local Activities activities;

/// Marks the time of an activity.
class Doing {
 public:
  Doing(std::string (*describe)(const void*), const void* subject, std::source_location at = std::source_location())
      : activity_{describe, subject, at}, outer_(activities.now) {
    activities.now = &activity_;
    ++activities.begun;
  }
  Doing(const Doing&) = delete;
  Doing& operator=(const Doing&) = delete;
  ~Doing() {
    activities.now = outer_;
    ++activities.begun;
  }

 private:
  Activity activity_;
  const Activity* outer_;
};

/// What this thread is doing, as text; empty if that is not known.
BIGHT_API std::string presentActivity();

}  // namespace bight::detail
