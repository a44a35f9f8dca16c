/// @file
/// The chain: the one mutable object behind all the handles of a Deferred. Internal; users see `Deferred` and
/// `Promise`.
///
/// It is not a template, so that running a chain is one piece of code whatever flows through it. A chain holds
///   - at most one result: a value of any type in a slot of 32 bytes (larger ones by pointer), or a Failure;
///   - the stages that have not run yet, one behind the other in a small arena (more room comes in chunks from a free
///   list);
///   - counts: every reference keeps the memory; *handles* (Deferreds) can still add stages, *promises* can only fire.
///
/// States, by `called`, `held` and what blocks it:
///
///     pending   not called                                     a coroutine's chain may wait meanwhile (waitingOn)
///     running   called, inside run()                           additions are appended and run by the same loop (A19)
///     waiting   called, waitingOn != null                      the stage that returned the inner Deferred stays alive
///     paused    called, pauses > 0
///     settled   called, no stages left, a result held          the next addition runs at once (A7)
///     consumed  called, no stages left, its value moved on     seen as `void` by whatever is added later (A23)
///
/// Nothing here recurses with the length of a chain: results handed from an inner chain to the one that waits for it go
/// over an explicit stack of work, and user code that nests too deeply is queued on the outermost run of its thread
/// (A26, A92).
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include <bight/detail/value_type.hpp>
#include <bight/failure.hpp>
#include <bight/function.hpp>

namespace bight {
class CancelScope;
}

namespace bight::detail {

class Chain;
class Recorder;
struct Resume;
struct ScopeEntry;

/// What a kind of stage does. One static table per kind of stage; the functor follows the Stage in the arena.
struct StageType {
  /// Which results the stage wants to see; the others pass it by without a call.
  enum Sides : std::uint8_t { onValue = 1, onFailure = 2, onBoth = 3 };

  /// Runs the stage on the result held by the chain and leaves the next result there. May throw.
  void (*run)(void* functor, Chain& chain);
  /// Null if there is nothing to do.
  void (*destroy)(void* functor) noexcept;
  /// Bytes of the whole record.
  std::uint32_t size;
  Sides sides;
  /// For people.
  StageKind kind;
};

struct Stage {
  const StageType* type;
  std::source_location at;  // where it was added; in the last record of a chunk: see StageQueue
  void* functor() noexcept { return this + 1; }
};

/// First in, first out; records of different sizes in a row. Records never move, so a stage may add stages while it
/// runs.
class BIGHT_API StageQueue {
 public:
  StageQueue() noexcept { reset(); }
  StageQueue(const StageQueue&) = delete;
  StageQueue& operator=(const StageQueue&) = delete;
  ~StageQueue() {
    if (read_ != write_) clear();  // an empty one has no chunk
  }

  bool empty() const noexcept { return read_ == write_; }
  /// Whether there is one stage, and it is of this type.
  bool isOnly(const StageType& type) noexcept {
    return static_cast<std::size_t>(write_ - read_) == type.size && front().type == &type;
  }

  /// Room for a stage of `size` bytes (a multiple of 8, at most `largest`) at the end; `added` makes it part of the
  /// queue.
  void* room(std::size_t size) {
    if (static_cast<std::size_t>(limit_ - write_) < size) grow();
    return write_;
  }
  void added(std::size_t size) noexcept { write_ += size; }

  Stage& front() noexcept { return *std::launder(reinterpret_cast<Stage*>(read_)); }

  /// Destroys the first stage and forgets it.
  void pop() noexcept {
    Stage& stage = front();
    const StageType* type = stage.type;
    if (type->destroy) type->destroy(stage.functor());
    read_ += type->size;
    if (read_ == write_) {
      rewind();
    } else if (!front().type) {
      nextChunk();
    }
  }

  /// Shows the stages that wait, in order.
  void each(void (*see)(void* context, const Stage& stage), void* context) const;

  /// Forgets the only stage, which needs no destruction.
  void forgetOnly() noexcept { rewind(); }

  /// Destroys all stages, in order.
  void clear() noexcept;

