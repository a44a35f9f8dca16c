/// @file
/// Internal: all of a reactor that needs no operating system, over a `Poller`: the phases of a turn, timers, system
/// events, the queue from other threads, the order of the shutdown. And what transports need of it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <bight/failure.hpp>
#include <bight/log.hpp>
#include <bight/poller.hpp>
#include <bight/reactor.hpp>

#include "write_batch.hpp"

namespace bight::detail {

/// A connection, a port: something that must be ended when the reactor shuts down or is destroyed. Linked into the
/// reactor's list by itself.
class Owned {
 public:
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  /// The reactor ends this. It has been taken off the list already.
  virtual void disconnect(const Failure& reason) = 0;

 protected:
  ~Owned() = default;

 private:
  friend class ReactorBase;
  Owned* before_ = nullptr;
  Owned* after_ = nullptr;
};

class ReactorBase final : public Reactor {
 public:
  explicit ReactorBase(std::unique_ptr<Poller> poller);
  ~ReactorBase() override;

  // ReactorCore
  void stop() override;
  void crash() override;
  bool running() const noexcept override { return running_; }
  std::optional<int> exitSignal() const noexcept override { return exitSignal_; }
  void removeSystemEventTrigger(SystemEventTrigger trigger) override;
  void fireSystemEvent(std::string_view event) override;

  // ReactorTime
  Duration seconds() const override { return Poller::steadyNow(); }
  DelayedCall callLater(Duration delay, Function<void()> call) override;
  std::vector<DelayedCall> getDelayedCalls() const override;

  // ReactorThreads
  void callFromThread(Function<void()> call) override;
  void callInThread(Function<void()> call) override;
  void suggestThreadPoolSize(std::size_t size) override;
  ThreadPool& getThreadPool() override;
  bool isInIOThread() const noexcept override;
  std::shared_ptr<detail::ThreadQueue> threadQueue() override { return threadQueue_; }
  void keepPending(std::shared_ptr<detail::Pending> pending) override;
  void forgetPending(const detail::Pending& pending) noexcept override;

  // ReactorFDSet
  void addReader(std::shared_ptr<Selectable> reader) override;
  void addWriter(std::shared_ptr<Selectable> writer) override;
  void removeReader(const std::shared_ptr<Selectable>& reader) override;
  void removeWriter(const std::shared_ptr<Selectable>& writer) override;
  std::vector<std::shared_ptr<Selectable>> removeAll() override;
  std::vector<std::shared_ptr<Selectable>> getReaders() const override;
  std::vector<std::shared_ptr<Selectable>> getWriters() const override;

  // Reactor
  std::string_view name() const noexcept override { return poller_->name(); }
  void setSlowCallbackLimit(Duration limit) override;
  void setThreadPoolPatience(Duration limit) override;

  // ---- for transports; all in the reactor's thread ----

  Poller& poller() noexcept { return *poller_; }

  /// Calls `call` in the next turn, before its timers, in the order of these calls (B12). Cheaper than `callLater(0)`.
  void callSoon(Function<void()> call);

  /// Calls `call` at the end of the present dispatch, when the write batch has been sent; outside of any dispatch,
  /// before the next wait. This is the place to let go of a closed connection.
  void afterDispatch(Function<void()> call);

  /// 64 KiB to read into, shared by all connections; its contents last until the next read.
  std::span<char> readBuffer() noexcept { return {readBuffer_.get(), readBufferSize}; }
  static constexpr std::size_t readBufferSize = 65536;

  /// Writes of the present dispatch: sent when it ends, and before every wait.
  WriteBatch& writeBatch() noexcept { return writeBatch_; }

  /// Puts a connection or port on the list of what the shutdown ends (B7), or takes it off. Both may be repeated.
  void own(Owned& owned) noexcept;
  void disown(Owned& owned) noexcept;

  /// Logs what user code did wrong, and goes on (B28).
  void report(std::string_view context, const Failure& failure) noexcept;

  /// Runs user code. Whatever it throws is reported. @return whether it came to its end
  template <class F>
  bool guarded(std::string_view context, F&& f) noexcept {
    try {
      std::forward<F>(f)();
      return true;
    } catch (...) {
      report(context, Failure());
      return false;
    }
  }

  /// Catches calls from other threads: throws WrongThread in debug builds, else logs once. `what` names the function
  /// called.
  void checkThread(const char* what) const {
    if (!isInIOThread()) [[unlikely]]
      wrongThread(what);
  }

  /// The process is about to lose a loop that was told to shut down by signal `number` (first), or shall end at once
  /// (second).
  void signalled(int number) noexcept;

 protected:
  void runWith(RunOptions options) override;
  void iterateFor(Duration delay) override;
  SystemEventTrigger addTrigger(Phase phase, std::string_view event, TriggerCall call) override;

 private:
  enum class Life : unsigned char { fresh, starting, started, stopping, stopped, crashed };

  void turn(Duration atMost);
  void runQueues();
  void runTimers();
  void endDispatch() noexcept;
  void finishDispatch() noexcept;
  void disconnectAll();
  void stopThreadPool();
  void wrongThread(const char* what) const;

  // Touched by every dispatch: kept together.
  std::unique_ptr<Poller> poller_;
  WriteBatch writeBatch_;
  std::vector<Function<void()>> afterDispatch_;
  std::unique_ptr<char[]> readBuffer_;

  bool running_ = false;
  std::optional<int> exitSignal_;
  std::shared_ptr<detail::ThreadQueue> threadQueue_;
};

}  // namespace bight::detail
