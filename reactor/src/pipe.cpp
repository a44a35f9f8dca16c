// A reader or a writer is part of its owner, and lives as long; the owner is kept by the count of its transport while
// anything of it is on the stack or waits for its turn (`soon`).
//
// Ends come in two ways. What the other side or the system does ends the pipe at once, in the dispatch that told us.
// What the user asks for ends it in the next turn, so that no callback runs inside a call of the user's.
//
// What is always ready (regular files, /dev/null) is not given to the poller: epoll refuses it, and the others would say
// that it is ready. It has its turn once per turn of the loop instead, one read or one round of writes each, so that
// a large file holds up nobody.
#include "pipe.hpp"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <bight/connection_errors.hpp>

namespace bight::detail {

namespace {
constexpr std::size_t maxPieces = 64;
/// More than this is not gathered until the next turn, but sent at once.
constexpr std::size_t mostGathered = 64 * 1024;
}  // namespace

// ---- watching ----

void PipeWatch::attach(unsigned interest) {
  interest_ = interest;
  if (end_.isFile()) {
    alwaysReady_ = true;
  } else {
    try {
      handle_ = reactor_.poller().add(end_.fd(), interest, *this);
    } catch (const std::system_error& error) {
      if (error.code().value() != EPERM) throw;
      alwaysReady_ = true;
    }
  }
  if (alwaysReady_ && interest_ != 0) soon();
}

void PipeWatch::watch(unsigned interest) noexcept {
  if (interest == interest_) return;
  interest_ = interest;
  if (alwaysReady_) {
    if (interest_ != 0) soon();
  } else if (handle_) {
    try {
      reactor_.poller().change(handle_, interest);
    } catch (const std::system_error& error) {
      if (error.code().value() != EPERM) return reactor_.report("while watching a descriptor", Failure());
      reactor_.poller().remove(std::exchange(handle_, nullptr));
      alwaysReady_ = true;
      soon();
    }
  }
}

void PipeWatch::detach() noexcept {
  if (handle_) reactor_.poller().remove(std::exchange(handle_, nullptr));
  interest_ = 0;
  alwaysReady_ = false;
  end_.close();
}

void PipeWatch::soon() noexcept {
  if (std::exchange(soon_, true)) return;
  reactor_.callSoon([this, keep = Ref<Transport>(&owner_.pipeTransport())] {
    soon_ = false;
    event(alwaysReady_ ? interest_ : 0);
    if (alwaysReady_ && interest_ != 0) soon();
  });
}

void PipeWatch::ready(unsigned events) noexcept {
  const Ref<Transport> keep(&owner_.pipeTransport());
  event(events);
}

// ---- reading ----

void PipeReader::start() {
  attach(pollRead);
  open_ = true;
}

void PipeReader::pause() noexcept {
  paused_ = true;
  if (open_ && !fate_) watch(0);
}

void PipeReader::resume() noexcept {
  paused_ = false;
  if (open_ && !fate_) watch(pollRead);
}

void PipeReader::end(Failure reason) noexcept {
  if (!open_ || fate_) return;
  fate_ = std::move(reason);
  watch(0);
  soon();
}

void PipeReader::close(Failure reason) noexcept {
  if (!open_) return;
  open_ = false;
  detach();
  owner_.pipeEnded(*this, reason);
}

void PipeReader::abandon() noexcept {
  open_ = false;
  detach();
}

void PipeReader::event(unsigned events) noexcept {
  if (!open_) return;
  if (fate_) return close(*fate_);
  if (paused_ || events == 0) return;
  const auto buffer = reactor_.readBuffer();
  const ssize_t got = end_.isSocket() ? ::recv(end_.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT)
                                      : ::read(end_.fd(), buffer.data(), buffer.size());
  if (got > 0) {
    try {
      owner_.pipeReceived(*this, {buffer.data(), static_cast<std::size_t>(got)});
    } catch (...) {
      Failure failure;
      reactor_.report("while calling dataReceived", failure);
      end(std::move(failure));
    }
  } else if (got == 0 || (terminal_ && errno == EIO)) {
    close(Failure(ConnectionDone()));
  } else if (!isTransient(errno)) {
    close(Failure(ConnectionLost::fromErrno(errno)));
  }
}

// ---- writing ----

void PipeWriter::start() {
  attach(end_.isPipe() ? pollRead : 0U);  // a pipe tells its writer so that its reader is gone
  open_ = true;
}

void PipeWriter::abandon() noexcept {
  open_ = false;
  detach();
}

template <class F>
void PipeWriter::run(std::string_view context, F&& f) noexcept {
  try {
    std::forward<F>(f)();
  } catch (...) {
    Failure failure;
    reactor_.report(context, failure);
    end(std::move(failure));
  }
}

void PipeWriter::write(std::string_view data) {
  if (!open_ || fate_ || data.empty()) return;
  if (output_.size() > most_) return end(Failure(OutputLimitError(output_.size(), most_)));
  output_.append(data);
  pullAsked_ = false;
  if (!full_) {
    if (output_.size() > mostGathered) flush();
    soon();
  }
  pauseIfFull();
}

void PipeWriter::flush() noexcept {
  iovec pieces[maxPieces];
  while (!output_.empty()) {
    const std::size_t count = output_.front(pieces, maxPieces);
    ssize_t sent = 0;
    if (end_.isSocket()) {
      msghdr message{};
      message.msg_iov = pieces;
      message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
      sent = ::sendmsg(end_.fd(), &message, quietly | MSG_DONTWAIT);
    } else {
      const NoPipeSignal quiet;
      errno = 0;
      sent = ::writev(end_.fd(), pieces, static_cast<int>(count));
    }
    if (sent < 0) {
      if (errno == EINTR) continue;
      full_ = isTransient(errno);
      if (!full_) end(Failure(ConnectionLost::fromErrno(errno)));
      return;
    }
    output_.consume(static_cast<std::size_t>(sent));
    moved_ = true;
    if (end_.isFile() && !output_.empty()) {  // one round per turn
      full_ = true;
      return;
    }
  }
}

/// Whether nobody reads this pipe any more.
bool PipeWriter::readerGone() const noexcept {
  pollfd asked{end_.fd(), 0, 0};
  return ::poll(&asked, 1, 0) == 1 && (asked.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

void PipeWriter::event(unsigned events) noexcept {
  if (!open_) return;
  if (fate_) return close(*fate_);
  if (events & pollWrite) full_ = false;
  if (!full_) flush();
  if (fate_) return close(*fate_);
  if ((events & (pollRead | pollError)) && end_.isPipe() && readerGone())
    return close(Failure(ConnectionLost::fromErrno(EPIPE)));
  afterFlush();
}

void PipeWriter::afterFlush() noexcept {
  resumeIfLow();
  if (open_ && output_.empty()) {
    fireDrained();
    if (open_ && output_.empty()) askPull();
  }
  if (!open_) return;
  if (fate_) return close(*fate_);
  if (finishing_) {
    if (output_.empty() && !hasProducer() && waiters_.empty()) return close(Failure(ConnectionDone()));
    startGraceful();
  }
  watch((end_.isPipe() ? pollRead : 0U) | (full_ ? pollWrite : 0U));
}

Deferred<void> PipeWriter::drained() {
  Deferred<void> done;
  if (!open_ || fate_) {
    done.errback(Failure(ConnectionLost()));
  } else if (output_.empty()) {
    done.callback();
  } else {
    waiters_.push_back(done.promise());
  }
  return done;
}

void PipeWriter::fireDrained() noexcept {
  for (const auto& waiter : std::exchange(waiters_, {}))
    if (!waiter.called()) run("while calling back drained()", [&waiter] { waiter.callback(); });
}

void PipeWriter::setLimits(std::size_t high, std::size_t low) {
  if (low > high) throw std::invalid_argument("setWriteBufferLimits: the low limit must not be above the high one");
  high_ = high;
  low_ = low;
}

void PipeWriter::registerProducer(std::shared_ptr<PushProducer> push, std::shared_ptr<PullProducer> pull) {
  if (!push && !pull) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (!open_ || fate_) return push ? push->stopProducing() : pull->stopProducing();
  if (hasProducer()) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  push_ = std::move(push);
  pull_ = std::move(pull);
  pushPaused_ = pullAsked_ = false;
  pauseIfFull();
  askPull();
}

void PipeWriter::unregisterProducer() {
  const auto push = std::exchange(push_, nullptr);
  const auto pull = std::exchange(pull_, nullptr);
  if (open_ && (push || pull)) soon();
}

void PipeWriter::pauseIfFull() noexcept {
  if (!push_ || pushPaused_ || output_.size() <= high_) return;
  pushPaused_ = true;
  const auto producer = push_;
  run("while calling pauseProducing", [&producer] { producer->pauseProducing(); });
}

void PipeWriter::resumeIfLow() noexcept {
  if (!push_ || !pushPaused_ || output_.size() > low_) return;
  pushPaused_ = false;
  const auto producer = push_;
  run("while calling resumeProducing", [&producer] { producer->resumeProducing(); });
}

void PipeWriter::askPull() noexcept {
  if (!pull_ || pullAsked_) return;
  pullAsked_ = true;
  const auto producer = pull_;
  run("while calling resumeProducing", [&producer] { producer->resumeProducing(); });
}

void PipeWriter::finish() noexcept {
  if (!open_ || std::exchange(finishing_, true)) return;
  soon();
}

void PipeWriter::end(Failure reason) noexcept {
  if (!open_ || fate_) return;
  fate_ = std::move(reason);
  output_.clear();
  soon();
}

void PipeWriter::setGraceful(Duration limit) {
  graceful_ = limit;
  if (!open_ || !finishing_) return;
  if (gracefulCall_.active()) gracefulCall_.cancel();
  soon();
}

void PipeWriter::startGraceful() noexcept {
  if (graceful_ <= Duration::zero() || gracefulCall_.active()) return;
  moved_ = false;
  run("while waiting for a pipe to be written", [this] {
    gracefulCall_ =
        reactor_.callLater(graceful_, [this, keep = Ref<Transport>(&owner_.pipeTransport())] { gracefulOver(); });
  });
}

void PipeWriter::gracefulOver() noexcept {
  if (!open_) return;
  if (moved_) return startGraceful();
  end(Failure(ConnectionAborted("Nobody read for the graceful limit: " + std::to_string(output_.size()) +
                                " bytes of output were left" +
                                (hasProducer() ? " and a producer was registered." : "."))));
}

void PipeWriter::close(Failure reason) noexcept {
  if (!open_) return;
  if (!fate_ && !full_ && !output_.empty()) flush();
  open_ = false;
  output_.clear();
  if (end_.isSocket()) ::shutdown(end_.fd(), SHUT_WR);  // its other half may be another descriptor
  detach();
  if (gracefulCall_.active()) gracefulCall_.cancel();
  const auto push = std::exchange(push_, nullptr);
  const auto pull = std::exchange(pull_, nullptr);
  Producer* producer = push ? static_cast<Producer*>(push.get()) : pull.get();
  if (producer) reactor_.guarded("while calling stopProducing", [producer] { producer->stopProducing(); });
  for (const auto& waiter : std::exchange(waiters_, {}))
    if (!waiter.called()) reactor_.guarded("while calling drained() off", [&] { waiter.errback(reason); });
  owner_.pipeEnded(*this, reason);
}

}  // namespace bight::detail
