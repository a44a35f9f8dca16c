/// @file
/// Several reactors that work together, each in a thread of its own.
///
/// ```cpp
/// ReactorGroup group(4);                                     // or 0: as many as there are processors
/// group.listenTCP(8000, [](Reactor& reactor) { return std::make_shared<http::Site>(reactor, makeRoot()); });
/// group.run();                                               // until group.stop(), SIGINT or SIGTERM
/// ```
///
/// Every reactor has its own connections, timers and threads, and nothing that belongs to one is touched by another:
/// no locks are needed for what lives inside. What they have to tell one another they send as calls.
///
/// ```
///   run() ─▶ all start ─▶ setup: one step after the other, and each on one reactor after the other ─▶ serving
///        stop() ─▶ "shutdown" on all: before ▶ when all of them are through ▶ during ▶ after ─▶ run() returns
/// ```
///
/// docs/howto/many_reactors.md says when it is worth it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <bight/address.hpp>
#include <bight/deferred.hpp>
#include <bight/detail/waitable.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/reactor.hpp>
#include <bight/thread_promise.hpp>

namespace bight {

namespace detail {
class GroupState;

template <class F>
inline constexpr bool suitsGroup =
    std::is_invocable_v<F&, Reactor&, std::size_t> || std::is_invocable_v<F&, Reactor&> || std::is_invocable_v<F&>;

/// Calls `f` with as much of (reactor, index) as it takes.
template <class F>
decltype(auto) callInGroup(F& f, Reactor& reactor, std::size_t index) {
  if constexpr (std::is_invocable_v<F&, Reactor&, std::size_t>) {
    return f(reactor, index);
  } else if constexpr (std::is_invocable_v<F&, Reactor&>) {
    return f(reactor);
  } else if constexpr (std::is_invocable_v<F&>) {
    return f();
  } else {
    static_assert(suitsGroup<F>,
                  "bight: a function given to a ReactorGroup takes (Reactor&, std::size_t), (Reactor&) or nothing");
  }
}

/// Whether `f` makes a factory for a reactor; if not, the compiler says what would.
template <class F>
constexpr bool makesFactory() {
  constexpr bool isFactory = std::is_convertible_v<F, std::shared_ptr<Factory>>;
  static_assert(
      !isFactory,
      "bight: ReactorGroup::listenTCP wants a function that makes a factory for each reactor, since none may be "
      "shared between threads: [](Reactor&) { return Factory::forProtocol<P>(); }");
  if constexpr (isFactory) {
    return false;
  } else if constexpr (!suitsGroup<F>) {
    static_assert(suitsGroup<F>,
                  "bight: the function given to ReactorGroup::listenTCP takes (Reactor&, std::size_t), (Reactor&) or "
                  "nothing, and returns a shared_ptr to a Factory");
    return false;
  } else {
    using Made = decltype(callInGroup(std::declval<F&>(), std::declval<Reactor&>(), 0));
    constexpr bool fits = std::is_convertible_v<Made, std::shared_ptr<Factory>>;
    static_assert(fits,
                  "bight: the function given to ReactorGroup::listenTCP must return a shared_ptr to a Factory, such as "
                  "Factory::forProtocol<P>()");
    return fits;
  }
}
}  // namespace detail

/// A number on which all reactors of a group listen. Dropping the handle does not close it.
class BIGHT_API GroupPort {
 public:
  virtual ~GroupPort() = default;
  /// Where they listen; with port 0 asked for, the one given. From any thread.
  virtual Address getHost() const = 0;
  /// Fires when all reactors have begun to accept, or fails with what kept one of them from it; then all have stopped.
  /// To be called where `ReactorGroup::deferToReactor` may be.
  virtual Deferred<void> whenListening() = 0;
  /// All of them accept no more; what waits to be accepted is reset, open connections stay open. Fires when all have
  /// stopped; at once if none listens (any more). To be called where `ReactorGroup::deferToReactor` may be.
  virtual Deferred<void> stopListening() = 0;

