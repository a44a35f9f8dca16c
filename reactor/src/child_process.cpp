// The end of a child
// ------------------
//
//   exec ──► running ──► exited: reaped, processExited ──┬──► ended: processEnded, once and last
//              pipes: open ──► closed, one by one ───────┘
//
// Which children have ended is learned from a pidfd each (Linux 5.3): a descriptor that becomes readable, so it needs no
// signal, works in any number of reactors, and finds its child whatever others wait for. Where there is none, or no
// descriptor is left for one, the reactor asks for SIGCHLD and then for each of its own children. Nobody ever waits for
// "any child": it might be somebody else's. If somebody else has waited for ours, there is no status to be had, and that
// is what the protocol is told.
//
// The reactor's end. Pipes are closed. A child that still runs is killed and reaped, unless it was started with
// `AtEnd::leave`, or may not be killed: then a thread waits for it, so that it leaves no zombie in a program that goes on.
//
// The reactor has one count of a child from its start to its end.
#include "child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <bight/connection_errors.hpp>

#include "spawn.hpp"

#ifdef __linux__
#include <sys/syscall.h>
#endif

namespace bight::detail {

namespace {

std::atomic<bool> usesPidFd{true};

Descriptor openPidFd([[maybe_unused]] pid_t pid) noexcept {
#if defined(__linux__) && defined(SYS_pidfd_open)
  if (usesPidFd) return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
#endif
  return Descriptor();
}

Descriptor openNull() noexcept {
  return Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

/// Waits for a child that nobody looks after any more.
void reapLater(pid_t pid) noexcept {
  try {
    std::thread([pid] {
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }).detach();
  } catch (...) {
    Logger("bight.process")
        .warn("there is no thread to wait for process " + std::to_string(pid) +
              ", which outlives its reactor: it may be left as a zombie");
  }
}

}  // namespace

void setUsesPidFd(bool uses) noexcept {
  usesPidFd = uses;
}

/// What is open in the parent until the child has been started, and no longer.
struct ChildProcess::ChildEnds {
  std::vector<SpawnFd> fds;
  std::vector<Descriptor> open;

