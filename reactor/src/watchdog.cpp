#include <bight/watchdog.hpp>

#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include <bight/log.hpp>

#include "thread_stack.hpp"
#include "vitals.hpp"

namespace bight {

namespace {

using Clock = std::chrono::steady_clock;

const Logger& watchdogLog() {
  static const Logger log("bight.watchdog");
  return log;
}

std::string inMilliseconds(Duration span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count()) + " ms";
}

std::shared_ptr<detail::Vitals> vitalsOf(const Reactor& reactor) {
  auto vitals = reactor.vitals();
  if (!vitals) throw std::logic_error("Watchdog: this kind of reactor gives no signs of life");
  return vitals;
}

Duration checked(Duration limit) {
  if (limit < std::chrono::milliseconds(1)) throw std::invalid_argument("Watchdog: the limit is below 1 ms");
  return limit;
}

}  // namespace

class Watchdog::State {
 public:
  State(std::shared_ptr<detail::Vitals> vitals, WatchdogOptions options)
      : vitals_(std::move(vitals)),
        limit_(checked(options.limit)),
        whenStuck_(std::move(options.whenStuck)),
        signal_(options.signal == 0 ? SIGURG : options.signal),
        thread_([this] { watch(); }) {}
  ~State() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    ended_.notify_one();
    thread_.join();
  }

 private:
  void watch() {
    const Duration pause = std::clamp<Duration>(limit_ / 4, std::chrono::milliseconds(1), std::chrono::seconds(1));
    std::uint64_t seen = 0;
    Clock::time_point since = Clock::now();
    bool reported = false;
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, pause, [this] { return over_; })) {
      const std::uint64_t now = vitals_->progress();
      const Duration span = Clock::now() - since;
      if (vitals_->waiting() || now != seen) {
        if (std::exchange(reported, false))
          watchdogLog().warn("the reactor moves again, after about " + inMilliseconds(span));
        seen = now;
        since = Clock::now();
      } else if (!reported && span >= limit_) {
        reported = true;
        lock.unlock();
        report(span);
        lock.lock();
      }
    }
  }

  void report(Duration span) noexcept {
    try {
      const StuckReport found{span, signal_.ask(*vitals_)};
      std::string text = "the reactor has not come back to its loop for " + inMilliseconds(span);
      if (found.stack.empty())
        text += "; its thread does not tell where it is";
      else
        text += "; its thread is here:";
      bool nameless = false;
      for (std::size_t i = 0; i < found.stack.size(); ++i) {
        text += "\n  #" + std::to_string(i) + " " + found.stack[i];
        nameless = nameless || found.stack[i].starts_with(detail::namelessFunction);
      }
      if (nameless)
        text +=
            "\n  (the file was stripped; `addr2line -Cfe FILE 0x…` on one that was not, of the same build, has the "
            "names)";
      watchdogLog().critical(text);
      if (whenStuck_) whenStuck_(found);
    } catch (...) {
      watchdogLog().failure("while reporting that the reactor is stuck", Failure());
    }
  }

  const std::shared_ptr<detail::Vitals> vitals_;
  const Duration limit_;
  Function<void(const StuckReport&)> whenStuck_;
  const detail::StackSignal signal_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;  // last: it uses the others
};

Watchdog::Watchdog(const Reactor& reactor, WatchdogOptions options)
    : state_(std::make_unique<State>(vitalsOf(reactor), std::move(options))) {}

Watchdog::~Watchdog() = default;

}  // namespace bight
