// States of a connection
// ----------------------
//
//            loseWriteConnection         peer's end (HalfCloseable)
//   open ──────────────────────► writeClosing ─► writeClosed      peerEnded
//    │  loseConnection                                │  both        │
//    ├──────────────► disconnecting ── all sent ──────┴──────┬───────┘
//    │                     │ graceful limit                  ▼
//    ├─────────────────────┴─────────► doomed ──────────► closed: connectionLost, once
//    └── reset, peer's end, exception in the protocol ───────▲
//
// `close()` is the one way out, and runs once. It is called directly where the connection itself is on the stack
// (`ready`, `settle`); from functions that the user calls, it is put off to the end of the dispatch (`doom`, or
// `isDisconnecting`, and `WriteBatch::due`), so that `connectionLost` never runs inside a call of the user's. The one
// exception is C15.
//
// Who keeps it alive: the reactor's count, from `attach()` until `WriteBatch` lets go of it after the dispatch in which
// it was closed. The protocol is kept as long, so neither can die while one of their functions is on the stack.
//
// After an orderly close the socket may linger: if the peer was still talking, closing at once would answer it with a
// reset, which takes our last bytes from it. The protocol is told that the connection is done, and the socket reads and
// forgets for a while (`isLingering`).
//
// When writing fails, what the peer said before it went is still read (`writeBroken`): it may be the answer to what we
// were writing.
//
// The writing side is in stream_output.cpp, the descriptors that go with the bytes are in stream_cargo.cpp.
#include "stream_connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/detail/activity.hpp>
#include <bight/unix.hpp>

namespace bight::detail {

// Ten thousand idle ones shall cost little.
static_assert(sizeof(void*) != 8 || sizeof(StreamConnection) <= 96);

namespace {
/// How long a closed socket waits for a peer that is still talking.
constexpr Duration lingerTime = std::chrono::seconds(2);
}  // namespace

StreamConnection::StreamConnection(ConnectionOrigin& origin, Descriptor socket, const SocketAddress& peer)
    : origin_(&origin), fd_(socket.release()) {
  if (peer.family() == AF_INET6 || (peer.family() == AF_UNIX && peer.length > offsetof(sockaddr_un, sun_path))) {
    extras().peer = peer.address();
  } else if (peer.family() == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &peer.storage, sizeof in);
    std::memcpy(peerBytes_.data(), &in.sin_addr, sizeof peerBytes_);
    peerPort_ = ntohs(in.sin_port);
  }
}

StreamConnection::~StreamConnection() {
  if (fd_ >= 0) sys::close(fd_);
}

void StreamConnection::attach() {
  handle_ = reactor().poller().add(fd_, pollRead, *this);
  interest_ = pollRead;
  reactor().own(*this);
  reactor().count().opened.add(1);
  ref();
}

void StreamConnection::detach() noexcept {
  leave(isOpen);
  reactor().poller().remove(handle_);
  reactor().disown(*this);
  reactor().count().closed.add(1);
  sys::close(std::exchange(fd_, -1));
  batch().release(this);
}

bool StreamConnection::start(std::shared_ptr<Protocol> protocol) noexcept {
  protocol_ = std::move(protocol);
  meetProtocol();
  const bool threwNothing = run("while calling connectionMade", [this] { protocol_->makeConnection(*this); });
  reactor().ranFor(*this);
  return threwNothing;
}

/// There is a protocol, or another one.
void StreamConnection::meetProtocol() noexcept {
  leave(takesCargo);
  if (isLocal() && !sys::isSimulated(fd_) && dynamic_cast<FileDescriptorReceiver*>(protocol_.get())) enter(takesCargo);
}

// ---- reading ----

void StreamConnection::ready(unsigned events) noexcept {
  constexpr unsigned unusual = isPaused | peerEnded | isDisconnecting | isDoomed | takesCargo;
  if (events == pollRead && (state_ & (isOpen | unusual)) == isOpen) [[likely]]
    receive();
  else
    readyOtherwise(events);
}

