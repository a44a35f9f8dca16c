/// @file
/// The seam where a backend plugs in: who watches descriptors for the reactor.
///
/// Users of the framework don't need this header. It is for those who bring a backend of their own (the loop of a GUI,
/// io_uring, a simulation): derive from `Poller`, register it under a name, and `makeReactor("name")` makes a reactor
/// over it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/export.hpp>
#include <bight/time.hpp>

namespace bight {

/// What to watch a descriptor for, and what has happened to it. Bits.
enum PollEvents : unsigned {
  pollRead = 1,   ///< there is something to read, or the other side has ended
  pollWrite = 2,  ///< there is room to write
  pollError =
      4  ///< an error; only reported, never asked for. A poller may report errors as `pollRead | pollWrite` instead
};

/// Who is told about a descriptor.
class BIGHT_API PollTarget {
 public:
  /// Something has happened. Must not throw. May add, change and remove any registration, also its own.
  virtual void ready(unsigned events) noexcept = 0;

  /// Who this is, for a log: "Echo, connected to 127.0.0.1:4711". As it comes, the name of the type. Asked only in the
  /// reactor's thread, and only when something is wrong.
  virtual std::string describe() const;

 protected:
  ~PollTarget() = default;
};

/// A registration of one descriptor. What is in it is the poller's own business.
class PollHandle {
 protected:
  PollHandle() = default;
  ~PollHandle() = default;
};

/// Watches descriptors, level-triggered, in one thread.
class BIGHT_API Poller {
 public:
  /// For `poll`: don't wait.
  static constexpr Duration dontWait = Duration::min();
  /// For `poll`: wait until something happens.
  static constexpr Duration forever = Duration::max();

  /// Called by `dispatch`. `context` is what was given with it.
  using Hook = void (*)(void* context) noexcept;
  /// The same, after each target; null if that may be gone.
  using AfterEach = void (*)(void* context, const PollTarget* target) noexcept;

  virtual ~Poller();

  /// The name of what does the waiting: "epoll", "poll", …
  virtual std::string_view name() const noexcept = 0;

  /// Starts to watch `fd`. A descriptor may have one registration at a time. `target` must live until `remove`.
  /// @param interest bits of `pollRead` and `pollWrite`; 0 registers and watches nothing yet
  /// @throws std::length_error if this poller cannot watch so high a number (select);  std::system_error if the system
  /// refuses.
  virtual PollHandle* add(int fd, unsigned interest, PollTarget& target) = 0;

  /// Changes what is watched. 0 keeps the registration and watches nothing, not even errors. Throws as `add`.
  virtual void change(PollHandle* handle, unsigned interest) = 0;

  /// Ends the registration; from here on the target is not called any more, not even for what was already known to be
  /// ready. Always before the descriptor is closed. Legal from inside any `ready()`.
  virtual void remove(PollHandle* handle) noexcept = 0;

  /// Waits until something happens or `until` is reached (a moment on `steadyNow()`, or `dontWait`, or `forever`), and
  /// calls each target that something has happened to through `dispatch`, once per descriptor or once per event. May
  /// return early and without having called anybody. Never waits when something is ready.
  /// @throws std::system_error if waiting itself is impossible.
  virtual void poll(Duration until) = 0;

  /// The clock of `poll` and of every reactor.
  static Duration steadyNow() noexcept;

  /// For the reactor: what `dispatch` calls after each target.
  void setAfterEach(AfterEach afterEach, void* context) noexcept;
  /// For the story of a failure: "an event of …", whom a poller is calling that tells removals; otherwise empty.
  std::string presentEvent() const;
  /// For the reactor: what `dispatch` calls before the next target, once. Null: nothing.
  void setBeforeNext(Hook beforeNext) noexcept { beforeNext_ = beforeNext; }

 protected:
  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// How a poller calls a target. The reactor ends each dispatch here: it sends what was written.
  void dispatch(PollTarget& target, unsigned events) noexcept {
    if (beforeNext_) std::exchange(beforeNext_, nullptr)(context_);
    dispatched_ = &target;
    target.ready(events);
    const PollTarget* const still = std::exchange(dispatched_, nullptr);
    if (afterEach_) afterEach_(context_, tellsRemovals_ ? still : nullptr);
  }

  /// A poller that calls `removed` whenever a registration ends says so here, once: then the reactor can name a target
  /// that took too long. Without it, it says "a descriptor".
  void tellsRemovals() noexcept { tellsRemovals_ = true; }
  /// `target` will not be called any more, and may be destroyed.
  void removed(const PollTarget& target) noexcept {
    if (dispatched_ == &target) dispatched_ = nullptr;
  }

 private:
  Hook beforeNext_ = nullptr;
  AfterEach afterEach_ = nullptr;
  void* context_ = nullptr;
  const PollTarget* dispatched_ = nullptr;
  bool tellsRemovals_ = false;
};

/// Makes a poller. It may throw, if the system does not let it.
using PollerFactory = std::function<std::unique_ptr<Poller>()>;

/// Lets `makeReactor(name)` and the environment variable BIGHT_REACTOR choose a poller of yours. May be called from any
/// thread.
/// @throws std::invalid_argument if the name is empty or taken, or the factory is empty.
BIGHT_API void registerPoller(std::string name, PollerFactory make);

/// The names that `makeReactor` accepts on this system, those of this library first.
BIGHT_API std::vector<std::string> availableReactors();

}  // namespace bight
