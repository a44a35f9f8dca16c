/// @file
/// Child processes: `spawnProcess`, what a protocol is told of its child, and what it may do with it.
///
/// ```cpp
/// class Sorter : public bight::ProcessProtocol {
///   void connectionMade() override {
///     transport().write("pear\napple\n");
///     transport().closeStdin();
///   }
///   void outReceived(std::string_view data) override { sorted += data; }
///   void processEnded(const Failure& reason) override { ... }   // ProcessDone or ProcessTerminated
/// };
/// reactor->spawnProcess(std::make_shared<Sorter>(), "sort", {"sort", "-u"});
/// ```
/// docs/howto/processes.md shows more; for "run it and give me what it printed" there is process_output.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/cancel_scope.hpp>
#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/process_errors.hpp>
#include <bight/protocol.hpp>
#include <bight/ref.hpp>
#include <bight/transport.hpp>

namespace bight {

/// What a descriptor of the child is, seen from the parent.
class BIGHT_API ChildFD {
 public:
  enum class Kind : std::uint8_t { parentReads, parentWrites, inherited, null };

  /// 'r': a pipe of which the parent reads what the child writes; 'w': one that the parent writes to.
  /// @throws std::invalid_argument for any other letter
  ChildFD(char letter);  // NOLINT(google-explicit-constructor): {{0, 'w'}, {1, 'r'}}, as in Twisted
  /// A descriptor of the parent's, which the child gets a duplicate of. It must be open when the child is started, and
  /// is not closed.
  ChildFD(int parentFd);  // NOLINT(google-explicit-constructor): {{2, 2}}
  /// /dev/null
  static ChildFD null() noexcept;

  Kind kind() const noexcept { return kind_; }
  /// Of an inherited one; -1 otherwise.
  int parentFd() const noexcept { return parentFd_; }
  bool operator==(const ChildFD&) const = default;

 private:
  ChildFD() = default;
  Kind kind_ = Kind::null;
  int parentFd_ = -1;
};

/// The size of a terminal, in characters.
struct WindowSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  bool operator==(const WindowSize&) const = default;
};

/// For `ProcessOptions::env`: the child gets the parent's environment.
inline constexpr std::nullopt_t inheritEnvironment = std::nullopt;

/// How to start a child.
struct ProcessOptions {
  using Environment = std::map<std::string, std::string>;
  /// What becomes of a child that still runs when the reactor's shutdown is through, or the reactor is destroyed.
  enum class AtEnd : std::uint8_t {
    kill,  ///< it is killed and reaped: nothing outlives the reactor
    leave  ///< it goes on without us, and is reaped when it ends
  };

  /// The child's environment: at first an empty one; `inheritEnvironment` for the parent's.
  std::optional<Environment> env = Environment{};
  /// The directory it starts in; empty: the parent's.
  std::string path = {};
  /// Who it runs as. Its groups are those of that user; `gid` is at first the user's own. Only for root.
  std::optional<unsigned> uid = std::nullopt;
  std::optional<unsigned> gid = std::nullopt;
  /// Gives the child a terminal of its own as descriptors 0, 1 and 2, and makes it the leader of a session. What it
  /// writes to any of them arrives as descriptor 1. `childFDs` is not used then.
  bool usePTY = false;
  /// Of that terminal.
  WindowSize windowSize = {};
  /// The child's descriptors. Those that are not in it are closed in the child, whoever opened them.
  std::map<int, ChildFD> childFDs = {{0, 'w'}, {1, 'r'}, {2, 'r'}};
  AtEnd whenReactorEnds = AtEnd::kill;
};

/// A running child. It is a `Transport`: what is written goes to the child's descriptor 0, and what it is asked about
/// writing and producers concerns that one. (Twisted: IProcessTransport)
///
/// | call | what happens |
/// |---|---|
/// | `write`, `drained`, `registerProducer`, … | as with any transport, to descriptor 0 |
/// | `loseWriteConnection()`, `closeStdin()` | descriptor 0 is closed when all has been written |
/// | `loseConnection()` | descriptors 0, 1 and 2 are closed, 0 when all has been written; the child may go on |
/// | `abortConnection()` | the child is killed, and every pipe closed |
/// | `pauseProducing()`, `resumeProducing()` | what the child writes is not read, so that it blocks; or read again |
///
/// It outlives the child: after its end, writes are ignored.
class BIGHT_API ProcessTransport : public Transport {
 public:
  /// The child's number, until it has been reaped.
  virtual std::optional<int> pid() const noexcept = 0;

  /// Writes to any descriptor that was given as 'w', with the same limits as `write`. On a closed one it is ignored.
  /// @throws std::invalid_argument if the child has no such descriptor to write to
  virtual void writeToChild(int childFd, std::string_view data) = 0;

  /// Closes one of the pipes: one to write to when all has been written, one to read from at once. Nothing happens if
  /// it is closed already.
  /// @throws std::invalid_argument if there never was such a pipe
  virtual void closeChildFD(int childFd) = 0;
  /// The same for 0, 1 and 2, without a word if there is no such pipe. With a PTY, descriptor 0 cannot be closed
  /// alone: nothing happens. The other two hang it up.
  virtual void closeStdin() = 0;
  virtual void closeStdout() = 0;
  virtual void closeStderr() = 0;

  /// Sends a signal to the child (not to its children).
  /// @throws ProcessExitedAlready if it has ended;  std::invalid_argument if there is no such signal;
  /// std::system_error if the system refuses, as for a child that runs as somebody else
  virtual void signalProcess(int signal) = 0;
  /// By name: "TERM", "KILL", "INT", "HUP", "USR1", … with or without "SIG".
  void signalProcess(std::string_view name);

  /// Tells the child's terminal its size; the child gets SIGWINCH. Nothing happens without a PTY.
  virtual void setWindowSize(WindowSize size) = 0;