  static constexpr std::size_t insideSize = 88;
  static constexpr std::size_t chunkSize = 1024;
  /// The largest record; larger functors are boxed.
  static constexpr std::size_t largest = 256;

  struct Chunk {
    Chunk* next;
    alignas(void*) std::byte bytes[chunkSize - sizeof(void*)];
  };

 private:
  void reset() noexcept {
    read_ = write_ = inside_;
    limit_ = inside_ + insideSize - sizeof(Stage);  // room for the record that points to the next chunk
  }
  void rewind() noexcept {
    if (chunk_) releaseChunks();
    reset();
  }
  void grow();
  void nextChunk() noexcept;
  void releaseChunks() noexcept;

  std::byte* read_;
  std::byte* write_;
  std::byte* limit_;
  Chunk* chunk_ = nullptr;  // the chunk being read, or null while reading inside; the chunks behind it hang on it
  alignas(void*) std::byte inside_[insideSize];
};

class BIGHT_API Chain {
 public:
  using Canceller = Function<void(Chain&)>;

  /// A fresh chain, with no counts: the caller adds its own.
  static Chain* make(const ValueType& head, const ValueType& end, std::source_location created);

  /// The chain of a coroutine: it has one promise, which is the frame's, and one handle. Cancelling it means cancelling
  /// what it waits for.
  static Chain* makeForCoroutine(const ValueType& end, std::source_location created);

  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  // ---- counts ----

  void addReference() noexcept { ++references_; }
  void dropReference() noexcept {
    if (--references_ == 0) destroy();
  }
  void addHandle() noexcept {
    ++references_;
    ++handles_;
  }
  /// The end of a Deferred. Reports a failure that nobody can handle any more.
  void dropHandle() noexcept {
    if (--handles_ == 0) lastHandleGone();
    dropReference();
  }
  /// The end of a Deferred that only wants the result from now on: to be called when it waits for that.
  void handleBecomesReference() noexcept {
    if (--handles_ == 0 && promises_ == 0) {
      addReference();
      lastHandleGone();
      dropReference();
    }
  }
  void addPromise() noexcept {
    ++references_;
    ++promises_;
  }
  void dropPromise() noexcept {
    if (--promises_ == 0 && !(flags_ & called)) abandon();
    dropReference();
  }

  // ---- firing ----

  /// Whether `callback`/`errback` may go on; false if this one firing is to be swallowed (A35). Throws
  /// AlreadyCalledError.
  bool beginFire(std::source_location at) {
    if (flags_ & called) return alreadyCalled();
    flags_ |= called;
    if (!(flags_ & cancellable)) fired_ = at;
    return true;
  }
  /// Runs the stages with the result that has been set. To be called after `beginFire` returned true, with the same
  /// place. The caller keeps the chain, as with all that may run it.
  void endFire(std::source_location at) {
    if (flags_ & (cancellable | listed)) firedFor(at);
    if (!stages_.empty() && runnable()) {
      run();
    } else {
      settle();
    }
  }
  /// The same with a failure, which learns where.
  void fire(Failure failure, std::source_location at, FailureStep::Kind how = FailureStep::Kind::fired);
  bool isCoroutine() const noexcept { return flags_ & coroutine; }
  /// As endFire, for a coroutine that ran to its end: if this thread's run loop resumed it, the loop goes on with this
  /// chain.
  void endFireOfCoroutine();

  /// @param patient the canceller decides alone whether this is the end: if it does not fire the chain, nobody does
  ///   now, and it is asked again the next time (A62)
  void setCanceller(Canceller canceller, bool patient = false);
  void cancel();
  void pause() { ++pauses_; }
  void unpause();

  /// The producer has gone without firing: fails with AbandonedError.
  void abandon() noexcept;

  // ---- the result ----

  bool isCalled() const noexcept { return flags_ & called; }
  bool failed() const noexcept { return held_ == &valueType<Failure>; }
  const ValueType* heldType() const noexcept { return held_; }
  void* slot() noexcept { return slot_; }

