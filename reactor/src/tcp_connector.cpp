// The states of a connector (C2 to C6)
// ------------------------------------
//   disconnected ── connect() ──► connecting ── a socket works ──► connected ── connection lost ──► disconnected
//        ▲                            │
//        └── refused, timeout, stopConnecting(): clientConnectionFailed ──┘
//
// Nothing is done inside `connect()` but telling the factory: looking up and trying begin in the next turn, so that
// nobody has to deal with a failure before `connectTCP` has returned. Whatever comes back later (a looked-up name, a
// timer) carries the number of its attempt, and is ignored if that one is over.
#include "tcp_connector.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>
#include <bight/resolver.hpp>

namespace bight::detail {

/// A name may have thousands of addresses, if whoever answers for it likes.
constexpr std::size_t mostAddresses = 32;

/// Ties a connection to its connector, which is told of its end.
class TcpConnector::Origin final : public ConnectionOrigin {
 public:
  explicit Origin(std::shared_ptr<TcpConnector> connector)
      : ConnectionOrigin(connector->reactor_, connector->factory_), connector_(std::move(connector)) {}
  void connectionEnded(const Failure& reason) override { connector_->lost(reason); }

 private:
  const std::shared_ptr<TcpConnector> connector_;
};

TcpConnector::TcpConnector(ReactorBase& reactor, std::string host, std::uint16_t port,
                           std::shared_ptr<ClientFactory> factory, const ConnectOptions& options)
    : reactor_(reactor), host_(std::move(host)), port_(port), factory_(std::move(factory)), options_(options) {}

TcpConnector::~TcpConnector() = default;

std::string TcpConnector::where() const {
  return getDestination().toString();
}

Address TcpConnector::getDestination() const {
  if (auto literal = Address::parse(host_, port_)) return *std::move(literal);
  return HostnameAddress{host_, port_};
}

void TcpConnector::connect() {
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
  if (options_.timeout > Duration::zero())
    timeoutCall_ = reactor_.callLater(options_.timeout, [self = self_, mine] {
      if (self->attempt_ == mine && self->state_ == State::connecting)
        self->fail(Failure(ConnectTimeoutError(0, self->where())));
    });
  reactor_.callSoon([self = self_, mine] {
    if (self->attempt_ == mine && self->state_ == State::connecting) self->lookUp();
  });
  reactor_.guarded("while calling startedConnecting", [this] { factory_->startedConnecting(*this); });
}

void TcpConnector::stopConnecting() {
  if (state_ != State::connecting)
    throw NotConnectingError("stopConnecting: no attempt to connect to " + where() + " is under way");
  fail(Failure(UserError()));
}

void TcpConnector::disconnect() {
  if (state_ == State::connecting)
    stopConnecting();
  else if (state_ == State::connected && connection_)
    connection_->loseConnection();
}

/// The reactor's end.
void TcpConnector::disconnect(const Failure&) noexcept {
  reactorEnded_ = true;
  if (state_ == State::connecting) fail(Failure(ConnectError(0, "the reactor has stopped")));
}

void TcpConnector::lookUp() {
  auto lookup = reactor_.resolve(host_, {.port = port_});
  lookup.addCallbacks(
      [self = self_, mine = attempt_](const std::vector<Address>& found) {
        if (self->attempt_ != mine || self->state_ != State::connecting) return;
        self->lookup_.reset();
        for (const Address& each : found) {
          if (self->addresses_.size() == mostAddresses) break;
          self->addresses_.emplace_back(each);
        }
        self->tryNext();
      },
      [self = self_, mine = attempt_](const Failure& failure) {
        if (self->attempt_ == mine && self->state_ == State::connecting) self->fail(failure);
      });
  if (!lookup.called()) lookup_.emplace(std::move(lookup));
}

/// Tries addresses until one is under way, or none is left.
void TcpConnector::tryNext() {
  const auto self = self_;
  while (next_ < addresses_.size()) {
    const SocketAddress address = addresses_[next_++];
    auto error = attempt(address);
    if (!error) return;
    lastError_ = std::move(error);
  }
  fail(lastError_ ? *lastError_ : Failure(ConnectError(0, where() + " has no address of the family to connect from")));
}

/// Begins to connect. @return why it failed, or nothing if it is under way or done
std::optional<Failure> TcpConnector::attempt(const SocketAddress& address) {
  const auto text = [&] { return address.address().toString(); };
  Descriptor socket = openTcpSocket(address.family());
  if (!socket) return Failure(getConnectError(errno, "no socket for " + text()));
  if (options_.noDelay) setOption(socket.get(), IPPROTO_TCP, TCP_NODELAY, true);
  if (options_.bindAddress) {
    const auto& [host, port] = *options_.bindAddress;
    const auto local = Address::parse(host, port);
    if (!local) return Failure(ConnectBindError(0, host + " is not an address"));
    const SocketAddress from(*local);
    if (port != 0) setOption(socket.get(), SOL_SOCKET, SO_REUSEADDR, true);
    if (::bind(socket.get(), from.get(), from.length) != 0) return Failure(ConnectBindError(errno, local->toString()));
  }
  if (::connect(socket.get(), address.get(), address.length) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) return Failure(getConnectError(errno, text()));
  }
  try {
    handle_ = reactor_.poller().add(socket.get(), pollWrite, *this);
  } catch (const std::exception& e) {
    return Failure(ConnectError(0, e.what()));
  }
  socket_ = std::move(socket);
  return std::nullopt;
}

