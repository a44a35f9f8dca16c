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