  template <class T, class... A>
  void setValue(A&&... arguments) {
    dropHeld();
    if constexpr (!std::is_void_v<T>) Slot<T>::make(slot_, std::forward<A>(arguments)...);
    held_ = &valueType<T>;
  }
  void setFailure(Failure failure) noexcept {
    dropHeld();
    Slot<Failure>::make(slot_, std::move(failure));
    held_ = &valueType<Failure>;
  }
  Failure& failure() noexcept { return Slot<Failure>::at(slot_); }
  const Failure& failure() const noexcept { return const_cast<Chain*>(this)->failure(); }
  template <class T>
  T& value() noexcept {
    return Slot<T>::at(slot_);
  }
  /// Moves the result of `from`, which is then consumed, here.
  void takeResult(Chain& from) noexcept {
    dropHeld();
    if (from.flags_ & counted) from.uncount();
    if (from.held_) from.held_->move(slot_, from.slot_);
    held_ = from.held_;
    from.held_ = &valueType<void>;
  }
  /// The result has been moved out by the one it was for.
  void consume() noexcept {
    if (flags_ & counted) uncount();
    dropHeld();
    held_ = &valueType<void>;
  }

  /// The result is about to be taken from where the chain stands now: whatever is added later sees nothing (A23).
  void handOver() noexcept { end_ = &valueType<void>; }

  /// Whether the result can be taken without waiting.
  bool ready() const noexcept {
    return (flags_ & (called | running | queued)) == called && pauses_ == 0 && !waitingOn_ && stages_.empty();
  }

  // ---- stages ----

  /// Whether the chain ends with a result of type T, for those who add a stage that needs it.
  template <class T>
  bool endsWith() const noexcept {
    return *end_ == valueType<T>;
  }
  template <class T>
  bool beginsWith() const noexcept {
    return *head_ == valueType<T>;
  }
  const ValueType& endType() const noexcept { return *end_; }
  [[noreturn]] void throwRetyped(const ValueType& wanted, bool atHead) const;

  /// Appends a stage; the result after it has type `end`. Does not run it.
  template <class Functor>
  void append(const StageType& type, Functor&& functor, std::source_location at, const ValueType& end) {
    using Held = std::remove_cvref_t<Functor>;
    void* room = stages_.room(type.size);
    ::new (static_cast<std::byte*>(room) + sizeof(Stage)) Held(std::forward<Functor>(functor));
    ::new (room) Stage{&type, at};
    stages_.added(type.size);
    end_ = &end;
  }
  /// Runs what can be run. After every `append`.
  void runIfReady() {
    if (runnable()) run();
  }

  /// For a running stage that returned `inner`: its result becomes the stage's, now or when it is there. Takes over one
  /// handle.
  void follow(Chain* inner);
  /// A stage of this chain is waiting for something that only this chain's firing can bring: see `abandon`.
  void setAwaited() noexcept { flags_ |= awaited; }

  Chain* waitingOn() const noexcept { return waitingOn_; }
  void setWaitingOn(Chain* inner, std::source_location at = std::source_location()) noexcept {
    waitingOn_ = inner;
    if (flags_ & listed) [[unlikely]]
      noteWaiting(at);
  }
  /// For a continuation stage: the chain that shall run on next, before the rest of this one. Takes over one reference.
  static void runNext(Chain* chain) noexcept;
  /// Resumes a coroutine, and those that wait for its end, one after the other.
  static void resumeRow(Resume resume);
  /// The end of waiting for `inner`: takes its result, or learns that there will be none. The latter runs on at once.
  void resumeWith(Chain& inner) noexcept;
  void resumeAbandoned() noexcept;

  /// See bight::failuresAtRest.
  static std::size_t failuresAtRest() noexcept;

  /// Who records what chains of this thread do; null for nobody. Returns who did before.
  static Recorder* setRecorder(Recorder* recorder) noexcept;
  static Recorder* recorder() noexcept;
  /// Its end is to be recorded too.
  void setTraced() noexcept { flags_ |= traced; }
  void eachStage(void (*see)(void* context, const Stage& stage), void* context) const { stages_.each(see, context); }
  /// The result in words; empty if there is none.
  std::string resultInWords();

