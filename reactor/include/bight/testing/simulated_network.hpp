/// @file
/// A network and its machines in memory, with a clock that jumps and everything that is left to chance taken from a seed.
///
/// ```cpp
/// testing::SimulatedNetwork network({.seed = 7});
/// auto server = network.makeReactor("10.0.0.1");         // a Reactor as any other, on a machine of its own
/// auto client = network.makeReactor("10.0.0.2");
/// server->listenTCP(80, makeSite(*server));
/// connectProtocol(...);                                  // through *client
/// network.partition("10.0.0.1", "10.0.0.2");
/// network.advance(24h);                                  // takes milliseconds
/// ```
///
/// Its reactors are the library's own: the same connections, ports and timers as in production, over simulated calls of
/// the system. So whatever takes a `Reactor` runs on them unchanged: protocols, endpoints, services, TLS, HTTP. The same
/// program with the same seed does the same, event by event; another seed gives other latencies, other cuts in the bytes
/// and another order of what happens at the same time. docs/howto/simulation.md tells more.
///
/// All of it belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/reactor.hpp>
#include <bight/testing/memory_resolver.hpp>
#include <bight/time.hpp>

namespace bight::detail {
class SimulatedWorld;
}

namespace bight::testing {

/// In which pieces the bytes of a connection arrive.
enum class Cutting : std::uint8_t {
  random,  ///< cut and joined anywhere, as the seed has it
  whole,   ///< as they were sent; joined if the reader is late
  bytes    ///< one by one
};

/// The seed to use: what the environment variable BIGHT_SEED says, or else 1.
/// @throws std::invalid_argument if it is not a number
BIGHT_API std::uint64_t simulationSeed();

/// What kind of network it is. Chances are from 0 (never) to 1 (always).
struct SimulationOptions {
  /// What everything that is left to chance is made of.
  std::uint64_t seed = simulationSeed();
  /// How long anything is on its way from machine to machine, at least and at most.
  Duration minLatency = std::chrono::microseconds(50);
  Duration maxLatency = std::chrono::milliseconds(5);
  Cutting cutting = Cutting::random;
  /// How many bytes of a connection may be on their way to a reader or wait for it, in each direction: from there on the
  /// writer has to wait.
  std::size_t window = 65536;
  /// What a turn of a loop costs, so that time passes also for those who are always busy.
  Duration turnTime = std::chrono::microseconds(1);
  /// The chance that an attempt to connect is refused although somebody listens.
  double refused = 0;
  /// The chance for each piece that is sent that the connection is reset instead, for both sides.
  double reset = 0;
  /// The chance for each datagram to get lost, or to arrive twice. Overtaking is a matter of latencies.
  double lost = 0;
  double twice = 0;
  /// How long an attempt to connect to where nobody answers takes (the connector's own timeout is usually shorter), and
  /// how long bytes may be on their way to where nobody answers, until the sender's connection is lost (ETIMEDOUT).
  Duration connectLimit = std::chrono::seconds(127);
  Duration sendLimit = std::chrono::minutes(15);
};

/// A reactor's `run()` in which nothing will ever happen again: no timer, nothing on its way, nobody left to call.
class BIGHT_API SimulationStalled : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~SimulationStalled() override;
};

/// What `forEachSeed` throws: what went wrong, with which seed, and how to have it again.
class BIGHT_API SimulationFailed : public std::runtime_error {
 public:
  SimulationFailed(std::uint64_t seed, const std::string& what);
  ~SimulationFailed() override;
  std::uint64_t seed() const noexcept { return seed_; }

 private:
  std::uint64_t seed_;
};

/// Machines, what is between them, and the time, which is one for all. See the head of this file.
class BIGHT_API SimulatedNetwork {
 public:
  explicit SimulatedNetwork(const SimulationOptions& options = {});
  /// Its reactors may live on, and so does what connects them.
  ~SimulatedNetwork();
  SimulatedNetwork(const SimulatedNetwork&) = delete;
  SimulatedNetwork& operator=(const SimulatedNetwork&) = delete;