 protected:
  GroupPort() = default;
  GroupPort(const GroupPort&) = default;
  GroupPort& operator=(const GroupPort&) = default;
};

/// Reactors, one per thread, that start and stop together.
///
/// | may be called | |
/// |---|---|
/// | before `run()`, in the thread that made the group | `each`, `callWhenRunning`, `listenTCP`, all below |
/// | in the threads of the reactors | `callWhenRunning`, `listenTCP`, `deferToReactor`, `deferToEach`, all below |
/// | in any thread | `callFromThread`, `callEachFromThread`, `stop`, `size`, `here` |
///
/// A function that is given to `each` or `listenTCP` is called on one reactor after the other, never in two threads at
/// once, and sees what its calls before have done: it may use what it captured without locks. One that is given to
/// `deferToEach` or `callEachFromThread` is copied for each reactor, and the copies may run at the same time.
///
/// Functions are called with (Reactor&, std::size_t index), (Reactor&), or nothing, as they like.
///
/// A group runs once. SIGINT and SIGTERM come to the first reactor, and stop all: a program that wants to answer them
/// itself uses `onSignal` there. (Twisted has none; there one starts processes.)
class BIGHT_API ReactorGroup {
 public:
  /// @param count how many; 0 is one for each processor that this process may use
  /// @param name of the backend, as for `makeReactor`; "" is its default
  /// @throws what `makeReactor` throws; std::invalid_argument for more than 1024
  explicit ReactorGroup(std::size_t count = 0, std::string_view name = {});
  ReactorGroup(std::size_t count, Backend backend);
  /// Only after `run()` has returned, or if it was never called.
  ~ReactorGroup();
  ReactorGroup(const ReactorGroup&) = delete;
  ReactorGroup& operator=(const ReactorGroup&) = delete;

  std::size_t size() const noexcept;

  /// One of them, in the order of their numbers; it lives as long as the group. To be used in its own thread only, but
  /// for `callFromThread`, `counters()`, and `blockingCallFromThread(group[1], f)` from threads outside of the group.
  /// @throws std::out_of_range
  Reactor& operator[](std::size_t index) const;

  /// The number of the reactor in whose thread this is called; none in other threads.
  std::optional<std::size_t> here() const noexcept;

  /// A step of the setup: has `f` called on each reactor, in its thread, when all reactors run and the steps before are
  /// done. If `f` returns a Deferred, the next reactor waits for it. What `f` throws, or its Deferred fails with, stops
  /// the group and comes out of `run()`.
  /// @throws std::logic_error if the group runs already, or has ended
  template <class F>
  void each(F f) {
    addStep([f = std::move(f)](Reactor& reactor, std::size_t index) mutable {
      const auto call = [&] { return detail::callInGroup(f, reactor, index); };
      return detail::callWaitable(call);
    });
  }

  /// Calls `f` on the first reactor when all that was asked for before (`each`, `listenTCP`) is done. What it throws is
  /// logged.
  void callWhenRunning(Function<void()> f);

  /// Listens on all reactors on one port; the system spreads new connections among them: on Linux by a hash of
  /// the peer's address and port, so evenly only if there are many.
  ///
  /// The port is taken at the call: what fails, fails here. Then each reactor makes its own factory by `makeFactory`,
  /// in its own thread, as a step of the setup, so that no object is shared between threads, and begins to accept. If
  /// one of them cannot, all stop listening, and the failure comes out of `run()` during the setup; in a running group
  /// out of `GroupPort::whenListening`, or else it is logged.
  ///
  /// Nobody else has the port: a second group on it, in this process or another, is refused, unless both ask for
  /// `ListenOptions::reusePort`. Other programs of the same user that ask for SO_REUSEPORT can join, as always.
  ///
  /// On Linux each reactor has a socket of its own (SO_REUSEPORT). Where that spreads nothing, as on macOS, they all
  /// accept from the same socket: who is idle takes the next connection.
  /// @param makeFactory called with (Reactor&, std::size_t), (Reactor&) or nothing; returns a shared_ptr to a Factory
  /// @throws as `ReactorTCP::listenTCP`;  std::logic_error when the group has ended
  template <class F>
  std::shared_ptr<GroupPort> listenTCP(int port, F makeFactory, const ListenOptions& options = {}) {
    if constexpr (detail::makesFactory<F>()) {
      return listenWith(
          port,
          [f = std::move(makeFactory)](Reactor& reactor, std::size_t index) mutable -> std::shared_ptr<Factory> {
            return detail::callInGroup(f, reactor, index);
          },
          options);
    } else {
      return nullptr;
    }
  }

