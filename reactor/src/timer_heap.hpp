/// @file
/// Internal: the timers of one clock, ordered by (deadline, sequence). Used by the reactor and by `testing::Clock`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include <bight/function.hpp>
#include <bight/time.hpp>

#include "thread_binding.hpp"

namespace bight::detail {

class TimerPool;

/// One scheduled call: a cache line. Counted: by each `DelayedCall` on it, and by the heap while it is pending.
struct alignas(64) TimerNode {
  enum class State : std::uint8_t { pending, called, cancelled };

  TimerPool* pool;
  union {
    std::uint64_t sequence;  // while pending; the deadline is in the heap then
    Duration::rep deadline;  // afterwards
  };
  std::uint32_t index;  // in the heap, while pending
  std::uint32_t references : 30;
  std::uint32_t stateBits : 2;
  Function<void()> call;

  State state() const noexcept { return static_cast<State>(stateBits); }
  void setState(State state) noexcept { stateBits = static_cast<std::uint32_t>(state) & 3u; }
  void reference() noexcept { ++references; }
  void release() noexcept;
};
static_assert(sizeof(void*) != 8 || sizeof(TimerNode) == 64, "a timer is one cache line");

/// See timer_heap.cpp for how it works.
class TimerHeap {
 public:
  /// @param clock what `DelayedCall::reset` takes as now
  /// @param thread who may use the timers; null: not checked
  explicit TimerHeap(const ReactorTime& clock, const ThreadBinding* thread = nullptr);
  /// What is pending counts as cancelled.
  ~TimerHeap();
  TimerHeap(const TimerHeap&) = delete;
  TimerHeap& operator=(const TimerHeap&) = delete;

  DelayedCall add(Duration deadline, Function<void()>&& call);
  /// Takes back what is pending, and what that makes while it dies; the latter not for ever.
  void cancelAll() noexcept;

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  /// The earliest deadline. Not when empty.
  Duration top() const noexcept { return Duration(entries_[0].deadline); }

  /// Takes the earliest call out; it counts as called from now on. Call it, and drop the handle. Not when empty.
  class Due {
   public:
    explicit Due(TimerNode* node) noexcept : node_(node) {}
    Due(const Due&) = delete;
    Due& operator=(const Due&) = delete;
    ~Due() {
      node_->call = nullptr;
      node_->release();
    }
    void operator()() { node_->call(); }
    const std::type_info& targetType() const noexcept { return node_->call.targetType(); }

   private:
    TimerNode* node_;
  };
  Due pop() noexcept;

  /// Handles on all that is pending, in the order of the calls.
  std::vector<DelayedCall> sorted() const;

  /// now + delay, without overflow.
  static Duration later(Duration now, Duration delay) noexcept {
    return delay > Duration::max() - now ? Duration::max() : now + delay;
  }

 private:
  friend class bight::DelayedCall;
  struct Entry {
    Duration::rep deadline;
    TimerNode* node;
  };

  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };

  static bool before(const Entry& a, const Entry& b) noexcept {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.node->sequence < b.node->sequence;
  }
  void place(Entry entry, std::size_t at) noexcept {
    entries_[at] = entry;
    entry.node->index = static_cast<std::uint32_t>(at);
  }
  void siftUp(Entry entry, std::size_t hole) noexcept;
  void siftDown(Entry entry, std::size_t hole) noexcept;
  void take(std::size_t at, TimerNode::State state) noexcept;
  static Duration deadlineOf(const TimerNode& node) noexcept;
  void cancel(TimerNode* node) noexcept;
  void move(TimerNode* node, Duration deadline) noexcept;
  void grow();
  void leaveBehind() noexcept;

  Entry* entries_ = nullptr;  // inside memory_, so that each four children share one cache line
  std::size_t size_ = 0;
  std::size_t room_ = 0;
  std::uint64_t sequence_ = 0;
  TimerPool* pool_;
  const ReactorTime& clock_;
  const ThreadBinding* thread_;
  std::unique_ptr<void, Free> memory_;
};

}  // namespace bight::detail
