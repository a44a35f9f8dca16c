// What the user asks of a child: data for its descriptors, their end, signals.
#include <signal.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <bight/connection_errors.hpp>

#include "child_process.hpp"

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace bight::detail {

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

}  // namespace bight::detail