  /// Serves until the group is stopped: blocks the caller, whose thread becomes that of the first reactor, and starts a
  /// thread for each other one. When it returns, all threads have ended, and everything that belonged to the reactors
  /// has been let go of in their own threads.
  ///
  /// However the stop began (`stop()` here or on one of the reactors, a signal), it is one for all: every reactor goes
  /// through its "shutdown", in its thread, and none leaves the phase `before`, in which connections are still served,
  /// until all are through with it. Messages that are sent during the phases after it still arrive. If a reactor
  /// crashes, as by a second signal, all do.
  /// @throws what escaped from a setup function, the first if there were several;  ReactorAlreadyRunning;
  ///         ReactorNotRestartable;  std::system_error if there are no more threads
  void run(RunOptions options = {});

  /// Begins an orderly stop of all reactors, and returns at once. From any thread, as often as one likes;
  /// without effect when the stop has begun.
  /// @throws ReactorNotRunning before `run()`
  void stop();

  /// The signal that began the stop, if one did.
  std::optional<int> exitSignal() const noexcept;

  /// Calls `f` in the thread of a reactor, in one of its next turns. What it throws is logged. From any thread; before
  /// `run()` the calls are kept for it, and at the end they are dropped.
  /// @throws std::out_of_range
  template <class F>
  void callFromThread(std::size_t index, F f) {
    Reactor& reactor = (*this)[index];
    reactor.callFromThread(
        [f = std::move(f), &reactor, index]() mutable { static_cast<void>(detail::callInGroup(f, reactor, index)); });
  }

  /// The same on all of them, each with a copy of `f`.
  template <class F>
  void callEachFromThread(const F& f) {
    for (std::size_t index = 0; index < size(); ++index) callFromThread(index, f);
  }

  /// Calls `f` in the thread of a reactor, and brings back what it returns or throws, also by way of a Deferred: see
  /// `bight::deferToReactor`. The Deferred that is returned belongs to the reactor in whose thread this is called.
  /// @throws std::out_of_range;  std::logic_error in a thread that belongs to none of the reactors: there
  ///         `blockingCallFromThread(group[index], f)` is what you want
  template <class F>
  auto deferToReactor(std::size_t index, F f) {
    Reactor& reactor = (*this)[index];
    return bight::deferToReactor(asking(), reactor, [f = std::move(f), &reactor, index]() mutable {
      return detail::callInGroup(f, reactor, index);
    });
  }

  /// The same on all of them, each with a copy of `f`: all the results, in the order of the reactors, or a FirstError.
  template <class F>
  auto deferToEach(const F& f) {
    std::vector<decltype(deferToReactor(0, f))> answers;
    answers.reserve(size());
    for (std::size_t index = 0; index < size(); ++index) answers.push_back(deferToReactor(index, f));
    return gatherResults(std::move(answers), true);
  }

 private:
  using Step = Function<std::optional<Deferred<void>>(Reactor&, std::size_t)>;
  using MakeFactory = Function<std::shared_ptr<Factory>(Reactor&, std::size_t)>;

  void addStep(Step step);
  std::shared_ptr<GroupPort> listenWith(int port, MakeFactory makeFactory, const ListenOptions& options);
  Reactor& asking() const;

  std::shared_ptr<detail::GroupState> state_;
};

}  // namespace bight
