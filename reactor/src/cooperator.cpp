// Tasks that may step stand in one list, in which `next_` is where the round goes on; paused ones (by the user, or
// because they wait for a Deferred) stand in another, so that they can be ended when the Cooperator stops. `place_` is
// a task's place in whichever list it is in.
#include <bight/cooperator.hpp>

#include <chrono>

namespace bight {

TaskFinished::~TaskFinished() = default;
TaskDone::TaskDone() : TaskFinished("the task is done") {}
TaskDone::~TaskDone() = default;
TaskStopped::TaskStopped() : TaskFinished("the task was stopped") {}
TaskStopped::~TaskStopped() = default;
TaskFailed::TaskFailed() : TaskFinished("the task has failed") {}
TaskFailed::~TaskFailed() = default;
SchedulerStopped::SchedulerStopped() : TaskFinished("the Cooperator of the task was stopped") {}
SchedulerStopped::~SchedulerStopped() = default;
NotPaused::NotPaused() : std::logic_error("CooperativeTask::resume: the task is not paused") {}
NotPaused::~NotPaused() = default;

// ---- one task ----

CooperativeTask::CooperativeTask(Cooperator& cooperator, Function<Step()> step)
    : cooperator_(&cooperator), step_(std::move(step)) {}

void CooperativeTask::checkFinished() const {
  switch (end_) {
    case End::none:
      return;
    case End::done:
      throw TaskDone();
    case End::stopped:
      throw TaskStopped();
    case End::failed:
      throw TaskFailed();
    case End::schedulerStopped:
      throw SchedulerStopped();
  }
}

Deferred<void> CooperativeTask::whenDone() {
  Deferred<void> deferred;
  if (end_ == End::none) {
    waiters_.push_back(deferred.promise());
  } else if (failure_) {
    deferred.errback(*failure_);
  } else {
    deferred.callback();
  }
  return deferred;
}

void CooperativeTask::pause() {
  checkFinished();
  if (++pauses_ == 1) cooperator_->park(*this);
}

void CooperativeTask::resume() {
  if (pauses_ == 0) throw NotPaused();
  if (--pauses_ == 0 && end_ == End::none) cooperator_->unpark(*this);
}

void CooperativeTask::stop() {
  checkFinished();
  finish(End::stopped, Failure(TaskStopped()));
}

void CooperativeTask::finish(End end, std::optional<Failure> failure) {
  const std::shared_ptr<CooperativeTask> kept = shared_from_this();
  end_ = end;
  failure_ = std::move(failure);
  cooperator_->remove(*this);
  if (!inStep_) step_ = nullptr;
  for (const Promise<void>& waiter : std::exchange(waiters_, {})) {
    if (failure_) {
      waiter.errback(*failure_);
    } else {
      waiter.callback();
    }
  }
}

void CooperativeTask::oneStep() {
  const std::shared_ptr<CooperativeTask> kept = shared_from_this();
  struct InStep {
    CooperativeTask& task;
    ~InStep() {
      task.inStep_ = false;
      if (task.end_ != End::none) task.step_ = nullptr;
    }
  } const inStep{*this};
  inStep_ = true;
  try {
    Step step = step_();
    if (end_ != End::none) return;  // the step has stopped its own task
    if (step.wait_) {
      pause();
      std::move(*step.wait_)
          .addCallbacks([kept] { kept->resume(); },
                        [kept](Failure failure) {
                          if (kept->end_ == End::none) kept->finish(End::failed, std::move(failure));
                        });
    } else if (!step.more_) {
      finish(End::done, std::nullopt);
    }
  } catch (...) {
    if (end_ == End::none) finish(End::failed, Failure());
  }
}

// ---- all of them ----

Cooperator::Cooperator(ReactorTime& clock, Function<SliceIsOver()> startSlice)
    : clock_(clock), startSlice_(std::move(startSlice)), next_(tasks_.end()) {
  if (startSlice_) return;
  startSlice_ = [] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
    return SliceIsOver([end] { return std::chrono::steady_clock::now() >= end; });
  };
}

Cooperator::~Cooperator() {
  stop();
  if (destroyed_) *destroyed_ = true;
}

std::shared_ptr<CooperativeTask> Cooperator::cooperate(Function<Step()> step) {
  if (!step) throw std::invalid_argument("Cooperator::cooperate: the step is empty");
  const std::shared_ptr<CooperativeTask> task(new CooperativeTask(*this, std::move(step)));
  task->place_ = parked_.insert(parked_.end(), task);
  unpark(*task);
  if (stopped_) task->finish(CooperativeTask::End::schedulerStopped, Failure(SchedulerStopped()));
  return task;
}

Deferred<void> Cooperator::coiterate(Function<Step()> step) {
  return cooperate(std::move(step))->whenDone();
}

void Cooperator::start() {
  stopped_ = false;
  schedule();
}

void Cooperator::stop() {
  stopped_ = true;
  if (call_.active()) call_.cancel();
  while (!tasks_.empty()) {
    const std::shared_ptr<CooperativeTask> task = tasks_.front();
    task->finish(CooperativeTask::End::schedulerStopped, Failure(SchedulerStopped()));
  }
  while (!parked_.empty()) {
    const std::shared_ptr<CooperativeTask> task = parked_.front();
    task->finish(CooperativeTask::End::schedulerStopped, Failure(SchedulerStopped()));
  }
}

void Cooperator::unpark(CooperativeTask& task) {
  tasks_.splice(tasks_.end(), parked_, task.place_);
  schedule();
}

void Cooperator::park(CooperativeTask& task) {
  if (next_ == task.place_) ++next_;
  parked_.splice(parked_.end(), tasks_, task.place_);
  if (tasks_.empty() && call_.active()) call_.cancel();
}

void Cooperator::remove(CooperativeTask& task) {
  if (task.pauses_ == 0) park(task);
  parked_.erase(task.place_);
}

void Cooperator::schedule() {
  if (stopped_ || tasks_.empty() || call_.active() || destroyed_ != nullptr) return;
  call_ = clock_.callLater(Duration::zero(), [this] { slice(); });
}

void Cooperator::slice() {
  bool destroyed = false;
  destroyed_ = &destroyed;
  SliceIsOver over = startSlice_();
  while (!tasks_.empty()) {
    if (next_ == tasks_.end()) next_ = tasks_.begin();
    const std::shared_ptr<CooperativeTask> task = *next_++;
    task->oneStep();
    if (destroyed) return;
    if (over()) break;
  }
  destroyed_ = nullptr;
  schedule();
}

}  // namespace bight
