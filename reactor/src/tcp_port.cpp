// Accepting, and what to do when it does not work (B14)
// -----------------------------------------------------
// Connections are accepted in batches whose size follows the need, so that a flood of newcomers does not starve those
// who are there.
//
// When descriptors run out (EMFILE), a connection that waits cannot even be refused, and a level-triggered poller would
// report it for ever. So each port holds one spare descriptor: it is closed, which makes room to accept what waits and
// to close it at once (the peers see a close, not a hang), and opened again. If that fails too, or the system is short
// of memory, the port stops watching for a tenth of a second.
#include "tcp_port.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>

#include "stream_connection.hpp"

namespace bight::detail {

namespace {
constexpr Duration restTime = std::chrono::milliseconds(100);
/// Connections closed unseen in one go when descriptors have run out.
constexpr int mostShed = 1000;
}  // namespace

TcpPort::TcpPort(ReactorBase& reactor, std::uint16_t port, std::shared_ptr<Factory> factory,
                 const ListenOptions& options)
    : reactor_(reactor),
      origin_(makeRef<ConnectionOrigin>(reactor, std::move(factory))),
      options_(options),
      portNumber_(port) {}

TcpPort::~TcpPort() = default;

/// A socket that listens, or CannotListenError.
Descriptor TcpPort::open() {
  const auto fail = [this](int error, const std::string& cause) -> Descriptor {
    throw CannotListenError(options_.interface, portNumber_, error,
                            error == 0 ? cause : cause + ": " + std::generic_category().message(error));
  };
  const auto wanted = Address::parse(options_.interface.empty() ? "0.0.0.0" : options_.interface, portNumber_);
  if (!wanted) return fail(0, "the interface must be an IPv4 or IPv6 address of this machine, not a name");
  const SocketAddress address(*wanted);
  const bool v6 = address.family() == AF_INET6;
  Descriptor socket = openTcpSocket(address.family());
  if (!socket) return fail(errno, "no socket");
  setOption(socket.get(), SOL_SOCKET, SO_REUSEADDR, true);
  if (v6) setOption(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, options_.ipv6Only);
  if (options_.reusePort && !setOption(socket.get(), SOL_SOCKET, SO_REUSEPORT, true))
    return fail(errno, "no SO_REUSEPORT");
  // Accepted sockets inherit it, which saves a system call for each.
  if (options_.noDelay) setOption(socket.get(), IPPROTO_TCP, TCP_NODELAY, true);
  if (::bind(socket.get(), address.get(), address.length) != 0) return fail(errno, "bind");
  if (::listen(socket.get(), options_.backlog) != 0) return fail(errno, "listen");
  return socket;
}

void TcpPort::startListening() {
  reactor_.checkThread("Port::startListening");
  if (socket_) throw std::logic_error("startListening: the port is listening already");
  Descriptor socket = open();
  const Address host = localAddress(socket.get());
  try {
    handle_ = reactor_.poller().add(socket.get(), pollRead, *this);
  } catch (const std::exception& e) {
    throw CannotListenError(options_.interface, portNumber_, 0, e.what());
  }
  try {
    origin_->factory->doStart();
  } catch (...) {
    reactor_.poller().remove(std::exchange(handle_, nullptr));
    throw;
  }
  host_ = host;
  portNumber_ = host.port();
  socket_ = std::move(socket);
  reserve();
  reactor_.own(*this);
  self_ = shared_from_this();
}

Deferred<void> TcpPort::stopListening() {
  if (socket_) reactor_.checkThread("Port::stopListening");
  close();
  Deferred<void> done;
  done.callback();
  return done;
}

void TcpPort::disconnect(const Failure&) noexcept {
  close();
}

void TcpPort::close() noexcept {
  if (!socket_) return;
  const auto self = std::exchange(self_, nullptr);
  if (restCall_.active()) restCall_.cancel();
  reactor_.poller().remove(std::exchange(handle_, nullptr));
  reactor_.disown(*this);
  socket_.reset();
  reserve_.reset();
  reactor_.guarded("while calling stopFactory", [this] { origin_->factory->doStop(); });
}

void TcpPort::ready(unsigned) noexcept {
  const auto self = shared_from_this();  // user code below may stop us and drop the handle
  std::size_t count = 0;
  const std::size_t most = numberAccepts_;
  for (; count < most && socket_; ++count) {
    SocketAddress peer;
    Descriptor connection = acceptSocket(socket_.get(), peer);
    if (connection) {
      if (!take(std::move(connection), peer)) return;
    } else if (!refused(errno)) {
      numberAccepts_ = std::max<std::size_t>(1, count);
      return;
    }
  }
  numberAccepts_ = most + 20;
}

/// `accept` said no. @return whether to go on with the next connection
bool TcpPort::refused(int error) noexcept {
  switch (error) {
    case EAGAIN:
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK:
#endif
      return false;
    case EMFILE:
    case ENFILE:
      shed();
      return false;
    case ENOBUFS:
    case ENOMEM:
      rest();
      return false;
    default:
      // That one connection is gone (ECONNABORTED, EPROTO, a network error that accept(2) hands on), or a signal came.
      return true;
  }
}

/// Starts a connection. @return false if user code threw, which ends the batch
bool TcpPort::take(Descriptor socket, const SocketAddress& peer) noexcept {
  const auto connection = makeRef<StreamConnection>(*origin_, std::move(socket), peer);
  try {
    connection->attach();
    complained_ = false;
  } catch (...) {
    if (!std::exchange(complained_, true)) reactor_.report("while accepting a connection, which is closed", Failure());
    return true;
  }
  std::shared_ptr<Protocol> protocol;
  const bool built = reactor_.guarded("while calling buildProtocol",
                                      [&] { protocol = origin_->factory->buildProtocol(connection->getPeer()); });
  if (!protocol) {
    connection->detach();
    return built;
  }
  return connection->start(std::move(protocol));
}

void TcpPort::shed() noexcept {
  if (!reserve_) reserve();
  if (!reserve_) return rest();
  reserve_.reset();
  int closed = 0;
  for (; closed < mostShed; ++closed) {
    SocketAddress peer;
    if (!acceptSocket(socket_.get(), peer)) break;
  }
  reserve();
  if (!std::exchange(complained_, true))
    reactor_.report("while accepting on " + host_.toString(),
                    Failure(std::runtime_error(
                        "there are no more file descriptors: connections are closed unserved until there are; raise "
                        "the limit (ulimit -n) or serve fewer at once")));
}

/// Watches nothing for a while, instead of being told all the time of what cannot be had.
void TcpPort::rest() noexcept {
  reactor_.guarded("while accepting on " + host_.toString(), [this] {
    reactor_.poller().change(handle_, 0);
    restCall_ = reactor_.callLater(restTime, [weak = weak_from_this()] {
      const auto port = weak.lock();
      if (port && port->socket_) port->reactor_.poller().change(port->handle_, pollRead);
    });
    if (!std::exchange(complained_, true))
      reactor_.report("while accepting on " + host_.toString(),
                      Failure(std::runtime_error(
                          "the system is short of descriptors or memory: accepting pauses for 100 ms at a time")));
  });
}

void TcpPort::reserve() noexcept {
  reserve_ = Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

std::shared_ptr<Port> ReactorBase::doListenTCP(std::uint16_t port, std::shared_ptr<Factory> factory,
                                               const ListenOptions& options) {
  auto opened = std::make_shared<TcpPort>(*this, port, std::move(factory), options);
  opened->startListening();
  return opened;
}

}  // namespace bight::detail
