// The states of a connector (C2 to C6)
// ------------------------------------
//   disconnected ── connect() ──► connecting ── a socket works ──► connected ── connection lost ──► disconnected
//        ▲                            │
//        └── refused, timeout, stopConnecting(): clientConnectionFailed ──┘
//
// Nothing is done inside `connect()` but telling the factory: looking up and trying begin in the next turn, so that
// nobody has to deal with a failure before `connectTCP` has returned. Whatever comes back later (a looked-up name, a
// timer) carries the number of its attempt, and is ignored if that one is over.
#include "stream_connector.hpp"

#include <cerrno>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>

namespace bight::detail {

namespace {
/// How soon to knock again at a UNIX socket whose backlog is full: the system says so at once, instead of when there is room.
constexpr Duration knockAgainAfter = std::chrono::milliseconds(10);
}  // namespace

/// Ties a connection to its connector, which is told of its end.
class StreamConnector::Origin final : public ConnectionOrigin {
 public:
  explicit Origin(std::shared_ptr<StreamConnector> connector)
      : ConnectionOrigin(connector->reactor_, connector->factory_), connector_(std::move(connector)) {}
  void connectionEnded(const Failure& reason) override { connector_->lost(reason); }

 private:
  const std::shared_ptr<StreamConnector> connector_;
};

StreamConnector::StreamConnector(ReactorBase& reactor, std::shared_ptr<ClientFactory> factory, Duration timeout)
    : reactor_(reactor), factory_(std::move(factory)), timeout_(timeout) {}

StreamConnector::~StreamConnector() = default;

void StreamConnector::connect() {
  if (state_ != State::disconnected)
    throw std::logic_error("connect: the connector to " + where() + " is connecting or connected already");
  if (reactorEnded_) throw std::logic_error("connect: the reactor has ended");
  reactor_.checkThread("Connector::connect");
  if (!factoryStarted_) {
    factory_->doStart();
    factoryStarted_ = true;
  }
  state_ = State::connecting;
  self_ = shared();
  reactor_.own(*this);
  addresses_.clear();
  next_ = 0;
  lastError_.reset();
  const auto mine = ++attempt_;
  if (timeout_ > Duration::zero())
    timeoutCall_ = reactor_.callLater(timeout_, [self = self_, mine] {
      if (self->isAttempt(mine)) self->fail(Failure(ConnectTimeoutError(0, self->where())));
    });
  reactor_.callSoon([self = self_, mine] {
    if (self->isAttempt(mine)) self->lookUp();
  });
  reactor_.guarded("while calling startedConnecting", [this] { factory_->startedConnecting(*this); });
}

void StreamConnector::stopConnecting() {
  if (state_ != State::connecting)
    throw NotConnectingError("stopConnecting: no attempt to connect to " + where() + " is under way");
  fail(Failure(UserError()));
}

void StreamConnector::disconnect() {
  if (state_ == State::connecting)
    stopConnecting();
  else if (state_ == State::connected && connection_)
    connection_->loseConnection();
}

/// The reactor's end.
void StreamConnector::disconnect(const Failure&) noexcept {
  reactorEnded_ = true;
  if (state_ == State::connecting) fail(Failure(ConnectError(0, "the reactor has stopped")));
}

void StreamConnector::found(std::vector<SocketAddress> addresses) {
  addresses_ = std::move(addresses);
  tryNext();
}

Failure StreamConnector::refusal(int error, const SocketAddress& address) const {
  return Failure(getConnectError(error, address.address().toString()));
}

/// Tries addresses until one is under way, or none is left.
void StreamConnector::tryNext() {
  const auto self = self_;
  while (next_ < addresses_.size()) {
    const SocketAddress address = addresses_[next_++];
    auto error = begin(address);
    if (!error) return;
    lastError_ = std::move(error);
  }
  fail(lastError_ ? *lastError_ : Failure(ConnectError(0, where() + " has no address of the family to connect from")));
}

/// Begins to connect. @return why it failed, or nothing if it is under way or done
std::optional<Failure> StreamConnector::begin(const SocketAddress& address) {
  Descriptor socket = reactor_.openSocket(address.family(), SOCK_STREAM);
  if (!socket) return Failure(getConnectError(errno, "no socket for " + address.address().toString()));
  if (auto reason = prepare(socket.get(), address.family())) return reason;
  if (sys::connect(socket.get(), address.get(), address.length) != 0) {
    if (errno == EAGAIN && address.family() == AF_UNIX) {
      --next_;
      againCall_ = reactor_.callLater(knockAgainAfter, [self = self_, mine = attempt_] {
        if (self->isAttempt(mine)) self->tryNext();
      });
      return std::nullopt;
    }
    if (errno != EINPROGRESS && errno != EINTR) return refusal(errno, address);
  }
  try {
    handle_ = reactor_.poller().add(socket.get(), pollWrite, *this);
  } catch (const std::exception& e) {
    return Failure(ConnectError(0, e.what()));
  }
  socket_ = std::move(socket);
  return std::nullopt;
}

void StreamConnector::ready(unsigned) noexcept {
  const auto self = self_;
  const int error = takeError(socket_.get());
  if (error == EINPROGRESS) return;
  const SocketAddress peer = addresses_[next_ - 1];
  const SocketAddress here = localSocketAddress(socket_.get());
  Descriptor socket = std::move(socket_);
  reactor_.poller().remove(std::exchange(handle_, nullptr));
  if (error != 0) {
    lastError_ = refusal(error, peer);
    socket.reset();
    reactor_.guarded("while connecting", [this] { tryNext(); });
  } else if (peer.family() != AF_UNIX && here.length == peer.length && here.address() == peer.address()) {
    // Nobody listens, and the system has connected the socket to itself, as it may when the port is one it gives out.
    lastError_ = Failure(ConnectionRefusedError(ECONNREFUSED, peer.address().toString()));
    socket.reset();
    reactor_.guarded("while connecting", [this] { tryNext(); });
  } else {
    reactor_.guarded("while connecting", [&] { established(std::move(socket), peer); });
  }
}

void StreamConnector::established(Descriptor socket, const SocketAddress& peer) {
  const auto origin = makeRef<Origin>(shared());
  const auto connection = makeRef<StreamConnection>(*origin, std::move(socket), peer);
  try {
    connection->attach();
  } catch (const std::exception& e) {
    return fail(Failure(ConnectError(0, e.what())));
  }
  if (timeoutCall_.active()) timeoutCall_.cancel();
  reactor_.disown(*this);
  const auto mine = attempt_;
  std::shared_ptr<Protocol> protocol;
  std::optional<Failure> refusal;
  try {
    protocol = factory_->buildProtocol(connection->getPeer());
    if (!protocol) refusal = Failure(ConnectionDone("The factory refused the connection."));
  } catch (...) {
    refusal = Failure();
    reactor_.report("while calling buildProtocol", *refusal);
  }
  // The factory may have stopped the attempt meanwhile, and begun another.
  if (!isAttempt(mine)) return connection->detach();
  state_ = State::connected;
  if (refusal) {
    connection->detach();
    return lost(*refusal);
  }
  connection_ = connection;
  connection->start(std::move(protocol));
}

void StreamConnector::dropSocket() noexcept {
  cancelLookUp();
  if (againCall_.active()) againCall_.cancel();
  if (handle_) reactor_.poller().remove(std::exchange(handle_, nullptr));
  socket_.reset();
}

void StreamConnector::fail(const Failure& why) noexcept {
  const auto self = std::exchange(self_, nullptr);
  const Failure reason = why;
  state_ = State::disconnected;
  if (timeoutCall_.active()) timeoutCall_.cancel();
  dropSocket();
  reactor_.disown(*this);
  reactor_.guarded("while calling clientConnectionFailed", [&] { factory_->clientConnectionFailed(*this, reason); });
  ceaseUnlessConnecting();
}

void StreamConnector::lost(const Failure& why) noexcept {
  const auto self = std::exchange(self_, nullptr);
  const Failure reason = why;
  state_ = State::disconnected;
  connection_.reset();
  reactor_.guarded("while calling clientConnectionLost", [&] { factory_->clientConnectionLost(*this, reason); });
  ceaseUnlessConnecting();
}

/// After a failure or a loss: unless the factory has begun anew, it is not in use any more.
void StreamConnector::ceaseUnlessConnecting() noexcept {
  if (state_ != State::disconnected || !std::exchange(factoryStarted_, false)) return;
  reactor_.guarded("while calling stopFactory", [this] { factory_->doStop(); });
}

}  // namespace bight::detail
