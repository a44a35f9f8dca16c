// Threads and their queue live in a State that every thread shares: a thread that is still busy when the pool must go
// (its time limit is over) is left alone and finds the State alive when it comes back. Threads that end by themselves
// put their handle on a list, from which the next call that may wait joins them.
#include <bight/thread_pool.hpp>

#include <signal.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <bight/detail/activity.hpp>
#include <bight/log.hpp>
#include <bight/reactor_errors.hpp>

namespace bight {

struct ThreadPool::State : std::enable_shared_from_this<State> {
  mutable std::mutex mutex;
  std::condition_variable workCame;
  std::condition_variable somethingEnded;
  std::deque<Function<void()>> queue;
  std::map<std::thread::id, std::thread> threads;
  std::vector<std::thread> ended;
  std::size_t working = 0;
  std::size_t min;
  std::size_t max;
  std::string name;
  bool started = false;
  bool refusing = false;  // no more work is taken
  bool stopping = false;  // idle threads end
  std::shared_ptr<Function<void()>> idleHook;
  std::shared_ptr<Function<void()>> workHook;  // instead of threads

  // All of these with the mutex held.
  bool surplus() const noexcept { return threads.size() > max; }
  void startThread();
  void startMissing();
  void work(std::unique_lock<std::mutex>& lock);
  void endThisThread();
};

void ThreadPool::State::startThread() {
  // Signals are for the other threads: they must not interrupt system calls of somebody's blocking work.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread thread([state = shared_from_this()] {
      std::unique_lock lock(state->mutex);
      state->work(lock);
      state->endThisThread();
    });
    const std::thread::id id = thread.get_id();
    threads.emplace(id, std::move(thread));
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ThreadPool::State::startMissing() {
  if (!started || stopping || workHook) return;
  try {
    while (threads.size() < min) startThread();
    const auto idle = [this] { return threads.size() - working; };
    while (threads.size() < max && idle() < queue.size()) startThread();
  } catch (const std::system_error& error) {
    if (threads.empty()) throw;
    Logger("bight.threads")
        .warn("pool \"" + name + "\" gets no more than " + std::to_string(threads.size()) +
              " threads: " + error.what());
  }
}

void ThreadPool::State::work(std::unique_lock<std::mutex>& lock) {
  for (;;) {
    while (queue.empty() && !stopping && !surplus()) workCame.wait(lock);
    if (surplus() || queue.empty()) return;
    Function<void()> job = std::move(queue.front());
    queue.pop_front();
    ++working;
    lock.unlock();
    try {
      const detail::Doing doing(
          [](const void* of) { return "work in a thread of pool \"" + static_cast<const State*>(of)->name + "\""; },
          this);
      job();
    } catch (...) {
      Logger("bight.threads").failure("Unhandled Error in a thread of pool \"" + name + "\"", Failure());
    }
    job = nullptr;
    lock.lock();
    --working;
    if (working == 0 && queue.empty()) {
      somethingEnded.notify_all();
      if (const auto hook = idleHook) {
        lock.unlock();
        (*hook)();
        lock.lock();
      }
    }
  }
}

void ThreadPool::State::endThisThread() {
  const auto self = threads.find(std::this_thread::get_id());
  if (self != threads.end()) {  // not there: the pool has gone without us
    ended.push_back(std::move(self->second));
    threads.erase(self);
  }
  if (!queue.empty()) workCame.notify_one();  // a wake-up that was meant for us is somebody else's now
  somethingEnded.notify_all();
}

namespace {

void checkLimits(std::size_t min, std::size_t max) {
  if (max == 0) throw std::invalid_argument("a thread pool must be allowed at least 1 thread");
  if (min > max) {
    throw std::invalid_argument("a thread pool cannot have at least " + std::to_string(min) + " and at most " +
                                std::to_string(max) + " threads");
  }
}

}  // namespace

ThreadPool::ThreadPool(std::size_t min, std::size_t max, std::string name) : state_(std::make_shared<State>()) {
  checkLimits(min, max);
  state_->min = min;
  state_->max = max;
  state_->name = std::move(name);
}

ThreadPool::~ThreadPool() {
  try {
    stop();
  } catch (...) {
    Logger("bight.threads")
        .failure("a thread pool was destroyed by one of its own threads, or could not be stopped", Failure());
    stop(Duration::zero());
  }
}

