/// @file
/// Internal: all of a reactor that needs no operating system, over a `Poller`: the phases of a turn, timers, system
/// events, the queue from other threads, the order of the shutdown. And what transports need of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <bight/failure.hpp>
#include <bight/log.hpp>
#include <bight/poller.hpp>
#include <bight/reactor.hpp>

#include "descriptor_set.hpp"
#include "signals.hpp"
#include "slow_watch.hpp"
#include "socket.hpp"
#include "system_events.hpp"
#include "thread_binding.hpp"
#include "timer_heap.hpp"
#include "vitals.hpp"
#include "waker.hpp"
#include "write_batch.hpp"

namespace bight::detail {

class ChildProcess;
class SimulatedPoller;

/// A connection, a port: something that must be ended when the reactor shuts down or is destroyed. Linked into the
/// reactor's list by itself. It is a target of the poller besides, as nearly all of them are: two tables of functions
/// would cost a connection one more word.
class Owned : public PollTarget {
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
  Owned* newer_ = nullptr;
  Owned* older_ = nullptr;
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
  Duration seconds() const override {
    if (simulated_) [[unlikely]]
      return simulatedTime();
    return Poller::steadyNow();
  }
  DelayedCall callLater(Duration delay, Function<void()> call) override;
  std::vector<DelayedCall> getDelayedCalls() const override;

  // ReactorThreads
  void callFromThread(Function<void()> call) override;
  void callInThread(Function<void()> call) override;
  void suggestThreadPoolSize(std::size_t size) override;
  ThreadPool& getThreadPool() override;
  bool isInIOThread() const noexcept override { return thread_.here(); }
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

  // ReactorTCP: in tcp_port.cpp and tcp_connector.cpp
  std::shared_ptr<Port> doListenTCP(std::uint16_t port, std::shared_ptr<Factory> factory,
                                    const ListenOptions& options) override;
  std::shared_ptr<Connector> doConnectTCP(const std::string& host, std::uint16_t port,
                                          std::shared_ptr<ClientFactory> factory,
                                          const ConnectOptions& options) override;

  // ReactorUDP, ReactorUNIX, ReactorSocket: in udp_port.cpp, unix_*.cpp and adopt.cpp
  std::shared_ptr<DatagramTransport> doListenUDP(std::uint16_t port, std::shared_ptr<DatagramProtocol> protocol,
                                                 const UDPOptions& options) override;
  std::shared_ptr<Port> doListenUNIX(const std::string& address, std::shared_ptr<Factory> factory,
                                     const UNIXListenOptions& options) override;
  std::shared_ptr<Connector> doConnectUNIX(const std::string& address, std::shared_ptr<ClientFactory> factory,
                                           const UNIXConnectOptions& options) override;
  std::shared_ptr<DatagramTransport> doListenUNIXDatagram(const std::string& address, const std::string& peer,
                                                          std::shared_ptr<DatagramProtocol> protocol,
                                                          const UNIXDatagramOptions& options) override;
  std::shared_ptr<Port> doAdoptStreamPort(int fd, AddressFamily family, std::shared_ptr<Factory> factory) override;
  std::shared_ptr<Protocol> doAdoptStreamConnection(int fd, AddressFamily family,
                                                    std::shared_ptr<Factory> factory) override;
  std::shared_ptr<DatagramTransport> doAdoptDatagramPort(int fd, AddressFamily family,
                                                         std::shared_ptr<DatagramProtocol> protocol,
                                                         std::size_t maxPacketSize) override;

  // ReactorNames
  std::shared_ptr<NameResolver> nameResolver() override;
  std::shared_ptr<NameResolver> installNameResolver(std::shared_ptr<NameResolver> resolver) override;

  // ReactorProcess: in child_process.cpp and descriptor_transport.cpp
  Ref<ProcessTransport> doSpawnProcess(std::shared_ptr<ProcessProtocol> protocol, const std::string& executable,
                                       std::vector<std::string> args, const ProcessOptions& options) override;
  Ref<Transport> doConnectDescriptors(std::shared_ptr<Protocol> protocol, int readFd, int writeFd) override;

  // ReactorSignals
  void removeSignalCallback(SignalCallback callback) override;

