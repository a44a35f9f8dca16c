/// @file
/// Internal: the counters and signs of life of a reactor, as other threads may read them.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdint>
#include <mutex>

#include <bight/counters.hpp>
#include <bight/time.hpp>

#include "ticks.hpp"

namespace bight::detail {

/// A number that one thread writes and any may read. Costs the writer what a plain one does.
class Count {
 public:
  void add(std::uint64_t more) noexcept { set(get() + more); }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Shared by a reactor and its watchdogs.
class Vitals {
 public:
  Count turns, events, timers, calls, slow, opened, closed, bytesIn, bytesOut;
  Count longestTurn;  // in ticks
  TickScale scale;

  ReactorCounters snapshot() const noexcept {
    return {.turns = turns.get(),
            .events = events.get(),
            .timers = timers.get(),
            .calls = calls.get(),
            .slowCallbacks = slow.get(),
            .connectionsOpened = opened.get(),
            .connectionsClosed = closed.get(),
            .bytesIn = bytesIn.get(),
            .bytesOut = bytesOut.get(),
            .longestTurn = scale.duration(longestTurn.get())};
  }

  /// Changes whenever something has been done.
  std::uint64_t progress() const noexcept { return turns.get() + events.get() + timers.get() + calls.get(); }

  /// @name Is the thread of the reactor at work, or does it wait for something to happen?
  /// @{
  void waits() noexcept { waiting_.store(true, std::memory_order_relaxed); }
  void works() noexcept { waiting_.store(false, std::memory_order_relaxed); }
  bool waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  /// @}

  /// The loop is entered by the calling thread, and left: between, the thread is certainly alive.
  void enter() noexcept {
    const std::lock_guard lock(mutex_);
    thread_ = ::pthread_self();
    inside_ = true;
    works();
  }
  void leave() noexcept {
    const std::lock_guard lock(mutex_);
    inside_ = false;
    waits();
  }
  /// Sends a signal to the thread in the loop. @return false if there is none
  bool signalThread(int number) noexcept {
    const std::lock_guard lock(mutex_);
    return inside_ && ::pthread_kill(thread_, number) == 0;
  }

 private:
  std::atomic<bool> waiting_{true};
  std::mutex mutex_;
  pthread_t thread_{};
  bool inside_ = false;
};

}  // namespace bight::detail
