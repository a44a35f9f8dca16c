/// @file
/// `DeferredQueue`: values on one side, those who wait for values on the other.
#pragma once

#include <cstddef>
#include <deque>
#include <limits>
#include <list>
#include <source_location>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/detail/waiting_line.hpp>
#include <bight/maybe_deferred.hpp>

namespace bight {

/// First in, first out, for values and for those who wait for them. Twisted: `DeferredQueue` (A76).
///
///     DeferredQueue<Job> jobs(100);
///     jobs.put(job);
///     jobs.get().addCallback(work);
///
/// If it is destroyed while somebody waits, those fail with AbandonedError.
template <class T>
class DeferredQueue {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  /// @param size how many values may lie in the queue
  /// @param backlog how many may wait for one
  explicit DeferredQueue(std::size_t size = unlimited, std::size_t backlog = unlimited)
      : size_(size), backlog_(backlog) {}
  DeferredQueue(const DeferredQueue&) = delete;
  DeferredQueue& operator=(const DeferredQueue&) = delete;
  ~DeferredQueue() { detail::abandonAll(waiting_); }

  /// Gives the value to the first who waits, whose callbacks run before this returns, or keeps it. Throws QueueOverflow
  /// if `size` values lie there already.
  void put(T value) {
    if (!waiting_.empty()) {
      const Promise<T> first = std::move(waiting_.front());
      waiting_.pop_front();
      first.callback(std::move(value));
      return;
    }
    if (values_.size() >= size_)
      throw QueueOverflow("bight: the DeferredQueue is full: " + std::to_string(size_) + " values wait to be taken");
    values_.push_back(std::move(value));
  }

  /// Fires with the next value. Cancelling it leaves the line, and no value is lost. Throws QueueUnderflow if `backlog`
  /// others wait.
  Deferred<T> get(std::source_location at = std::source_location::current()) {
    if (!values_.empty()) {
      Deferred<T> ready(at);
      ready.callback(std::move(values_.front()), at);
      values_.pop_front();
      return ready;
    }
    if (waiting_.size() >= backlog_)
      throw QueueUnderflow("bight: the DeferredQueue has its limit of " + std::to_string(backlog_) +
                           " who wait for a value");
    const auto place = waiting_.insert(waiting_.end(), Promise<T>());
    Deferred<T> later([this, place] { waiting_.erase(place); }, at);
    *place = later.promise();
    return later;
  }

  /// How many values lie in the queue, and how many wait for one.
  std::size_t pending() const noexcept { return values_.size(); }
  std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  std::deque<T> values_;
  std::list<Promise<T>> waiting_;
  std::size_t size_;
  std::size_t backlog_;
};

}  // namespace bight