  int keep(Descriptor fd) {
    open.push_back(std::move(fd));
    return open.back().get();
  }
};

ChildProcess::ChildProcess(ReactorBase& reactor, std::shared_ptr<ProcessProtocol> protocol)
    : reactor_(reactor), protocol_(std::move(protocol)) {}

ChildProcess::~ChildProcess() = default;

// ---- its beginning ----

void ChildProcess::openPipes(const ProcessOptions& options, ChildEnds& ends) {
  for (const auto& [childFd, what] : options.childFDs) {
    int source = what.parentFd();
    if (what.kind() == ChildFD::Kind::null) {
      Descriptor null = openNull();
      if (!null) throw std::system_error(errno, std::generic_category(), "opening /dev/null");
      source = ends.keep(std::move(null));
    } else if (what.kind() != ChildFD::Kind::inherited) {
      int both[2];
      openPipe(both);  // non-blocking: a mode of each end by itself
      const bool weRead = what.kind() == ChildFD::Kind::parentReads;
      Descriptor ours(both[weRead ? 0 : 1]);
      source = ends.keep(Descriptor(both[weRead ? 1 : 0]));
      ::fcntl(source, F_SETFL, ::fcntl(source, F_GETFL) & ~O_NONBLOCK);
      Pipe pipe;
      pipe.childFd = childFd;
      if (weRead) {
        pipe.reader = std::make_unique<PipeReader>(reactor_, static_cast<PipeOwner&>(*this), PipeEnd(std::move(ours)));
        pipe.reader->start();
      } else {
        pipe.writer = std::make_unique<PipeWriter>(reactor_, static_cast<PipeOwner&>(*this), PipeEnd(std::move(ours)));
        pipe.writer->start();
      }
      pipes_.push_back(std::move(pipe));
    }
    ends.fds.push_back({childFd, source});
  }
}

void ChildProcess::openTerminal(const ProcessOptions& options, ChildEnds& ends) {
  const auto fail = [](const char* what) { throw std::system_error(errno, std::generic_category(), what); };
  Descriptor master(::posix_openpt(O_RDWR | O_NOCTTY));
  if (!master) fail("opening a terminal for it");
  ::fcntl(master.get(), F_SETFD, FD_CLOEXEC);
  if (::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) fail("preparing its terminal");
  char name[128];
#ifdef __linux__
  if (::ptsname_r(master.get(), name, sizeof name) != 0) fail("naming its terminal");
#else
  std::snprintf(name, sizeof name, "%s", ::ptsname(master.get()));
#endif
  Descriptor slave(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave) fail("opening its side of the terminal");
  ::fcntl(master.get(), F_SETFL, ::fcntl(master.get(), F_GETFL) | O_NONBLOCK);
  // Reader and writer each have a descriptor, so that the poller can watch both.
  Descriptor writing(::fcntl(master.get(), F_DUPFD_CLOEXEC, 0));
  if (!writing) fail("opening a terminal for it");
  Pipe pipe;
  pipe.childFd = 1;
  pipe.reader = std::make_unique<PipeReader>(reactor_, static_cast<PipeOwner&>(*this), PipeEnd(std::move(master)));
  pipe.reader->setTerminal();
  pipe.reader->start();
  pipes_.push_back(std::move(pipe));
  pipe = {};
  pipe.childFd = 0;
  pipe.writer = std::make_unique<PipeWriter>(reactor_, static_cast<PipeOwner&>(*this), PipeEnd(std::move(writing)));
  pipe.writer->start();
  pipes_.push_back(std::move(pipe));
  setWindowSize(options.windowSize);
  const int source = ends.keep(std::move(slave));
  for (int childFd = 0; childFd < 3; ++childFd) ends.fds.push_back({childFd, source});
}

void ChildProcess::start(const std::string& executable, const std::vector<std::string>& args,
                         const ProcessOptions& options) {
  atEnd_ = options.whenReactorEnds;
  byTerminal_ = options.usePTY;
  try {
    ChildEnds ends;
    try {
      if (byTerminal_)
        openTerminal(options, ends);
      else
        openPipes(options, ends);
    } catch (const std::system_error& error) {
      throw SpawnError(executable, "opening its descriptors", error.code().value());
    }
    pid_ = spawn({executable, args, options, ends.fds, byTerminal_});
  } catch (...) {
    ended_ = true;
    for (Pipe& each : pipes_) {
      if (each.reader) each.reader->abandon();
      if (each.writer) each.writer->abandon();
    }
    throw;
  }
  ref();
  reactor_.own(*this);
  reactor_.guarded("while preparing to notice the end of a process", [this] { watchEnd(); });
  try {
    protocol_->makeConnection(*this);
  } catch (...) {
    Failure failure;
    reactor_.report("while calling connectionMade of a process", failure);
    for (Pipe& each : pipes_) {
      if (each.reader) each.reader->end(failure);
      if (each.writer) each.writer->end(failure);
    }
  }
}

void ChildProcess::watchEnd() {
  pidFd_ = openPidFd(pid_);
  if (pidFd_) {
    try {
      pidHandle_ = reactor_.poller().add(pidFd_.get(), pollRead, *this);
      return;
    } catch (...) {
      pidFd_.reset();  // its number is too high for select; or the system does not want it
    }
  }
  try {
    reactor_.watchChild(*this);
  } catch (...) {
    reactor_.report("while preparing to notice the end of a process, which is looked for ten times a second instead",
                    Failure());
    lookLater();
  }
}

void ChildProcess::lookLater() {
  lookCall_ = reactor_.callLater(std::chrono::milliseconds(100), [self = Ref<ChildProcess>(this)] {
    self->reap();
    if (self->pid_ >= 0) self->lookLater();
  });
}

// ---- its end ----

void ChildProcess::ready(unsigned) noexcept {
  const Ref<Transport> keep(this);
  reap();
}

void ChildProcess::reap() noexcept {
  if (pid_ < 0 || reason_) return;
  int status = 0;
  pid_t got;
  do got = ::waitpid(pid_, &status, WNOHANG);
  while (got < 0 && errno == EINTR);
  if (got == pid_) return exited(status);
  if (got < 0) exited(std::nullopt);
}

void ChildProcess::exited(std::optional<int> status) noexcept {
  if (pidHandle_)
    reactor_.poller().remove(std::exchange(pidHandle_, nullptr));
  else
    reactor_.unwatchChild(*this);
  pidFd_.reset();
  if (lookCall_.active()) lookCall_.cancel();
  pid_ = -1;
  const bool done = status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
  reason_ = done ? Failure(ProcessDone()) : Failure(ProcessTerminated(status));
  reactor_.guarded("while calling processExited", [this] { protocol_->processExited(*reason_); });
  endIfOver();
}

void ChildProcess::endIfOver() noexcept {
  if (ended_ || !reason_) return;
  if (std::any_of(pipes_.begin(), pipes_.end(), [](const Pipe& each) { return each.open(); })) return;
  ended_ = true;
  reactor_.disown(*this);
  reactor_.guarded("while calling processEnded", [this] { protocol_->endProcess(*reason_); });
  // We may be on the stack, and so may the protocol.
  reactor_.callSoon([keep = Ref<ChildProcess>::adopt(this), protocol = std::move(protocol_)] {});
}

void ChildProcess::killAndReap() noexcept {
  if (::kill(pid_, SIGKILL) != 0 && errno != ESRCH) return;
  // It is gone at once, unless it hangs in the system.
  for (long pause = 20'000, waited = 0; pid_ >= 0 && waited < 1'000'000'000;
       waited += pause, pause = std::min(2 * pause, 10'000'000L)) {
    reap();
    if (pid_ < 0) return;
    const timespec moment{0, pause};
    ::nanosleep(&moment, nullptr);
  }
}

/// The reactor's shutdown, or its end.
void ChildProcess::disconnect(const Failure& reason) {
  const Ref<Transport> keep(this);
  for (Pipe& each : pipes_) {
    if (each.writer) each.writer->close(reason);
    if (each.reader) each.reader->close(reason);
  }
  reap();
  if (pid_ >= 0 && atEnd_ == ProcessOptions::AtEnd::kill) killAndReap();
  if (pid_ >= 0) {
    const pid_t left = std::exchange(pid_, -1);
    if (pidHandle_)
      reactor_.poller().remove(std::exchange(pidHandle_, nullptr));
    else
      reactor_.unwatchChild(*this);
    pidFd_.reset();
    if (lookCall_.active()) lookCall_.cancel();
    reapLater(left);
    reason_ = reason;
  }
  endIfOver();
}

// ---- what its pipes tell ----

void ChildProcess::pipeReceived(PipeReader& pipe, std::string_view data) {
  for (const Pipe& each : pipes_)
    if (each.reader.get() == &pipe) return protocol_->childDataReceived(each.childFd, data);
}

void ChildProcess::pipeEnded(PipeReader& pipe, const Failure& reason) noexcept {
  for (const Pipe& each : pipes_) {
    if (each.reader.get() != &pipe) continue;
    if (byTerminal_ && pipes_.size() > 1) pipes_[1].writer->close(reason);
    reactor_.guarded("while calling childConnectionLost", [&] { protocol_->childConnectionLost(each.childFd); });
    break;
  }
  endIfOver();
}

void ChildProcess::pipeEnded(PipeWriter& pipe, const Failure& reason) noexcept {
  for (const Pipe& each : pipes_) {
    if (each.writer.get() != &pipe) continue;
    if (byTerminal_) {  // both directions are one descriptor, and end together
      pipes_[0].reader->end(reason);
      return;
    }
    reactor_.guarded("while calling childConnectionLost", [&] { protocol_->childConnectionLost(each.childFd); });
    break;
  }
  endIfOver();
}

// ---- what the user asks for ----

std::optional<int> ChildProcess::pid() const noexcept {
  return pid_ < 0 ? std::nullopt : std::optional<int>(pid_);
}

ChildProcess::Pipe* ChildProcess::find(int childFd) noexcept {
  for (Pipe& each : pipes_)
    if (each.childFd == childFd) return &each;
  return nullptr;
}

PipeWriter* ChildProcess::input() const noexcept {
  for (const Pipe& each : pipes_)
    if (each.childFd == 0) return each.writer.get();
  return nullptr;
}

void ChildProcess::write(std::string_view data) {
  onlyInThread("Transport::write");
  if (PipeWriter* writer = input()) writer->write(data);
}

void ChildProcess::writeSequence(std::span<const std::string_view> pieces) {
  onlyInThread("Transport::writeSequence");
  if (PipeWriter* writer = input())
    for (const auto& piece : pieces) writer->write(piece);
}

void ChildProcess::writeToChild(int childFd, std::string_view data) {
  onlyInThread("ProcessTransport::writeToChild");
  const Pipe* pipe = find(childFd);
  if (!pipe || !pipe->writer)
    throw std::invalid_argument("writeToChild: the child has no descriptor " + std::to_string(childFd) +
                                " that we write to");
  pipe->writer->write(data);
}

std::size_t ChildProcess::writeBufferSize() const noexcept {
  const PipeWriter* writer = input();
  return writer ? writer->size() : 0;
}

Deferred<void> ChildProcess::drained() {
  onlyInThread("Transport::drained");
  if (PipeWriter* writer = input()) return writer->drained();
  return fail<void>(ConnectionLost("the child has no standard input that we write to"));
}

void ChildProcess::setWriteBufferLimits(std::size_t high, std::size_t low) {
  onlyInThread("Transport::setWriteBufferLimits");
  for (Pipe& each : pipes_)
    if (each.writer) each.writer->setLimits(high, low);
}

void ChildProcess::setMaxWriteBuffer(std::size_t bytes) {
  onlyInThread("Transport::setMaxWriteBuffer");
  for (Pipe& each : pipes_)
    if (each.writer) each.writer->setMost(bytes);
}

void ChildProcess::setGracefulLimit(Duration limit) {
  onlyInThread("Transport::setGracefulLimit");
  for (Pipe& each : pipes_)
    if (each.writer) each.writer->setGraceful(limit);
}

void ChildProcess::registerProducer(std::shared_ptr<PushProducer> producer) {
  onlyInThread("Transport::registerProducer");
  if (!producer) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (PipeWriter* writer = input()) return writer->registerProducer(std::move(producer), nullptr);
  producer->stopProducing();
}

void ChildProcess::registerProducer(std::shared_ptr<PullProducer> producer) {
  onlyInThread("Transport::registerProducer");
  if (!producer) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (PipeWriter* writer = input()) return writer->registerProducer(nullptr, std::move(producer));
  producer->stopProducing();
}

void ChildProcess::unregisterProducer() {
  onlyInThread("Transport::unregisterProducer");
  if (PipeWriter* writer = input()) writer->unregisterProducer();
}

void ChildProcess::closeIfThere(int childFd) {
  onlyInThread("ProcessTransport::closeChildFD");
  if (byTerminal_ && childFd == 0) return;
  Pipe* pipe = find(byTerminal_ ? 1 : childFd);
  if (!pipe) return;
  if (pipe->writer) pipe->writer->finish();
  if (pipe->reader) pipe->reader->end(Failure(ConnectionDone()));
}

void ChildProcess::closeChildFD(int childFd) {
  if (!find(childFd))
    throw std::invalid_argument("closeChildFD: there is no pipe to descriptor " + std::to_string(childFd) +
                                " of the child");
  closeIfThere(childFd);
}

void ChildProcess::loseConnection() {
  onlyInThread("Transport::loseConnection");
  closing_ = true;
  if (byTerminal_) return pipes_[1].writer->finish();
  for (const int childFd : {0, 1, 2}) closeIfThere(childFd);
}

void ChildProcess::abortConnection() {
  onlyInThread("Transport::abortConnection");
  closing_ = true;
  if (pid_ >= 0) ::kill(pid_, SIGKILL);
  for (Pipe& each : pipes_) {
    if (each.reader) each.reader->end(Failure(ConnectionAborted()));
    if (each.writer) each.writer->end(Failure(ConnectionAborted()));
  }
}

void ChildProcess::pauseProducing() {
  onlyInThread("Transport::pauseProducing");
  for (Pipe& each : pipes_)
    if (each.reader) each.reader->pause();
}

void ChildProcess::resumeProducing() {
  onlyInThread("Transport::resumeProducing");
  for (Pipe& each : pipes_)
    if (each.reader) each.reader->resume();
}

void ChildProcess::signalProcess(int signal) {
  onlyInThread("ProcessTransport::signalProcess");
  if (signal < 1 || signal >= NSIG)
    throw std::invalid_argument("signalProcess: there is no signal " + std::to_string(signal));
  if (pid_ < 0) throw ProcessExitedAlready();
#if defined(__linux__) && defined(SYS_pidfd_send_signal)
  const int failed = pidFd_ ? static_cast<int>(::syscall(SYS_pidfd_send_signal, pidFd_.get(), signal, nullptr, 0))
                            : ::kill(pid_, signal);
#else
  const int failed = ::kill(pid_, signal);
#endif
  if (failed == 0) return;
  if (errno == ESRCH) throw ProcessExitedAlready();
  throw std::system_error(errno, std::generic_category(), "sending a signal to process " + std::to_string(pid_));
}

void ChildProcess::setWindowSize(WindowSize size) {
  onlyInThread("ProcessTransport::setWindowSize");
  if (!byTerminal_ || ended_ || !pipes_[0].open()) return;
  winsize wanted{};
  wanted.ws_row = size.rows;
  wanted.ws_col = size.columns;
  ::ioctl(pipes_[0].reader->fd(), TIOCSWINSZ, &wanted);
}

// ---- the reactor ----

Ref<ProcessTransport> ReactorBase::doSpawnProcess(std::shared_ptr<ProcessProtocol> protocol,
                                                  const std::string& executable, std::vector<std::string> args,
                                                  const ProcessOptions& options) {
  checkThread("spawnProcess");
  notSimulated("spawnProcess");
  auto child = makeRef<ChildProcess>(*this, std::move(protocol));
  child->start(executable, args, options);
  return child;
}

void ReactorBase::watchChild(ChildProcess& child) {
  signalWatch().add(SIGCHLD);  // throws when there is no descriptor left
  children_.push_back(&child);
  callSoon([this] { reapChildren(); });  // it may have ended before anybody watched
}

void ReactorBase::unwatchChild(ChildProcess& child) noexcept {
  const auto found = std::find(children_.begin(), children_.end(), &child);
  if (found == children_.end()) return;
  children_.erase(found);
  signals_->remove(SIGCHLD);
}

void ReactorBase::reapChildren() noexcept {
  // What is called may start others and end these.
  std::vector<Ref<ChildProcess>> all;
  for (ChildProcess* each : children_) all.emplace_back(each);
  for (const auto& each : all) each->reap();
}

}  // namespace bight::detail
