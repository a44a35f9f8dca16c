/// @file
/// `Cooperator`: long work, cut in small steps, that lets the reactor serve others in between.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/time.hpp>

namespace bight {

class Cooperator;

/// A task has come to its end already: what `pause` and `stop` throw then. One of the three below says which end it
/// was.
class BIGHT_API TaskFinished : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~TaskFinished() override;
};
/// The task's work was done.
class BIGHT_API TaskDone : public TaskFinished {
 public:
  TaskDone();
  ~TaskDone() override;
};
/// The task was stopped by `stop()`. Also what `whenDone()` fails with then.
class BIGHT_API TaskStopped : public TaskFinished {
 public:
  TaskStopped();
  ~TaskStopped() override;
};
/// A step threw, or the Deferred it returned failed. `whenDone()` fails with that failure.
class BIGHT_API TaskFailed : public TaskFinished {
 public:
  TaskFailed();
  ~TaskFailed() override;
};
/// The Cooperator was stopped or destroyed: how its tasks end then.
class BIGHT_API SchedulerStopped : public TaskFinished {
 public:
  SchedulerStopped();
  ~SchedulerStopped() override;
};
/// `resume()` was called more often than `pause()`.
class BIGHT_API NotPaused : public std::logic_error {
 public:
  NotPaused();
  ~NotPaused() override;
};

/// What one step of a task says: there is more to do, that was all, or wait for this Deferred and then go on.
///
/// ```cpp
/// auto task = cooperator.cooperate([&]() -> Step {
///   if (urls.empty()) return Step::done();
///   return fetch(takeOne(urls)).addCallback(store);
/// });
/// ```
class BIGHT_API Step {
 public:
  static Step more() { return Step(true); }
  static Step done() { return Step(false); }
  /// Any Deferred: the task goes on when it has fired, and fails when it fails.
  template <class T>
  Step(Deferred<T> wait) {  // NOLINT(google-explicit-constructor): what a step returns
    if constexpr (std::is_void_v<T>) {
      wait_.emplace(std::move(wait));
    } else {
      wait_.emplace(std::move(wait).addCallback([] {}));
    }
  }

 private:
  friend class CooperativeTask;
  explicit Step(bool more) : more_(more) {}
  bool more_ = true;
  std::optional<Deferred<void>> wait_;
};

/// A task of a Cooperator.
class BIGHT_API CooperativeTask : public std::enable_shared_from_this<CooperativeTask> {
 public:
  /// Fires when the work is done; fails with TaskStopped, SchedulerStopped, or what a step threw. May be asked for any
  /// number of times.
  Deferred<void> whenDone();

  /// Makes no more steps until `resume()` has been called as often. @throws TaskFinished
  void pause();
  /// @throws NotPaused
  void resume();
  /// Ends the task. A Deferred that it waits for is not cancelled. @throws TaskFinished
  void stop();

 private:
  friend class Cooperator;
  enum class End : std::uint8_t { none, done, stopped, failed, schedulerStopped };

  CooperativeTask(Cooperator& cooperator, Function<Step()> step);
  void checkFinished() const;
  void finish(End end, std::optional<Failure> failure);
  void oneStep();

  Cooperator* cooperator_;  // used only before the end
  Function<Step()> step_;
  int pauses_ = 0;
  bool inStep_ = false;
  End end_ = End::none;
  std::optional<Failure> failure_;
  std::vector<Promise<void>> waiters_;
  std::list<std::shared_ptr<CooperativeTask>>::iterator place_;  // in one of the Cooperator's lists, until the end
};

/// Runs tasks in turns: one step of each, round and round, until a slice of 10 ms is over; the next slice follows in
/// the next turn of the loop. Several tasks that take their work from one source limit how much of it is under way at
/// once. Twisted: task.Cooperator.
class BIGHT_API Cooperator {
 public:
  /// Asked after each step whether the slice is over. Made anew for each slice.
  using SliceIsOver = Function<bool()>;

  /// @param clock schedules the slices
  /// @param startSlice for tests; at first: 10 ms, measured in real time
  explicit Cooperator(ReactorTime& clock, Function<SliceIsOver()> startSlice = nullptr);
  ~Cooperator();
  Cooperator(const Cooperator&) = delete;
  Cooperator& operator=(const Cooperator&) = delete;

  /// Adds a task; its first step is made in the next turn. In a Cooperator that was stopped it ends at once with
  /// SchedulerStopped. The task lives until its end, whether anybody keeps it or not.
  std::shared_ptr<CooperativeTask> cooperate(Function<Step()> step);
  /// `cooperate(step)->whenDone()`.
  Deferred<void> coiterate(Function<Step()> step);

  /// Goes on after `stop()`, with new tasks. A Cooperator is started when it is made.
  void start();
  /// Ends every task with SchedulerStopped.
  void stop();
  bool running() const noexcept { return !stopped_; }

 private:
  friend class CooperativeTask;
  using Tasks = std::list<std::shared_ptr<CooperativeTask>>;

  void park(CooperativeTask& task);
  void unpark(CooperativeTask& task);
  void remove(CooperativeTask& task);
  void schedule();
  void slice();

  ReactorTime& clock_;
  Function<SliceIsOver()> startSlice_;
  Tasks tasks_;
  Tasks::iterator next_;
  Tasks parked_;
  DelayedCall call_;
  bool stopped_ = false;
  bool* destroyed_ = nullptr;  // set while a slice runs: steps may destroy this
};

}  // namespace bight
