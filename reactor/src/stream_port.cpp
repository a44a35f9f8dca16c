// Accepting, and what to do when it does not work (B60, B61)
// -----------------------------------------------------
// Connections are accepted in batches whose size follows the need, so that a flood of newcomers does not starve those
// who are there.
//
// When descriptors run out (EMFILE), a connection that waits cannot even be refused, and a level-triggered poller would
// report it for ever. So each port holds one spare descriptor: it is closed, which makes room to accept what waits and
// to close it at once (the peers see a close, not a hang), and opened again. If that fails too, or the system is short
// of memory, the port stops watching for a tenth of a second.
#include "stream_port.hpp"

#include <fcntl.h>
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

StreamPort::StreamPort(ReactorBase& reactor, std::shared_ptr<Factory> factory)
    : reactor_(reactor),
      reactorLife_(reactor.life()),
      origin_(makeRef<ConnectionOrigin>(reactor, std::move(factory))) {}

StreamPort::~StreamPort() = default;

void StreamPort::startListening() {
  if (reactorLife_.expired()) throw std::logic_error("startListening: the reactor has ended");
  reactor_.checkThread("Port::startListening");
  if (socket_) throw std::logic_error("startListening: the port is listening already");
  Descriptor socket = open();
  const Address host = localAddress(socket.get());
  try {
    handle_ = reactor_.poller().add(socket.get(), pollRead, *this);
  } catch (const std::exception& e) {
    closed();
    cannotListen(0, e.what());
  }
  try {
    origin_->factory->doStart();
  } catch (...) {
    reactor_.poller().remove(std::exchange(handle_, nullptr));
    closed();
    throw;
  }
  host_ = host;
  opened(host);
  socket_ = std::move(socket);
  reserve();
  reactor_.own(*this);
  self_ = shared_from_this();
}

Deferred<void> StreamPort::stopListening() {
  if (socket_) reactor_.checkThread("Port::stopListening");
  close();
  Deferred<void> done;
  done.callback();
  return done;
}

void StreamPort::disconnect(const Failure&) noexcept {
  close();
}

void StreamPort::close() noexcept {
  if (!socket_) return;
  const auto self = std::exchange(self_, nullptr);
  if (restCall_.active()) restCall_.cancel();
  reactor_.poller().remove(std::exchange(handle_, nullptr));
  reactor_.disown(*this);
  socket_.reset();
  reserve_.reset();
  closed();
  reactor_.guarded("while calling stopFactory", [this] { origin_->factory->doStop(); });
}

std::string StreamPort::describe() const {
  const Factory& factory = *origin_->factory;
  return typeName(typeid(factory)) + ", listening on " + host_.toString();
}

void StreamPort::ready(unsigned) noexcept {
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
bool StreamPort::refused(int error) noexcept {
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
bool StreamPort::take(Descriptor socket, const SocketAddress& peer) noexcept {
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

void StreamPort::shed() noexcept {
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
void StreamPort::rest() noexcept {
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

void StreamPort::reserve() noexcept {
  reserve_ = Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace bight::detail
