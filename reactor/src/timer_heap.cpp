// The timers of one clock.
//
// A heap with four children per node in one array of (deadline, node), 16 bytes each: the four children of a node are
// one cache line, so a level costs one miss where a binary heap of pointers costs three, and there are half as many
// levels. Equal deadlines are told apart by the sequence number in the node: on a clock of nanoseconds that is read
// rarely, so it is not worth 8 bytes in each entry. Each node knows its index, so that cancelling removes at once: what
// the call has captured dies then, and nothing is left to be purged.
//
// Nodes come from slabs through a free list, so that a timer costs no allocation after warm-up; each is one cache line.
// They are counted, not numbered by generation: a handle then still knows, after the call, whether it was made or
// cancelled, which Twisted's errors tell apart. The pool of nodes outlives the heap if handles do.
//
// Rejected: a timing wheel (schedules in 10 ns, but rounds deadlines and cannot keep the order of equal times across
// its levels); libevent's own timers (1.7 times as slow, and equal deadlines fire in scrambled order).
#include "timer_heap.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

#include <bight/log.hpp>
#include <bight/reactor_errors.hpp>

namespace bight::detail {

class TimerPool {
 public:
  explicit TimerPool(TimerHeap& heap) : heap_(&heap) {}

  TimerNode* make() {
    if (!free_) addSlab();
    Cell* cell = free_;
    free_ = cell->next;
    ++live_;
    return ::new (static_cast<void*>(cell)) TimerNode();
  }

  void recycle(TimerNode* node) noexcept {
    node->~TimerNode();
    Cell* cell = ::new (static_cast<void*>(node)) Cell;
    cell->next = free_;
    free_ = cell;
    if (--live_ == 0 && !heap_) delete this;
  }

  /// Null when the heap is gone.
  TimerHeap* heap() const noexcept { return heap_; }

  void heapDies() noexcept {
    heap_ = nullptr;
    if (live_ == 0) delete this;
  }

  /// Whoever looks for leaks finds what is left behind still held.
  void keepForEver() noexcept {
    static std::atomic<TimerPool*> last;
    before_ = last.exchange(this);
  }

 private:
  union Cell {
    Cell() noexcept : next(nullptr) {}
    ~Cell() {}
    Cell* next;
    TimerNode node;
  };

  // Slabs double, from 2 KiB to 64 KiB: few timers cost little, many cost few slabs.
  void addSlab() {
    slabs_.push_back(std::make_unique<Cell[]>(slabCells_));
    Cell* cells = slabs_.back().get();
    for (std::size_t i = 0; i < slabCells_; ++i) cells[i].next = i + 1 < slabCells_ ? &cells[i + 1] : free_;
    free_ = cells;
    if (slabCells_ < 1024) slabCells_ *= 2;
  }

  TimerHeap* heap_;
  TimerPool* before_ = nullptr;  // of those kept for ever
  Cell* free_ = nullptr;
  std::size_t live_ = 0;
  std::size_t slabCells_ = 32;
  std::vector<std::unique_ptr<Cell[]>> slabs_;
};

void TimerNode::release() noexcept {
  if (--references == 0) pool->recycle(this);
}

// ---- the heap ----

TimerHeap::TimerHeap(const ReactorTime& clock, const ThreadBinding* thread)
    : pool_(new TimerPool(*this)), clock_(clock), thread_(thread) {}

TimerHeap::~TimerHeap() {
  cancelAll();
  if (size_ > 0) leaveBehind();
  pool_->heapDies();
}

void TimerHeap::cancelAll() noexcept {
  // What the calls captured may look at timers, or cancel them, while it dies: one by one, always from a consistent
  // heap. It may also make new calls, as a coroutine does that waits again whatever its waiting ended with; but not for
  // ever.
  for (int round = 0; round < 16 && size_ > 0; ++round) {
    for (std::size_t count = size_; count > 0 && size_ > 0; --count) cancel(entries_[size_ - 1].node);
  }
}

/// What is pending counts as cancelled, but what it captured never dies: it would only make new calls.
void TimerHeap::leaveBehind() noexcept {
  Logger("bight.reactor")
      .error(
          "something makes a new delayed call whenever one is cancelled, also at the end of its clock; it is left "
          "behind");
  while (size_ > 0) take(size_ - 1, TimerNode::State::cancelled);
  pool_->keepForEver();
}

void TimerHeap::grow() {
  const std::size_t room = room_ == 0 ? 64 : 2 * room_;
  // Entry 1, the first child, begins a cache line; so entry 0 is the last of the line before. realloc, because it moves
  // the pages of a large array instead of copying what is in them; how the block lies in its cache lines may have
  // changed then.
  const std::size_t oldOffset = reinterpret_cast<char*>(entries_) - static_cast<char*>(memory_.get());
  void* memory = std::realloc(memory_.get(), room * sizeof(Entry) + 64);
  if (!memory) throw std::bad_alloc();
  static_cast<void>(memory_.release());
  memory_.reset(memory);
  char* const bytes = static_cast<char*>(memory);
  const std::size_t offset = (64 + 48 - reinterpret_cast<std::uintptr_t>(bytes) % 64) % 64;
  if (offset != oldOffset) std::memmove(bytes + offset, bytes + oldOffset, size_ * sizeof(Entry));
  entries_ = reinterpret_cast<Entry*>(bytes + offset);
  room_ = room;
}

void TimerHeap::siftUp(Entry entry, std::size_t hole) noexcept {
  while (hole > 0) {
    const std::size_t parent = (hole - 1) / 4;
    if (!before(entry, entries_[parent])) break;
    place(entries_[parent], hole);
    hole = parent;
  }
  place(entry, hole);
}

void TimerHeap::siftDown(Entry entry, std::size_t hole) noexcept {
  for (;;) {
    const std::size_t first = 4 * hole + 1;
    if (first >= size_) break;
    const std::size_t end = first + 4 < size_ ? first + 4 : size_;
    std::size_t least = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(entries_[child], entries_[least])) least = child;
    }
    if (!before(entries_[least], entry)) break;
    place(entries_[least], hole);
    hole = least;
  }
  place(entry, hole);
}

