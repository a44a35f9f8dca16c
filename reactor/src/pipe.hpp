/// @file
/// Internal: one direction of a stream of bytes over a descriptor that need not be a socket: a pipe, a terminal, a
/// device, a file.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/poller.hpp>
#include <bight/producer.hpp>
#include <bight/transport.hpp>

#include "output_buffer.hpp"
#include "reactor_base.hpp"
#include "socket.hpp"

namespace bight::detail {

class PipeReader;
class PipeWriter;

/// The transport that a reader or writer is part of. It is kept while one of these is called.
class PipeOwner {
 public:
  /// Bytes have come. What it throws ends the reader with that as the reason.
  virtual void pipeReceived(PipeReader& pipe, std::string_view data) = 0;
  /// The reader has ended, and its descriptor is closed: ConnectionDone at the end of the data.
  virtual void pipeEnded(PipeReader& pipe, const Failure& reason) noexcept = 0;
  /// The writer has ended: ConnectionDone after `finish()`, ConnectionLost when nobody reads any more.
  virtual void pipeEnded(PipeWriter& pipe, const Failure& reason) noexcept = 0;
  /// What carries the count.
  virtual Transport& pipeTransport() noexcept = 0;

 protected:
  ~PipeOwner() = default;
};

/// A descriptor of a stream, how it was found, and how to leave it.
class PipeEnd {
 public:
  /// A descriptor of ours, made non-blocking already.
  explicit PipeEnd(Descriptor fd) noexcept : fd_(std::move(fd)) { classify(); }
  /// A descriptor from outside. A terminal or pipe is opened anew if that is possible, and made non-blocking.
  /// @throws std::system_error if it is not open
  static PipeEnd adopt(int fd, bool forWriting);
  PipeEnd(PipeEnd&&) noexcept = default;
  PipeEnd& operator=(PipeEnd&&) = delete;
  ~PipeEnd() { close(); }

  int fd() const noexcept { return fd_.get(); }
  bool isSocket() const noexcept { return socket_; }
  /// A regular file, or a device that is always ready: there is nothing to wait for, whatever the poller thinks of it.
  bool isFile() const noexcept { return file_; }
  /// A pipe: the reader's end of it can be seen going away from the writer's.
  bool isPipe() const noexcept { return pipe_; }
  /// Closes it; one from outside is left as it was found.
  void close() noexcept;

 private:
  void classify() noexcept;

  Descriptor fd_;          // what is read or written
  Descriptor original_;    // what was given, if that is another one
  int restoreFlags_ = -1;  // of fd_, to be set again
  bool socket_ = false;
  bool file_ = false;
  bool pipe_ = false;
};

/// Watches one end with the poller, or, where that is refused or useless, calls the target in every turn.
class PipeWatch : private PollTarget {
 public:
  PipeWatch(const PipeWatch&) = delete;
  PipeWatch& operator=(const PipeWatch&) = delete;

 protected:
  PipeWatch(ReactorBase& reactor, PipeOwner& owner, PipeEnd end)
      : reactor_(reactor), owner_(owner), end_(std::move(end)) {}
  ~PipeWatch() = default;

  /// @throws what `Poller::add` throws, unless the system says that this kind of descriptor is not to be waited for
  void attach(unsigned interest);
  /// Watches for this from now on.
  void watch(unsigned interest) noexcept;
  void detach() noexcept;
  /// Calls `event` in the next turn, once however often this is called. 0: nothing has happened, but there is something
  /// to do.
  void soon() noexcept;

  /// Something can be done, or has been asked for.
  virtual void event(unsigned events) noexcept = 0;

  ReactorBase& reactor_;
  PipeOwner& owner_;
  PipeEnd end_;

 private:
  void ready(unsigned events) noexcept override;

