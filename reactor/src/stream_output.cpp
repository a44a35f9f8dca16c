// The writing side of a connection: how bytes leave, and who is told when they have.
//
// Unsent bytes are in two places: pieces in the batch (this dispatch), and `Extras::output` (the system did not take
// them). Once something is kept there, writes go there, so the order holds.
//
// What needs a new dispatch to stay fair waits for the socket to be writable, even with nothing to send: pull producers
// are asked, and `drained()` fires, at most once per turn. Otherwise a fast reader on the other side would hold our
// whole loop.
//
// A layer over the connection takes both away: the producers, and who hears.
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>

#include "stream_connection.hpp"

namespace bight::detail {

namespace {
/// Pieces given to the system at once.
constexpr std::size_t maxPieces = 64;
}  // namespace

// ---- writing ----

void StreamConnection::write(std::string_view data) {
  // Each echoed message comes this way, so it is one row of questions, and everything else is out of it.
  if (takesWrites() && reactor().isInIOThread() && !data.empty() && !extras_ && batch().append(*this, data)) [[likely]]
    return;
  writeSlowly(data);
}

/// A write that is large, or not the only one, or of a connection with extras, or not to be.
[[gnu::noinline]] void StreamConnection::writeSlowly(std::string_view data) {
  reactorOnlyThread("Transport::write");
  if (!takesWrites() || data.empty() || overfull()) return;
  put(data);
  if (extras_) written();
}

void StreamConnection::writeSequence(std::span<const std::string_view> pieces) {
  reactorOnlyThread("Transport::writeSequence");
  std::size_t bytes = 0;
  for (const auto& piece : pieces) bytes += piece.size();
  if (!takesWrites() || bytes == 0 || overfull()) return;
  if (bytes > WriteBatch::largestPiece && !keepsOutput() && !holdsWrites())
    sendNow(pieces.data(), pieces.size(), bytes);
  else
    for (const auto& piece : pieces)
      if (!piece.empty() && takesWrites()) put(piece);
  if (extras_) written();
}

/// Whether the peer has too much to read already; then the connection is doomed.
bool StreamConnection::overfull() noexcept {
  if (!extras_) return false;
  const std::size_t kept = extras_->output.size() + extras_->behind.size();
  if (kept <= extras_->most) return false;
  doom(Failure(OutputLimitError(kept, extras_->most)));
  return true;
}

/// One piece, by the way that fits it. Runs no user code.
void StreamConnection::put(std::string_view data) {
  if (holdsWrites())
    extras_->behind.append(data);
  else if (keepsOutput())
    keep(data);
  else if (data.size() <= WriteBatch::largestPiece)
    batch().add(*this, data);
  else
    sendNow(&data, 1, data.size());
}

/// After a write: there is something that producers care about.
void StreamConnection::written() noexcept {
  extras_->pullAsked = false;
  batch().due(*this);
  pauseIfFull();
}

/// Sends what is pending and `pieces` at once, and keeps the rest.
void StreamConnection::sendNow(const std::string_view* pieces, std::size_t count, std::size_t bytes) {
  iovec vectors[maxPieces];
  std::size_t used = batch().take(*this, vectors, maxPieces / 2);
  if (firstPiece_ != WriteBatch::none) {
    // So scattered that it takes a call of its own; rare enough not to deserve better.
    for (std::size_t i = 0; i < used; ++i) keep({static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len});
    while ((used = batch().take(*this, vectors, maxPieces)) > 0)
      for (std::size_t i = 0; i < used; ++i) keep({static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len});
    for (std::size_t i = 0; i < count; ++i) keep(pieces[i]);
    return;
  }
  for (std::size_t i = 0; i < used; ++i) bytes += vectors[i].iov_len;
  std::size_t next = 0;
  for (; next < count && used < maxPieces; ++next) {
    if (pieces[next].empty()) continue;
    vectors[used].iov_base = const_cast<char*>(pieces[next].data());
    vectors[used].iov_len = pieces[next].size();
    ++used;
  }
  ssize_t sent = used == 1 ? sendPiece(fd_, {static_cast<const char*>(vectors[0].iov_base), vectors[0].iov_len})
                           : sendPieces(fd_, vectors, used);
  countSent(sent);
  if (sent < 0) {
    if (!isTransient(errno)) return sendFailed(errno);
    sent = 0;
  }
  if (static_cast<std::size_t>(sent) == bytes) return;
  auto gone = static_cast<std::size_t>(sent);
  for (std::size_t i = 0; i < used; ++i) {
    const std::size_t here = std::min(gone, vectors[i].iov_len);
    gone -= here;
    if (here < vectors[i].iov_len)
      keep({static_cast<const char*>(vectors[i].iov_base) + here, vectors[i].iov_len - here});
  }
  for (; next < count; ++next)
    if (!pieces[next].empty()) keep(pieces[next]);
}

/// The end of a dispatch in which only this connection wrote: sends that. Runs no user code.
void StreamConnection::sendOnly(std::string_view data) noexcept {
  ssize_t sent = 0;
  if (!keepsOutput()) [[likely]] {
    sent = sys::send(fd_, data.data(), data.size(), quietly);
    countSent(sent);
    if (sent == static_cast<ssize_t>(data.size())) [[likely]]
      return;
  }
  sentPartly(data, sent);
}

[[gnu::noinline]] void StreamConnection::sentPartly(std::string_view data, ssize_t sent) noexcept {
  if (sent < 0 && !isTransient(errno)) return sendFailed(errno);
  if (sent > 0) data.remove_prefix(static_cast<std::size_t>(sent));
  keep(data);
}

/// The end of the dispatch: sends the pieces that are pending. Runs no user code.
void StreamConnection::sendPending() noexcept {
  iovec vectors[maxPieces];
  while (const std::size_t count = batch().take(*this, vectors, maxPieces)) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) bytes += vectors[i].iov_len;
    ssize_t sent = 0;
    if (!keepsOutput()) {
      sent = count == 1 ? sendPiece(fd_, {static_cast<const char*>(vectors[0].iov_base), bytes})
                        : sendPieces(fd_, vectors, count);
      countSent(sent);
      if (sent < 0) {
        if (!isTransient(errno)) return sendFailed(errno);
        sent = 0;
      }
    }
    auto gone = static_cast<std::size_t>(sent);
    if (gone == bytes) continue;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t here = std::min(gone, vectors[i].iov_len);
      gone -= here;
      if (here < vectors[i].iov_len)
        keep({static_cast<const char*>(vectors[i].iov_base) + here, vectors[i].iov_len - here});
    }
  }
}

