#include <bight/datagram.hpp>

#include <utility>

namespace bight {

MessageLengthError::MessageLengthError(std::size_t length)
    : std::length_error("a datagram of " + std::to_string(length) + " bytes is longer than the network takes") {}
MessageLengthError::~MessageLengthError() = default;

InvalidAddressError::InvalidAddressError(const std::string& address, const std::string& why)
    : std::invalid_argument("\"" + address + "\" cannot be used here: " + why) {}
InvalidAddressError::~InvalidAddressError() = default;

MulticastJoinError::MulticastJoinError(const std::string& what, int osError)
    : std::runtime_error(what), osError_(osError) {}
MulticastJoinError::~MulticastJoinError() = default;

// ---- DatagramTransport ----

namespace {

Address literal(std::string_view host, int port) {
  if (port < 0 || port > 65535)
    throw std::invalid_argument("port " + std::to_string(port) + " is out of range: it must be 0 to 65535");
  if (auto address = Address::parse(host, static_cast<std::uint16_t>(port), AddressType::udp))
    return *std::move(address);
  throw InvalidAddressError(std::string(host), "datagrams go to IPv4 and IPv6 addresses; look names up before");
}

[[noreturn]] void notUdp(const char* what) {
  throw std::logic_error(std::string(what) + ": this is not a UDP port");
}

}  // namespace

std::error_code DatagramTransport::write(std::string_view data, std::string_view host, int port) {
  return write(data, literal(host, port));
}

void DatagramTransport::connect(std::string_view host, int port) {
  connect(literal(host, port));
}

void DatagramTransport::setBroadcastAllowed(bool) {
  notUdp("setBroadcastAllowed");
}
bool DatagramTransport::getBroadcastAllowed() const {
  notUdp("getBroadcastAllowed");
}
Deferred<void> DatagramTransport::joinGroup(std::string_view, std::string_view) {
  notUdp("joinGroup");
}
Deferred<void> DatagramTransport::leaveGroup(std::string_view, std::string_view) {
  notUdp("leaveGroup");
}
void DatagramTransport::setTTL(int) {
  notUdp("setTTL");
}
int DatagramTransport::getTTL() const {
  notUdp("getTTL");
}
void DatagramTransport::setLoopbackMode(bool) {
  notUdp("setLoopbackMode");
}
bool DatagramTransport::getLoopbackMode() const {
  notUdp("getLoopbackMode");
}
void DatagramTransport::setOutgoingInterface(std::string_view) {
  notUdp("setOutgoingInterface");
}
std::string DatagramTransport::getOutgoingInterface() const {
  notUdp("getOutgoingInterface");
}

// ---- DatagramProtocol ----

DatagramProtocol::~DatagramProtocol() = default;

void DatagramProtocol::makeConnection(std::shared_ptr<DatagramTransport> transport) {
  if (serving_)
    throw std::logic_error("this DatagramProtocol serves " + transport_->getHost().toString() +
                           " already; give each port a protocol of its own");
  const auto before = std::exchange(transport_, std::move(transport));
  serving_ = true;
  try {
    startProtocol();
  } catch (...) {
    serving_ = false;
    transport_ = before;
    scope_.cancel();
    throw;
  }
}

void DatagramProtocol::breakConnection() {
  serving_ = false;
  try {
    stopProtocol();
  } catch (...) {
    scope_.cancel();
    throw;
  }
  scope_.cancel();
}

void DatagramProtocol::noTransport() {
  throw std::logic_error("DatagramProtocol::transport: there is none before startProtocol()");
}

}  // namespace bight