 protected:
  ~ProcessTransport() override;
};

/// What happens to a child. Subclass it. (Twisted: ProcessProtocol)
///
/// **Order of calls.** `connectionMade()`; then data and lost pipes as they come; `processExited()` once, when the
/// child has been reaped; `processEnded()` once and last, when in addition every pipe is closed. A grandchild that
/// keeps the child's stdout open delays `processEnded()`, not `processExited()` (B63). None of them runs inside another
/// one.
///
/// **Exceptions.** What `connectionMade()` throws is logged and closes all pipes; what the others throw is logged, and
/// closes the pipe that it was about.
///
/// **Lifetime.** The reactor holds it until `processEnded()` has returned. A Deferred whose stages use `this` is
/// `track()`ed: then it is cancelled after that.
class BIGHT_API ProcessProtocol : public std::enable_shared_from_this<ProcessProtocol> {
 public:
  ProcessProtocol(const ProcessProtocol&) = delete;
  ProcessProtocol& operator=(const ProcessProtocol&) = delete;
  virtual ~ProcessProtocol();

  /// The child runs.
  virtual void connectionMade() {}
  /// It wrote to one of its descriptors: 1 to 65536 bytes, valid until this returns. Unless overridden, 1 goes to
  /// `outReceived()` and 2 to `errReceived()`.
  virtual void childDataReceived(int childFd, std::string_view data);
  virtual void outReceived([[maybe_unused]] std::string_view data) {}
  virtual void errReceived([[maybe_unused]] std::string_view data) {}
  /// One of the pipes is closed, by the child or by us. Unless overridden, 0, 1 and 2 go to the three below.
  virtual void childConnectionLost(int childFd);
  virtual void inConnectionLost() {}
  virtual void outConnectionLost() {}
  virtual void errConnectionLost() {}
  /// The child has ended; `reason` is a ProcessDone or a ProcessTerminated. What it wrote may still come. Not called
  /// for a child that outlives the reactor (`AtEnd::leave`).
  virtual void processExited([[maybe_unused]] const Failure& reason) {}
  /// All is over. The same reason; a ConnectionLost for a child that outlives the reactor.
  virtual void processEnded([[maybe_unused]] const Failure& reason) {}

  /// The child.
  /// @throws std::logic_error before `connectionMade()`
  ProcessTransport& transport() const {
    if (!transport_) noTransport();
    return *transport_;
  }

  /// Gives the protocol its transport and calls `connectionMade()`. Called by reactors and tests.
  void makeConnection(ProcessTransport& transport);
  /// Calls `processEnded(reason)`, then cancels what was `track()`ed. Called by reactors and tests, once.
  void endProcess(const Failure& reason);

 protected:
  ProcessProtocol() = default;

  /// Ties a Deferred to this process: it is cancelled right after `processEnded()`.
  template <class T>
  Deferred<T> track(Deferred<T> deferred) {
    auto tracked = scope_.track(std::move(deferred));
    if (ended_) scope_.cancel();
    return tracked;
  }

 private:
  [[noreturn]] static void noTransport();

  Ref<ProcessTransport> transport_;
  CancelScope scope_;
  bool ended_ = false;
};

/// The part of a reactor that starts processes and speaks through descriptors that are open already. (Twisted:
/// IReactorProcess)
class BIGHT_API ReactorProcess {
 public:
  /// Starts `executable`; it runs when this returns, `connectionMade()` has been called, and nothing else has.
  ///
  /// Signals and their mask are as at the start of a program, whatever this one has set. No other descriptor than those
  /// of `options` reaches the child. Its end is noticed without a signal action for SIGCHLD where the system lets us
  /// (Linux 5.3), and in any case without touching children that are not ours.
  /// @param executable  a path if there is a '/' in it; else looked for in the PATH of the child's environment, or, if
  /// it has none, where the system keeps its programs
  /// @param args  the whole of argv: its first is the name that the child is told, usually that of the program. Empty:
  /// that alone.
  /// @throws SpawnError if it cannot be started: no such program, no permission, no such directory, …, no descriptors
  /// left;  std::invalid_argument for a null protocol, an empty name, a NUL byte in a text, a negative descriptor, a
  /// uid without a gid that is no user of this system
  Ref<ProcessTransport> spawnProcess(std::shared_ptr<ProcessProtocol> protocol, const std::string& executable,
                                     std::vector<std::string> args = {}, const ProcessOptions& options = {});

  /// Makes two open descriptors, one to read from and one to write to (they may be one and the same), the connection of
  /// `protocol`. What is read and written may be a pipe, a terminal, a socket, a device or a regular file, on every
  /// backend. `StandardIO` is the usual way to this.
  ///
  /// The descriptors belong to the transport from now on, which closes them with the connection; 0, 1 and 2 are
  /// replaced by /dev/null instead, so that no other file takes their place.
  /// @throws std::invalid_argument for a null protocol or a negative descriptor;  std::system_error if one is not open
  Ref<Transport> connectDescriptors(std::shared_ptr<Protocol> protocol, int readFd, int writeFd);

 protected:
  ReactorProcess() = default;
  ReactorProcess(const ReactorProcess&) = default;
  ReactorProcess& operator=(const ReactorProcess&) = default;
  virtual ~ReactorProcess() = default;

  /// The same with checked arguments; what a reactor implements.
  virtual Ref<ProcessTransport> doSpawnProcess(std::shared_ptr<ProcessProtocol> protocol, const std::string& executable,
                                               std::vector<std::string> args, const ProcessOptions& options) = 0;
  virtual Ref<Transport> doConnectDescriptors(std::shared_ptr<Protocol> protocol, int readFd, int writeFd) = 0;
};

}  // namespace bight