[[gnu::noinline]] void StreamConnection::readyOtherwise(unsigned events) noexcept {
  if (events & pollWrite) {
    if (keepsOutput()) sendKept();
    if (is(isOpen) && !is(isDoomed | writeBroken) && !hasOutput() && extras_) outputGone();
  }
  if ((events & (pollRead | pollError)) == 0) return;
  if (!is(isOpen)) {
    if (is(isLingering) && !hearsMore() && is(peerEnded)) endSocket();
  } else if (!is(peerEnded) && !is(isDoomed)) {
    if (is(isDisconnecting))
      discard();
    else if (!is(isPaused))
      is(takesCargo) ? receiveWithCargo() : receive();
  }
}

void StreamConnection::receive() noexcept {
  const auto buffer = reactor().readBuffer();
  const ssize_t got = sys::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got <= 0) [[unlikely]]
    return receivedNothing(got);
  reactor().count().bytesIn.add(static_cast<std::uint64_t>(got));
  try {
    protocol_->dataReceived({buffer.data(), static_cast<std::size_t>(got)});
  } catch (...) {
    userFailed("while calling dataReceived");
  }
}

[[gnu::noinline]] void StreamConnection::receivedNothing(ssize_t got) noexcept {
  if (got == 0)
    endOfData();
  else if (!isTransient(errno))
    close(is(writeBroken) ? *extras_->fate : Failure(ConnectionLost::fromErrno(errno)));
}

/// What comes after loseConnection() is of no interest; but it must be read, or the system would answer our close with
/// a reset, which takes from the peer what is still on its way to it.
void StreamConnection::discard() noexcept {
  if (!hearsMore() && is(peerEnded)) batch().due(*this);
}

/// Reads and forgets. @return whether there was anything; at the end, enters peerEnded
bool StreamConnection::hearsMore() noexcept {
  const auto buffer = reactor().readBuffer();
  const ssize_t got = sys::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got > 0) {
    enter(hasDiscarded);
    reactor().count().bytesIn.add(static_cast<std::uint64_t>(got));
  }
  if (got == 0 || (got < 0 && !isTransient(errno))) enter(peerEnded);
  return got > 0;
}

void StreamConnection::endOfData() noexcept {
  if (is(writeBroken)) return close(*extras_->fate);
  auto* halfCloseable = dynamic_cast<HalfCloseable*>(protocol_.get());
  if (!halfCloseable) return close(Failure(ConnectionDone()));
  enter(peerEnded);
  batch().due(*this);  // there is nothing to watch for any more; or both halves have ended now
  run("while calling readConnectionLost", [halfCloseable] { halfCloseable->readConnectionLost(); });
}

void StreamConnection::pauseProducing() {
  reactorOnlyThread("Transport::pauseProducing");
  if (!is(isOpen) || is(isPaused)) return;
  enter(isPaused);
  if (is(writeBroken)) enter(isDoomed);
  batch().due(*this);
}

void StreamConnection::resumeProducing() {
  reactorOnlyThread("Transport::resumeProducing");
  if (!is(isOpen) || !is(isPaused) || is(isDisconnecting) || is(isDoomed)) return;
  leave(isPaused);
  batch().due(*this);
}

// ---- closing ----

void StreamConnection::loseConnection() {
  reactorOnlyThread("Transport::loseConnection");
  if (!is(isOpen) || is(isDisconnecting) || is(isDoomed)) return;
  enter(isDisconnecting);
  if (is(writeClosed)) return close(Failure(ConnectionDone()));  // C15
  batch().due(*this);
}

void StreamConnection::loseWriteConnection() {
  reactorOnlyThread("Transport::loseWriteConnection");
  if (!is(isOpen) || is(writeClosing | isDisconnecting | isDoomed | writeBroken)) return;
  enter(writeClosing);
  batch().due(*this);
}

void StreamConnection::abortConnection() {
  reactorOnlyThread("Transport::abortConnection");
  if (!is(isOpen) || is(isDoomed)) return;
  doom(std::nullopt);
}

void StreamConnection::doom(std::optional<Failure> fate) noexcept {
  if (is(isDoomed)) return;
  enter(isDoomed);
  if (fate && !is(writeBroken)) extras().fate = std::move(fate);
  dropOutput();
  batch().due(*this);
}

void StreamConnection::setGracefulLimit(Duration limit) {
  reactorOnlyThread("Transport::setGracefulLimit");
  extras().graceful = limit;
  if (!is(isOpen) || !is(isDisconnecting)) return;
  if (extras_->gracefulCall.active()) extras_->gracefulCall.cancel();
  batch().due(*this);
}