  // Reactor
  std::string_view name() const noexcept override { return poller_->name(); }
  void setSlowCallbackLimit(Duration limit) override;
  ReactorCounters counters() const noexcept override { return vitals_->snapshot(); }
  void forgetLongestTurn() override;
  std::shared_ptr<Vitals> vitals() const override { return vitals_; }
  void setThreadPoolPatience(Duration limit) override;

  // ---- for transports; all in the reactor's thread ----

  Poller& poller() noexcept { return *poller_; }

  /// A socket of this reactor's network: the system's, or a simulated one. Empty on failure, with errno set.
  Descriptor openSocket(int family, int type);

  /// For what is only there with a system below. @throws std::logic_error in a simulation
  void notSimulated(const char* what) const;

  /// @name For simulations: the loop is turned from outside, as if it were in `run()` once `begin()` was called
  /// @{
  void begin();
  /// Makes one turn without waiting.
  void turnOnce();
  bool inTurn() const noexcept { return inTurn_; }
  /// When the next turn is due: `dontWait`, `forever`, or the moment of a timer.
  Duration nextTurn() const noexcept;
  /// As if the process had got a signal.
  void receiveSignal(int number);
  /// @}

  /// Where connections count their bytes.
  Vitals& count() noexcept { return *vitals_; }

  /// Expires when the reactor ends: for what users may keep for longer.
  std::weak_ptr<const void> life() const noexcept { return life_; }

  /// User code has been run for `target` outside of its `ready()`, or `target` will be gone when that is timed: this is
  /// timed by itself.
  void ranFor(const PollTarget& target) noexcept {
    if (slow_.suspicious()) [[unlikely]]
      complainIfSlow([&target] { return target.describe(); });
  }

  /// Calls `call` in the next turn, before its timers, in the order of these calls (B12). Cheaper than `callLater(0)`.
  void callSoon(Function<void()> call);

  /// 64 KiB to read into, shared by all connections; its contents last until the next read.
  std::span<char> readBuffer() noexcept { return {readBuffer_.get(), readBufferSize}; }
  static constexpr std::size_t readBufferSize = 65536;

  /// Writes of the present dispatch: sent when it ends, and before every wait.
  WriteBatch& writeBatch() noexcept { return writeBatch_; }

  /// Puts a connection or port on the list of what the shutdown ends (B7), or takes it off. Both may be repeated.
  void own(Owned& owned) noexcept;
  void disown(Owned& owned) noexcept;
  /// Asked of the list itself: a flag would cost each connection a word.
  bool isOwned(const Owned& owned) const noexcept { return owned.newer_ || newestOwned_ == &owned; }

  /// Asks a child whether it has ended whenever some child has (SIGCHLD): for those without a pidfd.
  void watchChild(ChildProcess& child);
  void unwatchChild(ChildProcess& child) noexcept;

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

  /// Catches calls from other threads: WrongThread in debug builds, logged once in others. `what` names the function
  /// called.
  void checkThread(const char* what) const { thread_.check(what); }

  // ---- for groups of reactors ----

  /// The shutdown does not leave its phase `before` by itself: when nothing holds it up any more, `ready` is called, and
  /// the reactor serves on until `finishShutdown`, or until the limit of a drain has passed.
  void holdShutdown(Function<void()> ready) { events_.holdBack("shutdown", std::move(ready)); }
  void finishShutdown() {
    if (looping_) events_.goOn("shutdown");  // else it has crashed meanwhile
  }
  /// The signal has come to another of the group: as `stop()`, but with the limit for the drain.
  void stopAsSignalled(int number);
  /// After `run()` has returned: makes calls from threads, and no others, until `left` is 0; who makes it so sends a call.
  void serveCallsUntilNone(const std::atomic<std::size_t>& left) noexcept;
  /// Ends everything that is left, as the destructor does, in this thread. What is called later is refused or has no
  /// effect.
  void end() noexcept;

  /// For tests: throw or log, whatever the build.
  void setThrowsInWrongThread(bool throws) noexcept { thread_.setThrows(throws); }

 protected:
  void runWith(RunOptions options) override;
  void iterateFor(Duration delay) override;
  SystemEventTrigger addTrigger(Phase phase, std::string_view event, TriggerCall call) override;
  SignalCallback addSignalCallback(int number, Function<void(int)> call) override;

 private:
  struct SignalUser {
    std::uint64_t id;
    int number;
    std::shared_ptr<Function<void(int)>> call;
  };