  /// A machine with these addresses, IPv4 or IPv6 literals, and its reactor. Besides it has its own 127.0.0.0/8 and ::1.
  /// A machine whose reactor was destroyed may be made again: it has restarted.
  ///
  /// The reactor can all that one over a system can, except: processes, descriptors that are not its own (`addReader`,
  /// `connectDescriptors`, adopted sockets, file watchers), UNIX datagrams, and passing descriptors: these throw
  /// std::logic_error. Work for threads (`callInThread`, `deferToThread`, files) is done one piece after the other by the
  /// loop itself, a little later; `blockingCallFromThread` from such work throws, as anywhere in the reactor's thread.
  /// Signals come from `signal()`. Names are those of `names()`, which all machines share. UNIX sockets leave no files.
  /// @param addresses  none: one of each kind, 10.0.0.n and fd00::n for the n-th machine
  /// @throws std::invalid_argument if one is no literal, or belongs to another machine already
  std::unique_ptr<Reactor> makeReactor(const std::vector<std::string>& addresses = {});
  std::unique_ptr<Reactor> makeReactor(const char* address) { return makeReactor(std::vector<std::string>{address}); }

  /// The names that resolve; "localhost" is among them.
  MemoryNameResolver& names() noexcept;

  /// @name Time
  ///
  /// Either a reactor's own `run()` or `iterate()` makes it pass, and the reactors of other machines are turned along; or
  /// these functions do. Then reactors that were given to `start()` count as running.
  /// @{

  /// The present moment, on the clock of all its reactors.
  Duration now() const noexcept;
  /// Fires "startup" of a reactor that nobody's `run()` turns.
  /// @throws ReactorAlreadyRunning, ReactorNotRestartable as `ReactorCore::run`
  void start(Reactor& reactor);
  /// Lets `time` pass, and everything happen that happens in it. Not inside a turn of one of its reactors (throws
  /// std::logic_error).
  void advance(Duration time);
  /// Lets time pass until `done()`, asked after every turn. @return false if that was not so within `limit`
  bool runUntil(Function<bool()> done, Duration limit = std::chrono::hours(1));

  /// @}
  /// @name Trouble
  /// @{

  /// Nothing gets from one address to the other or back; what is sent waits, as it would be sent again and again, until
  /// `heal()` or until a limit runs out. May be one and the same address, for a machine that talks to itself.
  void partition(std::string_view one, std::string_view other);
  void heal(std::string_view one, std::string_view other);
  /// A machine without power: what it sends does not exist, and nothing reaches it. To let it crash, lose it, destroy its
  /// reactor, and find it again: its peers then hear resets, once they say something.
  void lose(std::string_view address);
  void find(std::string_view address);
  /// All connections between the two addresses are reset, for both sides. @return how many
  std::size_t reset(std::string_view one, std::string_view other);
  /// A process gets a signal: its reactor's `onSignal` callbacks are called; SIGINT and SIGTERM stop it as `run()` says.
  void signal(Reactor& reactor, int number);
  /// Other chances from now on; seed, latencies and the rest of the options too, except the seed.
  void change(const SimulationOptions& options);
  const SimulationOptions& options() const noexcept;

  /// @}
  /// @name What happened
  /// @{

  /// A number that is made of all that has happened so far to sockets: what, when, to which of them, how many bytes. Two
  /// runs went the same way if it is the same, as far as 64 bits can tell.
  std::uint64_t trace() const noexcept;
  /// From now on `told` gets a line for each thing that happens: "12.034511 s  3 receives 17". Until the network dies.
  void onTrace(Function<void(std::string_view)> told);
  /// Sockets that are open, of all machines. 0 at the end of a clean test.
  std::size_t openSockets() const noexcept;
  /// Events that are still to come: what is on its way.
  std::size_t underWay() const noexcept;

  /// @}

 private:
  std::shared_ptr<detail::SimulatedWorld> world_;
};

/// Calls `test(seed)` with the seeds 1 to `count`, or with that of the environment variable BIGHT_SEED alone.
/// @throws SimulationFailed with the seed if `test` throws
BIGHT_API void forEachSeed(std::uint64_t count, Function<void(std::uint64_t)> test);

}  // namespace bight::testing