  /// For the way of a failure that ends a coroutine.
  void cameOutOf(Failure& failure) const noexcept;

  std::source_location created() const noexcept { return created_; }
  std::source_location fired() const noexcept { return flags_ & cancellable ? std::source_location() : fired_; }
  std::uint32_t handles() const noexcept { return handles_; }
  bool isPaused() const noexcept { return pauses_ != 0; }

 private:
  enum Flag : std::uint16_t {
    called = 1,
    running = 2,
    queued = 4,          // waits on the thread's outermost run
    swallowOne = 8,      // A35: cancelled without a canceller, the producer does not know yet
    awaited = 16,        // something else waits for this chain's result
    counted = 32,        // counted as a failure at rest
    cancelling = 64,     // its canceller is running
    coroutine = 128,     // fired by the end of a coroutine, and by nothing else
    cut = 256,           // its scope has ended: what has not run shall not run
    patient = 512,       // see setCanceller
    cancellable = 1024,  // it has a canceller, and not yet the place where it was fired
    traced = 4096,       // a Tracer knows it
    followed = 2048,     // the running stage has returned a Deferred that had failed
    listed = 8192,       // see pending.hpp
  };
  struct Runner;

  friend class bight::CancelScope;

  Chain(const ValueType& head, const ValueType& end, std::source_location created) noexcept
      : head_(&head), end_(&end), created_(created), fired_() {}
  ~Chain();
  void destroy() noexcept;

  bool runnable() const noexcept {
    return (flags_ & (called | running | queued)) == called && pauses_ == 0 && !waitingOn_;
  }
  static Chain* resume(Runner& runner, std::coroutine_handle<> coroutine);
  void run();
  void runStages(Runner& runner);
  void runTraced(Runner& runner, Recorder& recorder);
  void drain(Runner& runner);
  void queueOn(Runner& runner) noexcept;
  static void drainQueue(Runner& runner);
  const void* skipStages() noexcept;
  void failedAfter(const Stage& stage, const void* before) noexcept;
  void wasIn(Failure& failure) const noexcept;
  void cameWith(const Stage& stage) noexcept;
  void startedWith(Failure& failure, FailureStep::Kind how, std::source_location at) const noexcept;
  void settle() noexcept;
  void reportUnhandled() noexcept;
  void lastHandleGone() noexcept;
  bool alreadyCalled();
  std::unique_ptr<Canceller> takeCanceller() noexcept;
  void keepCanceller(std::unique_ptr<Canceller> canceller) noexcept;
  void firedFor(std::source_location at) noexcept;
  void noteWaiting(std::source_location at) noexcept;
  void uncount() noexcept;
  void leaveScope() noexcept;
  void cutOff() noexcept;
  void popAlone() noexcept;
  void endEverything() noexcept;
  void dropHeld() noexcept {
    if (held_ && held_->destroy) held_->destroy(slot_);
    held_ = nullptr;
  }

  std::uint32_t references_ = 0;
  std::uint32_t handles_ = 0;
  std::uint32_t promises_ = 0;
  std::uint16_t pauses_ = 0;
  std::uint16_t flags_ = 0;
  const ValueType* held_ = nullptr;  // the type of the result in the slot; null: none yet
  const ValueType* head_;            // what callback() takes
  const ValueType* end_;             // what comes out after the last stage
  Chain* waitingOn_ = nullptr;       // the chain whose result the stage at the front, or the coroutine, waits for
  Chain* next_ = nullptr;            // in the stack of work, in the queue of a thread, or in the free list
  ScopeEntry* scope_ = nullptr;      // its place in a CancelScope
  std::source_location created_;
  union {                         // by the flag `cancellable`:
    Canceller* canceller_;        // what to call when it is cancelled; goes when it is fired (A42)
    std::source_location fired_;  // where it was fired
  };
  alignas(void*) std::byte slot_[slotSize];
  StageQueue stages_;
};

/// The text of Deferred::toString.
BIGHT_API std::string describe(const Chain& chain, const std::type_info& type);

}  // namespace bight::detail