  PollHandle* handle_ = nullptr;
  unsigned interest_ = 0;
  bool alwaysReady_ = false;
  bool soon_ = false;
};

/// Reads.
class PipeReader final : private PipeWatch {
 public:
  PipeReader(ReactorBase& reactor, PipeOwner& owner, PipeEnd end) : PipeWatch(reactor, owner, std::move(end)) {}

  /// Begins. @throws what `Poller::add` throws
  void start();
  bool open() const noexcept { return open_; }
  void pause() noexcept;
  void resume() noexcept;
  /// Ends it; `PipeOwner::pipeEnded` is called in the next turn, with `reason`.
  void end(Failure reason) noexcept;
  /// Ends it now, and calls `PipeOwner::pipeEnded` now.
  void close(Failure reason) noexcept;
  /// Nothing has been started: only closes the descriptor.
  void abandon() noexcept;
  /// A terminal whose other side is closed says EIO instead of giving an end.
  void setTerminal() noexcept { terminal_ = true; }
  int fd() const noexcept { return end_.fd(); }

 private:
  void event(unsigned events) noexcept override;

  std::optional<Failure> fate_;
  bool open_ = false;
  bool paused_ = false;
  bool terminal_ = false;
};

/// Writes: what is written in one turn leaves together at the beginning of the next one. Producers, limits and
/// `drained()` are as `Transport` says.
class PipeWriter final : private PipeWatch {
 public:
  PipeWriter(ReactorBase& reactor, PipeOwner& owner, PipeEnd end) : PipeWatch(reactor, owner, std::move(end)) {}

  void start();
  bool open() const noexcept { return open_; }
  bool finishing() const noexcept { return finishing_; }

  void write(std::string_view data);
  std::size_t size() const noexcept { return output_.size(); }
  Deferred<void> drained();
  void setLimits(std::size_t high, std::size_t low);
  void setMost(std::size_t bytes) noexcept { most_ = bytes; }
  void setGraceful(Duration limit);
  void registerProducer(std::shared_ptr<PushProducer> push, std::shared_ptr<PullProducer> pull);
  void unregisterProducer();

  /// Ends it when everything has been written and there is no producer; in the next turn at the earliest.
  void finish() noexcept;
  /// Ends it in the next turn, whatever is unsent.
  void end(Failure reason) noexcept;
  /// Ends it now: writes what can be written at once.
  void close(Failure reason) noexcept;
  void abandon() noexcept;

 private:
  void event(unsigned events) noexcept override;
  void flush() noexcept;
  bool readerGone() const noexcept;
  void afterFlush() noexcept;
  void fireDrained() noexcept;
  void pauseIfFull() noexcept;
  void resumeIfLow() noexcept;
  void askPull() noexcept;
  void startGraceful() noexcept;
  void gracefulOver() noexcept;
  bool hasProducer() const noexcept { return push_ || pull_; }
  template <class F>
  void run(std::string_view context, F&& f) noexcept;

  OutputBuffer output_;
  std::shared_ptr<PushProducer> push_;
  std::shared_ptr<PullProducer> pull_;
  std::vector<Promise<void>> waiters_;
  std::optional<Failure> fate_;
  DelayedCall gracefulCall_;
  Duration graceful_ = std::chrono::seconds(30);
  std::size_t high_ = 64 * 1024;
  std::size_t low_ = 0;
  std::size_t most_ = 16 * 1024 * 1024;
  bool open_ = false;
  bool finishing_ = false;
  bool full_ = false;   // the system takes no more at the moment
  bool moved_ = false;  // bytes have left since the graceful call was scheduled
  bool pushPaused_ = false;
  bool pullAsked_ = false;
};

/// While it lives, writing to a pipe that nobody reads is an error (EPIPE) in this thread, and not a signal that ends
/// the program. Two system calls: MSG_NOSIGNAL is for sockets only, and to ignore SIGPIPE is the program's own decision.
class NoPipeSignal {
 public:
  NoPipeSignal() noexcept;
  ~NoPipeSignal();
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t before_;
  bool pending_;
};

}  // namespace bight::detail
