#include "unix_port.hpp"

#include <cerrno>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>

#include "stream_port.hpp"
#include "udp_port.hpp"

namespace bight {

namespace {

void checkAddress(const char* what, const std::string& address) {
  if (address.empty()) throw std::invalid_argument(std::string(what) + " needs an address, and got an empty string");
  if (address[0] != '\0' && address.find('\0') != std::string::npos)
    throw std::invalid_argument(std::string(what) + ": the path has a zero byte in it");
}

void checkDatagram(const char* what, const std::string& address, const void* protocol, std::size_t maxPacketSize) {
  checkAddress(what, address);
  if (!protocol) throw std::invalid_argument(std::string(what) + " needs a protocol, and got a null pointer");
  if (maxPacketSize == 0 || maxPacketSize > 65535)
    throw std::invalid_argument(std::string(what) + ": maxPacketSize is " + std::to_string(maxPacketSize) +
                                ", and must be 1 to 65535");
}

}  // namespace

std::shared_ptr<Port> ReactorUNIX::listenUNIX(const std::string& address, std::shared_ptr<Factory> factory,
                                              const UNIXListenOptions& options) {
  checkAddress("listenUNIX", address);
  if (!factory) throw std::invalid_argument("listenUNIX needs a factory, and got a null pointer");
  return doListenUNIX(address, std::move(factory), options);
}

std::shared_ptr<Connector> ReactorUNIX::connectUNIX(const std::string& address, std::shared_ptr<ClientFactory> factory,
                                                    const UNIXConnectOptions& options) {
  checkAddress("connectUNIX", address);
  if (!factory) throw std::invalid_argument("connectUNIX needs a factory, and got a null pointer");
  return doConnectUNIX(address, std::move(factory), options);
}

std::shared_ptr<DatagramTransport> ReactorUNIX::listenUNIXDatagram(const std::string& address,
                                                                   std::shared_ptr<DatagramProtocol> protocol,
                                                                   const UNIXDatagramOptions& options) {
  checkDatagram("listenUNIXDatagram", address, protocol.get(), options.maxPacketSize);
  return doListenUNIXDatagram(address, {}, std::move(protocol), options);
}

std::shared_ptr<DatagramTransport> ReactorUNIX::connectUNIXDatagram(const std::string& address,
                                                                    std::shared_ptr<DatagramProtocol> protocol,
                                                                    const UNIXDatagramOptions& options) {
  checkDatagram("connectUNIXDatagram", address, protocol.get(), options.maxPacketSize);
  if (!options.bindAddress.empty()) checkAddress("connectUNIXDatagram", options.bindAddress);
  return doListenUNIXDatagram(options.bindAddress, address, std::move(protocol), options);
}

namespace detail {

namespace {

[[noreturn]] void throwCannotListen(const std::string& address, int error, const std::string& cause) {
  const std::string where = Address(UNIXAddress{address}).toString();
  throw CannotListenError(where, error, error == 0 ? cause : cause + ": " + std::generic_category().message(error));
}

class UnixPort final : public StreamPort {
 public:
  UnixPort(ReactorBase& reactor, const std::string& address, std::shared_ptr<Factory> factory,
           const UNIXListenOptions& options)
      : StreamPort(reactor, std::move(factory)), name_(address, options.mode), backlog_(options.backlog) {}

 private:
  Descriptor open() override {
    Descriptor socket = reactor().openSocket(AF_UNIX, SOCK_STREAM);
    if (!socket) cannotListen(errno, "no socket");
    if (const auto trouble = name_.bind(socket.get(), backlog_)) cannotListen(trouble->error, trouble->cause);
    return socket;
  }
  void closed() noexcept override { name_.remove(); }
  void cannotListen(int error, const std::string& cause) const override {
    throwCannotListen(name_.address(), error, cause);
  }

  UnixName name_;
  const int backlog_;
};

}  // namespace

UnixDatagramPort::UnixDatagramPort(ReactorBase& reactor, const std::string& address, std::string peer,
                                   std::shared_ptr<DatagramProtocol> protocol, const UNIXDatagramOptions& options)
    : DatagramPort(reactor, std::move(protocol), options.maxPacketSize),
      name_(address, options.mode),
      peerName_(std::move(peer)),
      adopted_(false) {}

UnixDatagramPort::UnixDatagramPort(ReactorBase& reactor, Descriptor socket, std::shared_ptr<DatagramProtocol> protocol,
                                   std::size_t maxPacketSize)
    : DatagramPort(reactor, std::move(protocol), maxPacketSize),
      name_({}, 0),
      adopted_(true),
      given_(std::move(socket)) {}

UnixDatagramPort::~UnixDatagramPort() = default;

void UnixDatagramPort::cannotListen(int error, const std::string& cause) const {
  throwCannotListen(name_.address(), error, cause);
}

void UnixDatagramPort::startListening() {
  try {
    DatagramPort::startListening();
  } catch (const ConnectError&) {
    failSoon(Failure());
  }
}

Descriptor UnixDatagramPort::open() {
  if (adopted_) return takeGiven(given_);
  reactor().notSimulated("a UNIX datagram port");
  Descriptor socket = openSocket(AF_UNIX, SOCK_DGRAM);
  if (!socket) cannotListen(errno, "no socket");
  if (!name_.address().empty()) {
    if (const auto trouble = name_.bind(socket.get(), -1)) cannotListen(trouble->error, trouble->cause);
  }
  if (peerName_.empty()) return socket;
  const SocketAddress peer{UNIXAddress{peerName_}};
  const int error = peer.length == 0 ? ENAMETOOLONG : ::connect(socket.get(), peer.get(), peer.length) == 0 ? 0 : errno;
  if (error != 0) {
    name_.remove();
    std::rethrow_exception(getConnectError(error, Address(UNIXAddress{peerName_}).toString()));
  }
  setPeer(UNIXAddress{peerName_});
  return socket;
}

SocketAddress UnixDatagramPort::encode(const Address& to) const {
  const auto* local = to.get<UNIXAddress>();
  if (!local || local->name.empty())
    throw InvalidAddressError(to.toString(), local ? "the peer has no name, so nothing can be sent to it"
                                                   : "a UNIX socket sends to UNIX sockets only");
  SocketAddress address(to);
  if (address.length == 0) throw InvalidAddressError(to.toString(), "the name is too long for a UNIX socket");
  return address;
}

std::shared_ptr<Port> ReactorBase::doListenUNIX(const std::string& address, std::shared_ptr<Factory> factory,
                                                const UNIXListenOptions& options) {
  auto opened = std::make_shared<UnixPort>(*this, address, std::move(factory), options);
  opened->startListening();
  return opened;
}

std::shared_ptr<DatagramTransport> ReactorBase::doListenUNIXDatagram(const std::string& address,
                                                                     const std::string& peer,
                                                                     std::shared_ptr<DatagramProtocol> protocol,
                                                                     const UNIXDatagramOptions& options) {
  auto opened = std::make_shared<UnixDatagramPort>(*this, address, peer, std::move(protocol), options);
  opened->startListening();
  return opened;
}

}  // namespace detail
}  // namespace bight