void StreamConnection::startGraceful() {
  if (extras().graceful <= Duration::zero() || extras_->gracefulCall.active()) return;
  extras_->moved = false;
  extras_->gracefulCall =
      reactor().callLater(extras_->graceful, [self = Ref<StreamConnection>(this)] { self->gracefulOver(); });
}

void StreamConnection::gracefulOver() {
  if (!is(isOpen) || is(isDoomed)) return;
  if (extras_->moved) return startGraceful();
  const auto seconds = std::chrono::duration_cast<std::chrono::milliseconds>(extras_->graceful).count();
  doom(Failure(ConnectionAborted("Connection was aborted: loseConnection() made no progress for " +
                                 std::to_string(seconds) + " ms, and " + std::to_string(extras_->output.size()) +
                                 " bytes of output were left" +
                                 (hasProducer() ? " and a producer was registered." : "."))));
}

/// The end of the dispatch: closes what is to be closed, and tells the poller what to watch. May run user code.
void StreamConnection::settle() noexcept {
  if (!is(isOpen)) return;
  if (is(isDoomed)) {
    if (!extras_ || !extras_->fate) return close(Failure(ConnectionAborted()), End::reset);
    return close(*extras_->fate, extras_->fate->check<ConnectionAborted>() ? End::reset : End::orderly);
  }
  // Those who were settled before us in this round may have written to us.
  if (batch().isPending(*this)) sendPending();
  if (extras_ && extras_->cargo && loadCargo()) sendKept();
  if (!is(isOpen) || is(isDoomed)) return;  // or is due again
  if (is(writeBroken)) {
    if (is(isDisconnecting)) return close(*extras_->fate);
    return watch();
  }
  const bool flushed = !hasOutput() && !hasProducer() && !(extras_ && !extras_->waiters.empty());
  if (is(isDisconnecting)) {
    if (flushed) {
      if (!is(peerEnded) && (hearsMore() || is(hasDiscarded)) && !is(peerEnded)) linger();
      return close(Failure(ConnectionDone()));
    }
    startGraceful();
  } else if (flushed && is(writeClosing) && !is(writeClosed)) {
    enter(writeClosed);
    sys::shutdown(fd_, SHUT_WR);
    if (auto* halfCloseable = dynamic_cast<HalfCloseable*>(protocol_.get())) {
      if (!run("while calling writeConnectionLost", [halfCloseable] { halfCloseable->writeConnectionLost(); })) return;
      if (!is(isOpen)) return;
    }
  }
  if (is(peerEnded) && is(writeClosed)) return close(Failure(ConnectionDone()));  // C25
  watch();
}

bool StreamConnection::wantsWritable() const noexcept {
  if (!extras_ || is(writeBroken)) return false;
  // While a file goes out nobody is told of an empty buffer.
  const bool waited = !extras_->waiters.empty() && !extras_->holding;
  return !extras_->output.empty() || waited || (extras_->pull && !extras_->pullAsked);
}

void StreamConnection::watch() noexcept {
  const bool reads = (!is(isPaused) || is(isDisconnecting)) && !is(peerEnded);
  const auto wanted = static_cast<std::uint8_t>((reads ? pollRead : 0U) | (wantsWritable() ? pollWrite : 0U));
  if (wanted == interest_) return;
  try {
    reactor().poller().change(handle_, wanted);
    interest_ = wanted & 3;
  } catch (...) {
    close(Failure());
  }
}

/// Our shutdown, or the end of the reactor.
void StreamConnection::disconnect(const Failure& reason) noexcept {
  if (!is(isOpen)) return endSocket();
  if (!is(isDoomed)) sendPending();
  close(reason);
}

/// In a `catch`: the user's code threw. What it wrote before still leaves, if the system takes it.
void StreamConnection::userFailed(std::string_view context) noexcept {
  Failure failure;
  reactor().report(context, failure);
  if (!is(isOpen) || is(isDoomed)) return;
  sendPending();
  doom(std::move(failure));
}