void TcpConnector::ready(unsigned) noexcept {
  const auto self = self_;
  const int error = takeError(socket_.get());
  if (error == EINPROGRESS) return;
  const SocketAddress peer = addresses_[next_ - 1];
  const SocketAddress here = localSocketAddress(socket_.get());
  Descriptor socket = std::move(socket_);
  reactor_.poller().remove(std::exchange(handle_, nullptr));
  if (error != 0) {
    lastError_ = Failure(getConnectError(error, peer.address().toString()));
    socket.reset();
    reactor_.guarded("while connecting", [this] { tryNext(); });
  } else if (here.length == peer.length && here.address() == peer.address()) {
    // Nobody listens, and the system has connected the socket to itself, as it may when the port is one it gives out.
    lastError_ = Failure(ConnectionRefusedError(ECONNREFUSED, peer.address().toString()));
    socket.reset();
    reactor_.guarded("while connecting", [this] { tryNext(); });
  } else {
    reactor_.guarded("while connecting", [&] { established(std::move(socket), peer); });
  }
}

void TcpConnector::established(Descriptor socket, const SocketAddress& peer) {
  const auto origin = makeRef<Origin>(shared());
  const auto connection = makeRef<StreamConnection>(*origin, std::move(socket), peer);
  try {
    connection->attach();
  } catch (const std::exception& e) {
    return fail(Failure(ConnectError(0, e.what())));
  }
  if (timeoutCall_.active()) timeoutCall_.cancel();
  reactor_.disown(*this);
  std::shared_ptr<Protocol> protocol;
  std::optional<Failure> refusal;
  try {
    protocol = factory_->buildProtocol(connection->getPeer());
    if (!protocol) refusal = Failure(ConnectionDone("The factory refused the connection."));
  } catch (...) {
    refusal = Failure();
    reactor_.report("while calling buildProtocol", *refusal);
  }
  if (state_ != State::connecting) return connection->detach();  // the factory has stopped the attempt meanwhile
  state_ = State::connected;
  if (refusal) {
    connection->detach();
    return lost(*refusal);
  }
  connection_ = connection;
  connection->start(std::move(protocol));
}

void TcpConnector::dropSocket() noexcept {
  if (auto lookup = std::exchange(lookup_, std::nullopt)) lookup->cancel();
  if (handle_) reactor_.poller().remove(std::exchange(handle_, nullptr));
  socket_.reset();
}

void TcpConnector::fail(const Failure& why) noexcept {
  const auto self = std::exchange(self_, nullptr);
  const Failure reason = why;
  state_ = State::disconnected;
  if (timeoutCall_.active()) timeoutCall_.cancel();
  dropSocket();
  reactor_.disown(*this);
  reactor_.guarded("while calling clientConnectionFailed", [&] { factory_->clientConnectionFailed(*this, reason); });
  ceaseUnlessConnecting();
}

void TcpConnector::lost(const Failure& why) noexcept {
  const auto self = std::exchange(self_, nullptr);
  const Failure reason = why;
  state_ = State::disconnected;
  connection_.reset();
  reactor_.guarded("while calling clientConnectionLost", [&] { factory_->clientConnectionLost(*this, reason); });
  ceaseUnlessConnecting();
}

/// After a failure or a loss: unless the factory has begun anew, it is not in use any more.
void TcpConnector::ceaseUnlessConnecting() noexcept {
  if (state_ != State::disconnected || !std::exchange(factoryStarted_, false)) return;
  reactor_.guarded("while calling stopFactory", [this] { factory_->doStop(); });
}

std::shared_ptr<Connector> ReactorBase::doConnectTCP(const std::string& host, std::uint16_t port,
                                                     std::shared_ptr<ClientFactory> factory,
                                                     const ConnectOptions& options) {
  auto connector = std::make_shared<TcpConnector>(*this, host, port, std::move(factory), options);
  connector->connect();
  return connector;
}

}  // namespace bight::detail