  Duration simulatedTime() const noexcept;
  void enter(RunOptions options);
  void leave() noexcept;
  void turn(Duration until);
  /// Everything of a turn but the wait. False: the loop is to be left; otherwise `until` is when to be back.
  bool runCalls(Duration& until);
  void runQueues() noexcept;
  void runQueue(std::vector<Function<void()>>& calls, const char* context, const char* kind) noexcept;
  void runTimers() noexcept;
  /// Ends a dispatch: what was written leaves, what was closed is let go of.
  void sendWritten() noexcept {
    if (!writeBatch_.empty() && writeBatch_.flush() && slow_.suspicious()) [[unlikely]]
      complainIfSlow([] { return std::string("what closed connections left behind"); });
  }
  void eventsBegin() noexcept {
    vitals_->works();
    if (slow_.on()) slow_.begin();
  }
  /// `target` is null if it may be gone.
  void eventEnded(const PollTarget* target) noexcept {
    vitals_->events.add(1);
    if (slow_.suspicious()) [[unlikely]]
      complainIfSlow(
          [target] { return target ? target->describe() : std::string("a descriptor that is not watched any more"); });
    sendWritten();
  }
  /// Logs if what seemed to have taken too long has.
  template <class What>
  [[gnu::cold, gnu::noinline]] void complainIfSlow(What&& what) noexcept {
    if (const Duration took = slow_.tookTooLong(); took != Duration::zero())
      guarded("while describing a slow callback", [&] { complain(took, what()); });
  }
  void complain(Duration took, const std::string& what);
  [[gnu::cold, gnu::noinline]] void pollFailed() noexcept;
  void pollOnce(Duration until);
  void duringEvent(std::string_view event);
  void signalled(int number) noexcept;
  void stopForSignal(int number) noexcept;
  void limitDrain() noexcept;
  void takeStopSignals();
  void leaveStopSignals() noexcept;
  SignalWatch& signalWatch();
  void reapChildren() noexcept;
  void disconnectAll(const Failure& reason) noexcept;
  void stopThreadPool() noexcept;
  void refuseInsideTurn(const char* what) const;

  // What every dispatch touches comes first.
  std::unique_ptr<Poller> poller_;
  SimulatedPoller* const simulated_;  // the poller, if it is one; else null
  ThreadBinding thread_;
  WriteBatch writeBatch_;
  std::unique_ptr<char[]> readBuffer_;
  const std::shared_ptr<Vitals> vitals_ = std::make_shared<Vitals>();
  SlowWatch slow_{vitals_->scale};

  TimerHeap timers_;
  Duration passTime_{
      0};  // the time of the last pass over the timers: whatever is scheduled since belongs to a later one
  std::vector<Function<void()>> soon_;
  std::vector<Function<void()>> taken_;

  bool looping_ = false;  // inside run(), and it shall go on
  bool inRun_ = false;    // inside run()
  bool inTurn_ = false;   // inside a turn
  bool running_ = false;  // what the user sees
  bool stopRequested_ = false;
  bool shutdownFired_ = false;
  bool stopped_ = false;  // the shutdown is through, or under way
  bool installSignals_ = false;
  int pollErrors_ = 0;  // without a success between
  std::optional<int> exitSignal_;

  Owned* newestOwned_ = nullptr;
  Owned* oldestOwned_ = nullptr;
  DescriptorSet descriptors_;
  Waker waker_;
  std::shared_ptr<ThreadQueue> threadQueue_;
  std::unordered_map<const Pending*, std::shared_ptr<Pending>> pending_;
  std::unique_ptr<ThreadPool> pool_;
  Duration poolPatience_ = std::chrono::seconds(5);
  std::unique_ptr<SignalWatch> signals_;  // made when first needed
  std::vector<int> stopSignals_;          // those that stop this run
  std::vector<SignalUser> signalUsers_;
  std::uint64_t lastSignalUser_ = 0;
  Duration drainLimit_{0};
  DelayedCall drainCall_;
  std::vector<ChildProcess*> children_;  // those without a pidfd
  SystemEvents events_;
  std::shared_ptr<NameResolver> resolver_;  // made when first asked for
  std::shared_ptr<const void> life_ = std::make_shared<char>();
};

}  // namespace bight::detail
