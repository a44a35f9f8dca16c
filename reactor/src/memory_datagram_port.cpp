#include <bight/testing/memory_datagram_port.hpp>

#include <stdexcept>
#include <utility>

namespace bight::testing {

MemoryDatagramPort::MemoryDatagramPort(ReactorTime& clock, Address host, std::shared_ptr<DatagramProtocol> protocol,
                                       std::size_t maxPacketSize)
    : clock_(clock),
      host_(std::move(host)),
      protocol_(std::move(protocol)),
      remembered_(protocol_),
      maxPacketSize_(maxPacketSize) {}

MemoryDatagramPort::~MemoryDatagramPort() = default;

void MemoryDatagramPort::startListening() {
  if (listening_ || closing_)
    throw std::logic_error("startListening: the port is listening already, or not yet closed");
  protocol_ = remembered_.lock();
  if (!protocol_)
    throw std::logic_error("startListening: the protocol is gone; keep it if the port shall listen again");
  listening_ = true;
  try {
    protocol_->makeConnection(shared_from_this());
  } catch (...) {
    listening_ = false;
    protocol_.reset();
    throw;
  }
}

Deferred<void> MemoryDatagramPort::stopListening() {
  Deferred<void> done;
  if (!listening_ && !closing_) {
    done.callback();
    return done;
  }
  stopped_.push_back(done.promise());
  if (!std::exchange(listening_, false)) return done;
  closing_ = true;
  peer_.reset();
  groups_.clear();
  clock_.callLater(Duration(0), [self = shared_from_this()] { self->end(); });
  return done;
}

void MemoryDatagramPort::end() {
  if (!std::exchange(listening_, false) && !closing_) return;
  closing_ = false;
  const auto self = shared_from_this();
  std::exchange(protocol_, nullptr)->breakConnection();
  for (const auto& waiter : std::exchange(stopped_, {})) waiter.callback();
}

std::error_code MemoryDatagramPort::write(std::string_view data, const Address& to) {
  if (!listening_) return std::make_error_code(std::errc::not_connected);
  if (!to.get<IPv4Address>() && !to.get<IPv6Address>() && !to.get<UNIXAddress>())
    throw InvalidAddressError(to.toString(), "datagrams go to IPv4, IPv6 and UNIX addresses; look names up before");
  if (to.get<UNIXAddress>() && !host_.get<UNIXAddress>())
    throw InvalidAddressError(to.toString(), "the port is a UDP one");
  if (peer_ && to != *peer_)
    throw std::logic_error("write: the port is connected to " + peer_->toString() + " and cannot send to " +
                           to.toString());
  if (!answer_) sent_.push_back({std::string(data), to});
  return answer_;
}

std::error_code MemoryDatagramPort::write(std::string_view data) {
  if (!listening_) return std::make_error_code(std::errc::not_connected);
  if (!peer_) throw std::logic_error("write: the port is not connected; say where to, or connect() it");
  if (!answer_) sent_.push_back({std::string(data), std::nullopt});
  return answer_;
}

void MemoryDatagramPort::connect(const Address& peer) {
  if (!listening_) throw std::logic_error("connect: the port does not listen");
  if (peer_) throw std::logic_error("connect: the port is connected to " + peer_->toString() + " already");
  if (peer.get<HostnameAddress>()) throw InvalidAddressError(peer.toString(), "look names up before");
  peer_ = peer;
}

void MemoryDatagramPort::deliver(std::string_view data, const Address& from) {
  if (!listening_) throw std::logic_error("deliver: the port does not listen");
  protocol_->datagramReceived(data.substr(0, maxPacketSize_), from);
}

void MemoryDatagramPort::refuse() {
  if (!peer_) throw std::logic_error("refuse: the port is not connected");
  protocol_->connectionRefused();
}

Deferred<void> MemoryDatagramPort::joinGroup(std::string_view group, std::string_view interface) {
  groups_.emplace(group, interface);
  return succeed();
}

Deferred<void> MemoryDatagramPort::leaveGroup(std::string_view group, std::string_view interface) {
  if (groups_.erase({std::string(group), std::string(interface)}) == 0)
    return fail<void>(MulticastJoinError("leaving " + std::string(group) + ": it is not joined", 0));
  return succeed();
}

}  // namespace bight::testing