void StreamConnection::close(Failure reason, End end) noexcept {
  if (!is(isOpen)) return;
  leave(isOpen);
  batch().drop(*this);
  if (end == End::reset) resetOnClose(fd_);
  if (!is(isLingering)) endSocket();
  if (extras_) {
    extras_->output.clear();
    extras_->behind.clear();
    extras_->cargo.reset();
    if (!is(isLingering) && extras_->gracefulCall.active()) extras_->gracefulCall.cancel();
    const auto push = std::move(extras_->push);
    const auto pull = std::move(extras_->pull);
    Producer* producer = push ? static_cast<Producer*>(push.get()) : pull.get();
    if (producer) reactor().guarded("while calling stopProducing", [producer] { producer->stopProducing(); });
  }
  const Doing ending(
      [](const void* of) { return "the end of " + static_cast<const StreamConnection*>(of)->describe(); }, this);
  if (protocol_) reactor().guarded("while calling connectionLost", [&] { protocol_->breakConnection(reason); });
  reactor().ranFor(*this);  // the poller does not know us any more
  if (extras_)
    for (const auto& waiter : std::exchange(extras_->waiters, {}))
      if (!waiter.called()) reactor().guarded("while calling drained() off", [&] { waiter.errback(reason); });
  reactor().guarded("while calling clientConnectionLost", [&] { origin_->connectionEnded(reason); });
  // A lingering socket does not keep the protocol; but one of its functions may be on the stack.
  if (is(isLingering)) batch().keepAlive(std::move(protocol_));
}

/// The peer is still talking. Our half is closed, and the protocol is told that the connection is done; but the socket
/// stays for a while, and what comes is forgotten, until the peer has read our last bytes and closes as well.
void StreamConnection::linger() {
  enter(isLingering);
  sys::shutdown(fd_, SHUT_WR);
  Extras& extra = extras();
  if (extra.gracefulCall.active()) extra.gracefulCall.cancel();
  extra.gracefulCall = reactor().callLater(lingerTime, [self = Ref<StreamConnection>(this)] { self->endSocket(); });
  leave(isPaused);
  watch();
}

/// The socket goes, and with it the reactor's hold on us.
void StreamConnection::endSocket() noexcept {
  if (fd_ < 0) return;
  if (is(isLingering) && extras_->gracefulCall.active()) extras_->gracefulCall.cancel();
  reactor().poller().remove(handle_);
  sys::close(std::exchange(fd_, -1));
  reactor().count().closed.add(1);
  reactor().disown(*this);
  batch().release(this);
}

/// The last act of a closed connection: the cycle with its protocol is cut.
void StreamConnection::letGo() noexcept {
  protocol_.reset();
  origin_.reset();
  unref();
}

// ---- addresses and options ----

std::string StreamConnection::describe() const {
  return (protocol_ ? protocol_->logPrefix() : std::string("a connection")) + ", connected to " + getPeer().toString();
}

StreamConnection::Extras& StreamConnection::extras() {
  if (!extras_) extras_ = std::make_unique<Extras>();
  return *extras_;
}

Address StreamConnection::getHost() const {
  if (fd_ >= 0) return localAddress(fd_);
  return isLocal() ? Address(UNIXAddress{}) : Address();
}

Address StreamConnection::getPeer() const {
  if (extras_ && extras_->peer) return *extras_->peer;
  if (isLocal()) return UNIXAddress{};
  return IPv4Address(peerBytes_, peerPort_);
}

/// A UNIX socket. No IPv4 peer has port 0.
bool StreamConnection::isLocal() const noexcept {
  return extras_ && extras_->peer ? extras_->peer->get<UNIXAddress>() != nullptr : peerPort_ == 0;
}

void StreamConnection::setTcpNoDelay(bool enabled) {
  if (fd_ >= 0) setOption(fd_, IPPROTO_TCP, TCP_NODELAY, enabled);
}
bool StreamConnection::getTcpNoDelay() const {
  return fd_ >= 0 && getOption(fd_, IPPROTO_TCP, TCP_NODELAY);
}
void StreamConnection::setTcpKeepAlive(bool enabled) {
  if (fd_ >= 0) setOption(fd_, SOL_SOCKET, SO_KEEPALIVE, enabled);
}
bool StreamConnection::getTcpKeepAlive() const {
  return fd_ >= 0 && getOption(fd_, SOL_SOCKET, SO_KEEPALIVE);
}

}  // namespace bight::detail