/// Queues behind what the system did not take.
void StreamConnection::keep(std::string_view data) {
  if (is(isDoomed)) return;
  extras().output.append(data);
  batch().due(*this);  // to watch for room
}

void StreamConnection::sendKept() noexcept {
  if (extras_->cargo) return sendKeptWithCargo();
  iovec vectors[maxPieces];
  const std::size_t count = extras_->output.front(vectors, maxPieces);
  const ssize_t sent = sendPieces(fd_, vectors, count);
  countSent(sent);
  if (sent < 0) {
    if (!isTransient(errno)) sendFailed(errno);
    return;
  }
  extras_->output.consume(static_cast<std::size_t>(sent));
  extras_->moved = true;
  batch().due(*this);
  resumeIfLow();
}

/// The peer takes nothing any more. What it said before it went, as the answer to a request that it cut short, may still
/// lie in the system's buffer: it is read, if the user reads, and then the connection closes.
void StreamConnection::sendFailed(int error) noexcept {
  if (is(isDoomed | writeBroken)) return;
  if (is(isPaused | isDisconnecting | peerEnded)) return doom(Failure(ConnectionLost::fromErrno(error)));
  enter(writeBroken);
  extras().fate = Failure(ConnectionLost::fromErrno(error));
  dropOutput();
  batch().due(*this);
}

void StreamConnection::dropOutput() noexcept {
  batch().drop(*this);
  if (!extras_) return;
  extras_->output.clear();
  extras_->behind.clear();
  extras_->cargo.reset();
}

std::size_t StreamConnection::writeBufferSize() const noexcept {
  if (!is(isOpen)) return 0;
  return batch().pending(*this) + (extras_ ? extras_->output.size() + extras_->behind.size() : 0);
}

void StreamConnection::setWriteBufferLimits(std::size_t high, std::size_t low) {
  reactorOnlyThread("Transport::setWriteBufferLimits");
  if (low > high) throw std::invalid_argument("setWriteBufferLimits: the low limit must not be above the high one");
  extras().high = high;
  extras().low = low;
}

void StreamConnection::setMaxWriteBuffer(std::size_t bytes) {
  reactorOnlyThread("Transport::setMaxWriteBuffer");
  extras().most = bytes;
}

