/// @file
/// What this thread is doing now, for the story of a Failure that comes up meanwhile. Internal.
///
/// Whoever runs user code for a reason that the story should tell (a timer, a connection, a thread of the pool) keeps
/// a `Doing` meanwhile. That costs a few stores; nothing is described unless a Failure is made.
#pragma once

#include <string>

#include <bight/export.hpp>

namespace bight::detail {

struct Activity {
  /// "a timed call of …", "an event of Echo, connected to 127.0.0.1:80"; empty if there is nothing to say. Called while
  /// it goes on.
  std::string (*describe)(const void* subject);
  const void* subject;
};
extern BIGHT_API constinit thread_local const Activity* presentActivity;

/// Marks the time of an activity.
class Doing {
 public:
  Doing(std::string (*describe)(const void*), const void* subject) noexcept
      : activity_{describe, subject}, outer_(presentActivity) {
    presentActivity = &activity_;
  }
  Doing(const Doing&) = delete;
  Doing& operator=(const Doing&) = delete;
  ~Doing() { presentActivity = outer_; }

 private:
  Activity activity_;
  const Activity* outer_;
};

}  // namespace bight::detail