void TimerHeap::take(std::size_t at, TimerNode::State state) noexcept {
  TimerNode* node = entries_[at].node;
  node->deadline = entries_[at].deadline;
  node->setState(state);
  const Entry last = entries_[--size_];
  if (at == size_) return;
  if (at > 0 && before(last, entries_[(at - 1) / 4])) {
    siftUp(last, at);
  } else {
    siftDown(last, at);
  }
}

DelayedCall TimerHeap::add(Duration deadline, Function<void()>&& call) {
  if (!call) throw std::invalid_argument("callLater: the function to call is empty");
  if (size_ == room_) grow();
  TimerNode* node = pool_->make();
  node->pool = pool_;
  node->sequence = sequence_++;
  node->references = 2;  // the heap's and the handle's
  node->setState(TimerNode::State::pending);
  node->call = std::move(call);
  siftUp({deadline.count(), node}, size_++);
  return DelayedCall(node);
}

TimerHeap::Due TimerHeap::pop() noexcept {
  TimerNode* node = entries_[0].node;
  take(0, TimerNode::State::called);
  return Due(node);
}

void TimerHeap::cancel(TimerNode* node) noexcept {
  take(node->index, TimerNode::State::cancelled);
  // The function dies last: its captures may come back to this heap, or hold the last handle on this very node.
  Function<void()> call = std::move(node->call);
  node->call = nullptr;
  node->release();
}

void TimerHeap::move(TimerNode* node, Duration deadline) noexcept {
  const std::size_t at = node->index;
  node->sequence = sequence_++;
  if (deadline.count() < entries_[at].deadline) {
    siftUp({deadline.count(), node}, at);
  } else {
    siftDown({deadline.count(), node}, at);
  }
}

Duration TimerHeap::deadlineOf(const TimerNode& node) noexcept {
  if (node.state() != TimerNode::State::pending) return Duration(node.deadline);
  return Duration(node.pool->heap()->entries_[node.index].deadline);
}

std::vector<DelayedCall> TimerHeap::sorted() const {
  std::vector<Entry> entries(entries_, entries_ + size_);
  std::sort(entries.begin(), entries.end(), before);
  std::vector<DelayedCall> all;
  all.reserve(size_);
  for (const Entry& entry : entries) {
    entry.node->reference();
    all.push_back(DelayedCall(entry.node));
  }
  return all;
}

}  // namespace bight::detail

namespace bight {

using detail::TimerHeap;
using detail::TimerNode;

ReactorTime::~ReactorTime() = default;

DelayedCall::DelayedCall(const DelayedCall& other) noexcept : node_(other.node_) {
  if (node_) node_->reference();
}

DelayedCall& DelayedCall::operator=(DelayedCall other) noexcept {
  std::swap(node_, other.node_);
  return *this;
}

DelayedCall::~DelayedCall() {
  if (node_) node_->release();
}

Duration DelayedCall::getTime() const {
  if (!node_) throw std::logic_error("DelayedCall::getTime: this handle was never given a call");
  return TimerHeap::deadlineOf(*node_);
}

bool DelayedCall::active() const noexcept {
  return node_ && node_->state() == TimerNode::State::pending;
}

TimerNode* DelayedCall::live(const char* verb) const {
  if (!node_) throw std::logic_error(std::string("DelayedCall::") + verb + ": this handle was never given a call");
  if (node_->state() == TimerNode::State::called) {
    throw AlreadyCalled(std::string("DelayedCall::") + verb + ": the call has already been made");
  }
  if (node_->state() == TimerNode::State::cancelled) {
    throw AlreadyCancelled(std::string("DelayedCall::") + verb + ": the call has already been cancelled");
  }
  TimerHeap* heap = node_->pool->heap();
  if (heap->thread_) heap->thread_->check("a function of DelayedCall");
  return node_;
}

void DelayedCall::cancel() {
  TimerNode* node = live("cancel");
  node->pool->heap()->cancel(node);
}

void DelayedCall::reset(Duration delay) {
  TimerNode* node = live("reset");
  if (delay < Duration::zero()) throw std::invalid_argument("DelayedCall::reset: the delay is negative");
  TimerHeap* heap = node->pool->heap();
  heap->move(node, TimerHeap::later(heap->clock_.seconds(), delay));
}

void DelayedCall::delay(Duration delay) {
  TimerNode* node = live("delay");
  const Duration old = TimerHeap::deadlineOf(*node);
  if (delay < Duration::zero() && old < Duration::min() - delay) {
    node->pool->heap()->move(node, Duration::zero());
  } else {
    node->pool->heap()->move(node, delay < Duration::zero() ? old + delay : TimerHeap::later(old, delay));
  }
}

std::string DelayedCall::toString() const {
  if (!node_) return "<DelayedCall of nothing>";
  if (node_->state() == TimerNode::State::called) return "<DelayedCall called>";
  if (node_->state() == TimerNode::State::cancelled) return "<DelayedCall cancelled>";
  const Duration left = TimerHeap::deadlineOf(*node_) - node_->pool->heap()->clock_.seconds();
  char text[64];
  std::snprintf(text, sizeof text, "<DelayedCall in %g s>", std::chrono::duration<double>(left).count());
  return text;
}

}  // namespace bight
