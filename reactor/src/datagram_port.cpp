// Receiving (B51, B54)
// ---------------
// One datagram after the other, until there is none; but after 256 KiB or 256 datagrams the others in the loop have their turn. Reading
// several with one call (recvmmsg) was measured and is not faster: docs/design/07-datagrams-and-unix.md.
//
// An error while reading is news about a datagram that was sent: on a connected port, that nobody listens there. Pollers tell it as
// readable, as writable or as an error; here it does not matter. It never closes the port.
#include "datagram_port.hpp"

#include <cerrno>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>

namespace bight::detail {

namespace {

constexpr std::size_t mostBytes = 256 * 1024;  // in one turn
constexpr std::size_t mostDatagrams = 256;
constexpr Duration restTime = std::chrono::milliseconds(100);

}  // namespace

DatagramPort::DatagramPort(ReactorBase& reactor, std::shared_ptr<DatagramProtocol> protocol, std::size_t maxPacketSize)
    : reactor_(reactor), protocol_(std::move(protocol)), remembered_(protocol_), maxPacketSize_(maxPacketSize) {}

DatagramPort::~DatagramPort() = default;

// ---- opening and closing ----

void DatagramPort::startListening() {
  if (reactorEnded_) throw std::logic_error("startListening: the reactor has ended");
  reactor_.checkThread("Port::startListening");
  if (state_ != State::closed)
    throw std::logic_error("startListening: the port is listening already, or not yet closed");
  auto protocol = remembered_.lock();
  if (!protocol) throw std::logic_error("startListening: the protocol is gone; keep it if the port shall listen again");
  Descriptor socket = open();
  const Address host = localAddress(socket.get(), AddressType::udp);
  try {
    handle_ = reactor_.poller().add(socket.get(), pollRead, *this);
  } catch (const std::exception& e) {
    closed();
    cannotListen(0, e.what());
  }
  host_ = host;
  opened(host);
  socket_ = std::move(socket);
  protocol_ = std::move(protocol);
  self_ = shared_from_this();
  reactor_.own(*this);
  state_ = State::open;
  complained_ = false;
  try {
    protocol_->makeConnection(self_);
  } catch (...) {
    if (state_ == State::open) closeSocket();
    state_ = State::closed;
    reactor_.disown(*this);
    protocol_.reset();
    self_.reset();
    throw;
  }
}

Deferred<void> DatagramPort::stopListening() {
  Deferred<void> done;
  if (state_ == State::closed) {
    done.callback();
    return done;
  }
  reactor_.checkThread("Port::stopListening");
  stopped_.push_back(done.promise());
  if (state_ == State::open) {
    closeSocket();
    reactor_.callSoon([self = self_] { self->finish(); });
  }
  return done;
}

void DatagramPort::disconnect(const Failure&) noexcept {
  reactorEnded_ = true;
  if (state_ == State::open) closeSocket();
  finish();
}

void DatagramPort::closeSocket() noexcept {
  state_ = State::closing;
  if (restCall_.active()) restCall_.cancel();
  reactor_.poller().remove(std::exchange(handle_, nullptr));
  socket_.reset();
  peer_.reset();
  closed();
}

/// The protocol is told, later than stopListening(); and at once when the reactor ends.
void DatagramPort::finish() noexcept {
  if (state_ != State::closing) return;
  state_ = State::closed;
  const auto self = std::exchange(self_, nullptr);
  reactor_.disown(*this);
  const auto protocol = std::exchange(protocol_, nullptr);
  const auto failure = std::exchange(failure_, std::nullopt);
  if (failure)
    reactor_.guarded("while calling connectionFailed", [&] { protocol->connectionFailed(*failure); });
  else
    reactor_.guarded("while calling stopProtocol", [&] { protocol->breakConnection(); });
  for (const auto& waiter : std::exchange(stopped_, {}))
    if (!waiter.called()) reactor_.guarded("while calling back stopListening()", [&] { waiter.callback(); });
}

void DatagramPort::failSoon(const Failure& reason) {
  failure_ = reason;
  state_ = State::closing;
  self_ = shared_from_this();
  reactor_.own(*this);
  reactor_.callSoon([self = self_] { self->finish(); });
}

int DatagramPort::openSocketOrThrow(const char* what) const {
  if (!socket_) throw std::logic_error(std::string(what) + ": the port does not listen");
  reactor_.checkThread(what);
  return socket_.get();
}

// ---- receiving ----

std::string DatagramPort::describe() const {
  if (!protocol_) return "a port of datagrams";
  const DatagramProtocol& protocol = *protocol_;
  return typeName(typeid(protocol)) + ", bound to " + host_.toString();
}

void DatagramPort::ready(unsigned) noexcept {
  const auto self = shared_from_this();  // user code below may stop us and drop the handle
  char* const buffer = reactor_.readBuffer().data();
  std::size_t bytes = 0;
  for (std::size_t count = 0; state_ == State::open && bytes < mostBytes && count < mostDatagrams; ++count) {
    sockaddr_storage from;
    socklen_t size = sizeof from;
    const ssize_t got =
        sys::recvfrom(socket_.get(), buffer, maxPacketSize_, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
    if (got >= 0) {
      bytes += static_cast<std::size_t>(got);
      deliver({buffer, static_cast<std::size_t>(got)}, reinterpret_cast<const sockaddr*>(&from), size);
    } else if (!refused(errno)) {
      return;
    }
  }
}

void DatagramPort::deliver(std::string_view data, const sockaddr* from, std::size_t size) noexcept {
  try {
    protocol_->datagramReceived(data, Address::fromSockaddr(from, size, AddressType::udp));
  } catch (...) {
    reactor_.report("while calling datagramReceived", Failure());
  }
}

/// Reading said no. @return whether to ask again
bool DatagramPort::refused(int error) noexcept {
  switch (error) {
    case EAGAIN:
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK:
#endif
      return false;
    case ECONNREFUSED:
    case ECONNRESET:  // a UNIX socket's peer has gone
      if (peer_) reactor_.guarded("while calling connectionRefused", [this] { protocol_->connectionRefused(); });
      return true;
    case ENOMEM:
    case ENOBUFS:
    case EIO:
    case EBADF:
      rest();
      return false;
    default:
      // A signal; or what the network thinks of a datagram that was sent earlier, which may be lost anyway.
      return true;
  }
}

/// Watches nothing for a while, instead of being told all the time of what cannot be had.
void DatagramPort::rest() noexcept {
  const int error = errno;
  reactor_.guarded("while receiving on " + host_.toString(), [&] {
    reactor_.poller().change(handle_, 0);
    restCall_ = reactor_.callLater(restTime, [weak = weak_from_this()] {
      const auto port = weak.lock();
      if (port && port->state_ == State::open) port->reactor_.poller().change(port->handle_, pollRead);
    });
    if (!std::exchange(complained_, true))
      reactor_.report("while receiving on " + host_.toString() + "; it pauses for 100 ms at a time",
                      Failure(std::system_error(error, std::generic_category())));
  });
}

// ---- sending ----

std::error_code DatagramPort::write(std::string_view data, const Address& to) {
  if (state_ != State::open) return std::make_error_code(std::errc::not_connected);  // the reactor may be gone
  reactor_.checkThread("DatagramTransport::write");
  const SocketAddress address = encode(to);
  if (!peer_) return send(data, &address);
  if (address.address(AddressType::udp) != *peer_)
    throw std::logic_error("write: the port is connected to " + peer_->toString() + " and cannot send to " +
                           to.toString());
  return send(data, nullptr);
}

std::error_code DatagramPort::write(std::string_view data) {
  if (state_ != State::open) return std::make_error_code(std::errc::not_connected);  // the reactor may be gone
  reactor_.checkThread("DatagramTransport::write");
  if (!peer_) throw std::logic_error("write: the port is not connected; say where to, or connect() it");
  return send(data, nullptr);
}

std::error_code DatagramPort::send(std::string_view data, const SocketAddress* to) {
  for (int attempt = 0;; ++attempt) {
    if (sys::sendto(socket_.get(), data.data(), data.size(), quietly, to ? to->get() : nullptr, to ? to->length : 0) >=
        0)
      return {};
    const int error = errno;
    if (error == EINTR) continue;
    if (error == EMSGSIZE) throw MessageLengthError(data.size());
    if (error == ECONNREFUSED || error == ECONNRESET) {
      // Usually the answer to an earlier datagram, which stood in this one's way.
      if (peer_) refusedSoon();
      if (attempt < 2) continue;
    }
    if (error == EACCES) forbidden(to);
    return {error, std::generic_category()};
  }
}

/// Not inside write().
void DatagramPort::refusedSoon() {
  if (std::exchange(refusalTold_, true)) return;
  reactor_.callSoon([self = self_] {
    self->refusalTold_ = false;
    if (self->state_ == State::open && self->peer_) self->protocol_->connectionRefused();
  });
}

void DatagramPort::connect(const Address& peer) {
  const int fd = openSocketOrThrow("DatagramTransport::connect");
  if (peer_) throw std::logic_error("connect: the port is connected to " + peer_->toString() + " already");
  const SocketAddress address = encode(peer);
  if (sys::connect(fd, address.get(), address.length) != 0)
    throw std::system_error(errno, std::generic_category(), "connecting a port of datagrams to " + peer.toString());
  peer_ = address.address(AddressType::udp);
  host_ = localAddress(fd, AddressType::udp);
}

}  // namespace bight::detail
