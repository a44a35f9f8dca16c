#include <bight/testing/memory_reactor.hpp>

#include <signal.h>

#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/log.hpp>

namespace bight::testing {

MemoryPort::MemoryPort(std::uint16_t port, std::shared_ptr<Factory> factory, ListenOptions options)
    : port_(port), factory_(std::move(factory)), options_(std::move(options)) {}

MemoryPort::MemoryPort(Address host, std::shared_ptr<Factory> factory, ListenOptions options, unsigned mode)
    : port_(0), host_(std::move(host)), factory_(std::move(factory)), options_(std::move(options)), mode_(mode) {}

MemoryPort::~MemoryPort() = default;

Address MemoryPort::getHost() const {
  if (host_) return *host_;
  const auto address = Address::parse(options_.interface.empty() ? "0.0.0.0" : options_.interface, port_);
  return address ? *address : Address(HostnameAddress{options_.interface, port_});
}

void MemoryPort::startListening() {
  if (listening_) throw std::logic_error("startListening: the port is listening already");
  factory_->doStart();
  listening_ = true;
}

Deferred<void> MemoryPort::stopListening() {
  if (std::exchange(listening_, false)) factory_->doStop();
  Deferred<void> done;
  done.callback();
  return done;
}

MemoryConnector::MemoryConnector(std::string host, std::uint16_t port, std::shared_ptr<ClientFactory> factory,
                                 ConnectOptions options)
    : host_(std::move(host)), port_(port), factory_(std::move(factory)), options_(std::move(options)) {}

MemoryConnector::MemoryConnector(UNIXAddress address, std::shared_ptr<ClientFactory> factory, ConnectOptions options)
    : host_(std::move(address.name)),
      port_(0),
      local_(true),
      factory_(std::move(factory)),
      options_(std::move(options)) {}

MemoryConnector::~MemoryConnector() = default;

void MemoryConnector::connect() {
  if (state_ != State::disconnected)
    throw std::logic_error("connect: the connector is connecting or connected already");
  if (!std::exchange(factoryStarted_, true)) factory_->doStart();
  state_ = State::connecting;
  factory_->startedConnecting(*this);
}

void MemoryConnector::stopConnecting() {
  if (state_ != State::connecting) throw NotConnectingError("stopConnecting: no attempt is under way");
  fail(Failure(UserError()));
}

void MemoryConnector::disconnect() {
  if (state_ == State::connecting)
    stopConnecting();
  else if (state_ == State::connected)
    fail(Failure(ConnectionDone()));
}

Address MemoryConnector::getDestination() const {
  if (local_) return UNIXAddress{host_};
  if (auto literal = Address::parse(host_, port_)) return *std::move(literal);
  return HostnameAddress{host_, port_};
}

std::shared_ptr<Protocol> MemoryConnector::succeed() {
  if (state_ != State::connecting) throw std::logic_error("succeed: no attempt is under way");
  state_ = State::connected;
  auto protocol = factory_->buildProtocol(getDestination());
  if (!protocol) fail(Failure(ConnectionDone()));
  return protocol;
}

void MemoryConnector::fail(const Failure& reason) {
  const auto self = shared_from_this();
  const State before = std::exchange(state_, State::disconnected);
  if (before == State::disconnected) throw std::logic_error("fail: there is neither an attempt nor a connection");
  if (before == State::connecting)
    factory_->clientConnectionFailed(*this, reason);
  else
    factory_->clientConnectionLost(*this, reason);
  if (state_ == State::disconnected && std::exchange(factoryStarted_, false)) factory_->doStop();
}

MemoryReactor::MemoryReactor() : names_(std::make_shared<MemoryNameResolver>()), resolver_(names_) {}
MemoryReactor::~MemoryReactor() {
  // As with a real one: no child outlives it, no attempt goes on, and no port is open. Whoever has waited is told.
  const auto guarded = [](auto&& end) {
    try {
      end();
    } catch (...) {
      Logger("bight.testing").failure("Unhandled Error when a MemoryReactor was destroyed", Failure());
    }
  };
  for (const auto& each : std::exchange(processes_, {}))
    guarded([&] {
      if (each->connected()) each->die(SIGKILL);
    });
  for (const auto& connectors : {std::exchange(clients_, {}), std::exchange(unixClients_, {})})
    for (const auto& each : connectors)
      guarded([&] {
        if (each->state() == Connector::State::connecting)
          each->fail(Failure(ConnectionLost("The reactor was destroyed.")));
      });
  for (const auto& ports : {std::exchange(udpPorts_, {}), std::exchange(letterboxes_, {})})
    for (const auto& each : ports) guarded([&] { each->end(); });
  for (auto& each : std::exchange(adopted_, {}))
    if (each.datagrams) guarded([&] { each.datagrams->end(); });
}

std::unique_ptr<IOPump> MemoryReactor::connectTo(std::uint16_t port, std::shared_ptr<Protocol> client) {
  for (const auto& server : servers_) {
    if (server->port() != port || !server->listening()) continue;
    auto protocol = server->factory().buildProtocol(IPv4Address({127, 0, 0, 1}, 54321));
    if (!protocol) return nullptr;
    return std::make_unique<IOPump>(std::move(client), std::move(protocol));
  }
  throw std::invalid_argument("connectTo: nobody listens on port " + std::to_string(port) + " of this MemoryReactor");
}

std::unique_ptr<IOPump> MemoryReactor::connectTo(const std::string& address, std::shared_ptr<Protocol> client) {
  for (const auto& server : unixServers_) {
    if (!server->listening() || server->getHost() != Address(UNIXAddress{address})) continue;
    auto protocol = server->factory().buildProtocol(UNIXAddress{});
    if (!protocol) return nullptr;
    return std::make_unique<IOPump>(std::move(client), std::move(protocol));
  }
  throw std::invalid_argument("connectTo: nobody listens on " + Address(UNIXAddress{address}).toString() +
                              " of this MemoryReactor");
}

std::shared_ptr<NameResolver> MemoryReactor::installNameResolver(std::shared_ptr<NameResolver> resolver) {
  if (!resolver) throw std::invalid_argument("installNameResolver needs a resolver, and got a null pointer");
  return std::exchange(resolver_, std::move(resolver));
}

DelayedCall MemoryReactor::callLater(Duration delay, Function<void()> call) {
  return clock_.callLater(delay, std::move(call));
}

std::shared_ptr<Port> MemoryReactor::doListenTCP(std::uint16_t port, std::shared_ptr<Factory> factory,
                                                 const ListenOptions& options) {
  const auto number = port == 0 ? nextPort_++ : port;
  for (const auto& server : servers_)
    if (server->listening() && server->port() == number && server->options().interface == options.interface)
      throw CannotListenError(options.interface, number, 0, "somebody listens there already in this MemoryReactor");
  auto opened = std::make_shared<MemoryPort>(number, std::move(factory), options);
  opened->startListening();
  servers_.push_back(opened);
  return opened;
}

std::shared_ptr<Connector> MemoryReactor::doConnectTCP(const std::string& host, std::uint16_t port,
                                                       std::shared_ptr<ClientFactory> factory,
                                                       const ConnectOptions& options) {
  auto connector = std::make_shared<MemoryConnector>(host, port, std::move(factory), options);
  connector->connect();
  clients_.push_back(connector);
  return connector;
}

std::shared_ptr<DatagramTransport> MemoryReactor::doListenUDP(std::uint16_t port,
                                                              std::shared_ptr<DatagramProtocol> protocol,
                                                              const UDPOptions& options) {
  const auto number = port == 0 ? nextPort_++ : port;
  const auto host = Address::parse(options.interface.empty() ? "0.0.0.0" : options.interface, number, AddressType::udp);
  if (!host) throw CannotListenError(options.interface, number, 0, "the interface must be an address, not a name");
  for (const auto& other : udpPorts_)
    if (other->listening() && !options.listenMultiple && other->getHost() == *host)
      throw CannotListenError(options.interface, number, 0, "somebody listens there already in this MemoryReactor");
  auto opened = std::make_shared<MemoryDatagramPort>(*this, *host, std::move(protocol), options.maxPacketSize);
  udpPorts_.push_back(opened);
  opened->startListening();
  return opened;
}

std::shared_ptr<Port> MemoryReactor::doListenUNIX(const std::string& address, std::shared_ptr<Factory> factory,
                                                  const UNIXListenOptions& options) {
  const Address host = UNIXAddress{address};
  for (const auto& server : unixServers_)
    if (server->listening() && server->getHost() == host)
      throw CannotListenError(host.toString(), 0, "somebody listens there already in this MemoryReactor");
  auto opened =
      std::make_shared<MemoryPort>(host, std::move(factory), ListenOptions{.backlog = options.backlog}, options.mode);
  opened->startListening();
  unixServers_.push_back(opened);
  return opened;
}

std::shared_ptr<Connector> MemoryReactor::doConnectUNIX(const std::string& address,
                                                        std::shared_ptr<ClientFactory> factory,
                                                        const UNIXConnectOptions& options) {
  auto connector = std::make_shared<MemoryConnector>(UNIXAddress{address}, std::move(factory),
                                                     ConnectOptions{.timeout = options.timeout});
  connector->connect();
  unixClients_.push_back(connector);
  return connector;
}

std::shared_ptr<DatagramTransport> MemoryReactor::doListenUNIXDatagram(const std::string& address,
                                                                       const std::string& peer,
                                                                       std::shared_ptr<DatagramProtocol> protocol,
                                                                       const UNIXDatagramOptions& options) {
  auto opened =
      std::make_shared<MemoryDatagramPort>(*this, UNIXAddress{address}, std::move(protocol), options.maxPacketSize);
  letterboxes_.push_back(opened);
  opened->startListening();
  if (!peer.empty()) opened->connect(UNIXAddress{peer});
  return opened;
}

std::shared_ptr<Port> MemoryReactor::doAdoptStreamPort(int fd, AddressFamily family, std::shared_ptr<Factory> factory) {
  auto port = std::make_shared<MemoryPort>(Address(UNIXAddress{"descriptor " + std::to_string(fd)}), std::move(factory),
                                           ListenOptions{}, 0);
  port->startListening();
  adopted_.push_back({fd, family, port, nullptr, nullptr});
  return port;
}

std::shared_ptr<Protocol> MemoryReactor::doAdoptStreamConnection(int fd, AddressFamily family,
                                                                 std::shared_ptr<Factory> factory) {
  auto transport = makeRef<StringTransport>();
  auto protocol = factory->buildProtocol(transport->getPeer());
  adopted_.push_back({fd, family, nullptr, protocol, nullptr});
  if (protocol) protocol->makeConnection(*transport);
  return protocol;
}

std::shared_ptr<DatagramTransport> MemoryReactor::doAdoptDatagramPort(int fd, AddressFamily family,
                                                                      std::shared_ptr<DatagramProtocol> protocol,
                                                                      std::size_t maxPacketSize) {
  auto port = std::make_shared<MemoryDatagramPort>(*this, UNIXAddress{"descriptor " + std::to_string(fd)},
                                                   std::move(protocol), maxPacketSize);
  adopted_.push_back({fd, family, nullptr, nullptr, port});
  port->startListening();
  return port;
}

Ref<ProcessTransport> MemoryReactor::doSpawnProcess(std::shared_ptr<ProcessProtocol> protocol,
                                                    const std::string& executable, std::vector<std::string> args,
                                                    const ProcessOptions& options) {
  auto process = makeRef<MemoryProcess>(protocol, executable, std::move(args), options);
  processes_.push_back(process);
  protocol->makeConnection(*process);
  return process;
}

Ref<Transport> MemoryReactor::doConnectDescriptors(std::shared_ptr<Protocol> protocol, int readFd, int writeFd) {
  auto transport = makeRef<StringTransport>();
  connected_.push_back({protocol, transport, readFd, writeFd});
  protocol->makeConnection(*transport);
  return transport;
}

}  // namespace bight::testing