Deferred<void> StreamConnection::drained() {
  reactorOnlyThread("Transport::drained");
  Deferred<void> done;
  if (!is(isOpen)) {
    done.errback(Failure(ConnectionLost()));
  } else if (!hasOutput() && !holdsWrites() && !is(isDoomed | writeBroken)) {
    done.callback();
  } else {
    extras().waiters.push_back(done.promise());
    batch().due(*this);
  }
  return done;
}

/// The socket is writable and nothing is left to send: whoever waited for that has its turn.
void StreamConnection::outputGone() noexcept {
  batch().due(*this);
  fireDrained();
  if (is(isOpen) && !is(isDoomed | writeBroken) && !hasOutput()) askPull();
}

void StreamConnection::fireDrained() noexcept {
  if (holdsWrites()) return;  // a file is under way
  // Those who wait again wait for the next time.
  for (const auto& waiter : std::exchange(extras_->waiters, {}))
    if (!waiter.called()) run("while calling back drained()", [&waiter] { waiter.callback(); });
}

// ---- producers ----

void StreamConnection::registerProducer(std::shared_ptr<PushProducer> producer) {
  reactorOnlyThread("Transport::registerProducer");
  if (!producer) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (!is(isOpen)) return producer->stopProducing();
  if (hasProducer()) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  extras().push = std::move(producer);
  extras().pushPaused = false;
  pauseIfFull();
}

void StreamConnection::registerProducer(std::shared_ptr<PullProducer> producer) {
  reactorOnlyThread("Transport::registerProducer");
  if (!producer) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (!is(isOpen)) return producer->stopProducing();
  if (hasProducer()) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  extras().pull = std::move(producer);
  extras().pullAsked = false;
  askPull();
}

void StreamConnection::unregisterProducer() {
  reactorOnlyThread("Transport::unregisterProducer");
  if (!hasProducer()) return;
  // Its destructor may be anything, so it runs when nothing of ours is half done.
  const auto push = std::move(extras_->push);
  const auto pull = std::move(extras_->pull);
  extras_->push = nullptr;
  extras_->pull = nullptr;
  if (is(isOpen)) batch().due(*this);
}

void StreamConnection::pauseIfFull() noexcept {
  if (!extras_->push || extras_->pushPaused) return;
  if (extras_->output.size() <= extras_->high && !(extras_->cargo && extras_->cargo->isMuch())) return;
  extras_->pushPaused = true;
  const auto producer = extras_->push;
  run("while calling pauseProducing", [&producer] { producer->pauseProducing(); });
}

void StreamConnection::resumeIfLow() noexcept {
  if (!extras_->push || !extras_->pushPaused || extras_->output.size() > extras_->low || extras_->cargo) return;
  extras_->pushPaused = false;
  const auto producer = extras_->push;
  run("while calling resumeProducing", [&producer] { producer->resumeProducing(); });
}

void StreamConnection::askPull() noexcept {
  if (!extras_ || !extras_->pull || extras_->pullAsked) return;
  extras_->pullAsked = true;
  batch().due(*this);
  const auto producer = extras_->pull;
  run("while calling resumeProducing", [&producer] { producer->resumeProducing(); });
}

// ---- layers ----

Takeover StreamConnection::takeOver(std::shared_ptr<Protocol> layer) {
  reactorOnlyThread("Transport::takeOver");
  if (!layer) throw std::invalid_argument("takeOver needs a protocol, and got a null pointer");
  if (!is(isOpen)) throw std::logic_error("takeOver: the connection is lost");
  if (holdsWrites()) {
    throw std::logic_error(
        "takeOver: a file is being sent over this connection, and the rest of it would pass the new layer by; wait for "
        "the Deferred of sendFile before you start TLS");
  }
  Takeover given;
  given.protocol = std::exchange(protocol_, std::move(layer));
  meetProtocol();
  given.readingPaused = is(isPaused);
  if (extras_) {
    given.push = std::exchange(extras_->push, nullptr);
    given.pull = std::exchange(extras_->pull, nullptr);
    given.pushPaused = given.push && std::exchange(extras_->pushPaused, false);
  }
  resumeProducing();
  return given;
}

bool StreamConnection::whenDispatchEnds(Function<void()> call) {
  reactorOnlyThread("Transport::whenDispatchEnds");
  if (!is(isOpen)) return false;
  batch().beforeSending(reactor(), std::move(call));
  return true;
}

}  // namespace bight::detail