void ThreadPool::start() {
  std::size_t waiting = 0;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->refusing) throw AlreadyQuit("ThreadPool::start: pool \"" + state_->name + "\" has been stopped");
    if (!std::exchange(state_->started, true)) waiting = state_->queue.size();
    state_->startMissing();
  }
  if (const auto hook = state_->workHook)
    for (; waiting > 0; --waiting) (*hook)();
}

void ThreadPool::callInThread(Function<void()> work) {
  if (!work) throw std::invalid_argument("ThreadPool::callInThread: the function is empty");
  std::vector<std::thread> ended;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->refusing) throw AlreadyQuit("ThreadPool::callInThread: pool \"" + state_->name + "\" has been stopped");
    ended = std::exchange(state_->ended, {});
    state_->queue.push_back(std::move(work));
    try {
      state_->startMissing();
    } catch (...) {
      state_->queue.pop_back();
      throw;
    }
    state_->workCame.notify_one();
  }
  if (state_->workHook && state_->started) (*state_->workHook)();
  for (std::thread& each : ended) {
    if (each.get_id() != std::this_thread::get_id()) each.join();
  }
}

void ThreadPool::refuse() {
  const std::lock_guard lock(state_->mutex);
  state_->refusing = true;
}

void ThreadPool::stop() {
  stop(Duration::max());
}

std::size_t ThreadPool::stop(Duration limit) {
  if (state_->workHook) {
    refuse();
    while (workHere()) {
    }
  }
  std::unique_lock lock(state_->mutex);
  if (state_->threads.count(std::this_thread::get_id()) != 0) {
    throw std::logic_error("ThreadPool::stop was called in a thread of pool \"" + state_->name +
                           "\", which it would have to wait for");
  }
  state_->refusing = true;
  if (!state_->started) {
    const auto dropped = std::exchange(state_->queue, {});
    lock.unlock();
    return dropped.size();
  }
  if (std::exchange(state_->stopping, true)) return 0;  // stopped before, perhaps with threads that were left alone
  state_->workCame.notify_all();
  const auto done = [this] { return state_->queue.empty() && state_->working == 0; };
  std::deque<Function<void()>> dropped;
  std::size_t left = 0;
  if (limit == Duration::max()) {
    state_->somethingEnded.wait(lock, done);
  } else if (!state_->somethingEnded.wait_until(lock, std::chrono::steady_clock::now() + limit, done)) {
    dropped = std::exchange(state_->queue, {});
    left = dropped.size() + state_->working;
  }
  state_->somethingEnded.wait(
      lock, [this] { return state_->threads.size() == state_->working; });  // the idle ones go at once
  for (auto& [id, thread] : state_->threads) thread.detach();
  state_->threads.clear();
  std::vector<std::thread> ended = std::exchange(state_->ended, {});
  state_->idleHook = nullptr;
  lock.unlock();
  for (std::thread& each : ended) each.join();
  return left;
}

void ThreadPool::adjustPoolsize(std::size_t min, std::size_t max) {
  checkLimits(min, max);
  const std::lock_guard lock(state_->mutex);
  state_->min = min;
  state_->max = max;
  state_->startMissing();
  state_->workCame.notify_all();
}

std::size_t ThreadPool::min() const {
  const std::lock_guard lock(state_->mutex);
  return state_->min;
}

std::size_t ThreadPool::max() const {
  const std::lock_guard lock(state_->mutex);
  return state_->max;
}

std::size_t ThreadPool::threads() const {
  const std::lock_guard lock(state_->mutex);
  return state_->threads.size();
}

std::size_t ThreadPool::working() const {
  const std::lock_guard lock(state_->mutex);
  return state_->working;
}

std::size_t ThreadPool::queued() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

void ThreadPool::workWithoutThreads(Function<void()> workCame) {
  state_->workHook = std::make_shared<Function<void()>>(std::move(workCame));
}

bool ThreadPool::workHere() {
  Function<void()> job;
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->started || state_->queue.empty()) return false;
    job = std::move(state_->queue.front());
    state_->queue.pop_front();
  }
  try {
    job();
  } catch (...) {
    Logger("bight.threads").failure("Unhandled Error in a call of pool \"" + state_->name + "\"", Failure());
  }
  return true;
}

void ThreadPool::setIdleHook(Function<void()> hook) {
  auto shared = hook ? std::make_shared<Function<void()>>(std::move(hook)) : nullptr;
  const std::lock_guard lock(state_->mutex);
  state_->idleHook = std::move(shared);
}

}  // namespace bight
