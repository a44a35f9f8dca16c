/// @file
/// A reactor that opens no sockets: it remembers who wants to listen and to connect, and the test makes the
/// connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bight/adopt.hpp>
#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/failure.hpp>
#include <bight/resolver.hpp>
#include <bight/tcp.hpp>
#include <bight/testing/clock.hpp>
#include <bight/testing/io_pump.hpp>
#include <bight/testing/memory_datagram_port.hpp>
#include <bight/testing/memory_process.hpp>
#include <bight/testing/memory_resolver.hpp>
#include <bight/time.hpp>
#include <bight/udp.hpp>
#include <bight/unix.hpp>

namespace bight::testing {

/// A port of a `MemoryReactor`.
class BIGHT_API MemoryPort final : public Port {
 public:
  MemoryPort(std::uint16_t port, std::shared_ptr<Factory> factory, ListenOptions options);
  /// One that is not of TCP: a UNIX socket, an adopted one.
  MemoryPort(Address host, std::shared_ptr<Factory> factory, ListenOptions options, unsigned mode);
  ~MemoryPort() override;

  Address getHost() const override;
  void startListening() override;
  Deferred<void> stopListening() override;

  bool listening() const noexcept { return listening_; }
  std::uint16_t port() const noexcept { return port_; }
  Factory& factory() const noexcept { return *factory_; }
  const ListenOptions& options() const noexcept { return options_; }
  /// The permissions of a UNIX socket's file.
  unsigned mode() const noexcept { return mode_; }

 private:
  const std::uint16_t port_;
  const std::optional<Address> host_;  // unless it is of TCP
  const std::shared_ptr<Factory> factory_;
  const ListenOptions options_;
  const unsigned mode_ = 0;
  bool listening_ = false;
};

/// A connector of a `MemoryReactor`: an attempt that goes on until the test decides it.
class BIGHT_API MemoryConnector final : public Connector {
 public:
  MemoryConnector(std::string host, std::uint16_t port, std::shared_ptr<ClientFactory> factory, ConnectOptions options);
  /// To a UNIX socket: `host()` is its address, and `port()` is 0.
  MemoryConnector(UNIXAddress address, std::shared_ptr<ClientFactory> factory, ConnectOptions options);
  ~MemoryConnector() override;

  State state() const noexcept override { return state_; }
  void connect() override;
  void stopConnecting() override;
  void disconnect() override;
  Address getDestination() const override;

  const std::string& host() const noexcept { return host_; }
  std::uint16_t port() const noexcept { return port_; }
  ClientFactory& factory() const noexcept { return *factory_; }
  const ConnectOptions& options() const noexcept { return options_; }

  /// The attempt succeeds: the factory builds its protocol, which is returned and has no connection yet (give it to an
  /// `IOPump`, or a `StringTransport`). Null if the factory refuses. @throws std::logic_error unless connecting
  std::shared_ptr<Protocol> succeed();
  /// The attempt fails, or the connection is lost: the factory is told. @throws std::logic_error if there is neither
  void fail(const Failure& reason);

 private:
  const std::string host_;
  const std::uint16_t port_;
  const bool local_ = false;  // a UNIX socket
  const std::shared_ptr<ClientFactory> factory_;
  const ConnectOptions options_;
  State state_ = State::disconnected;
  bool factoryStarted_ = false;
};

/// A fake of what opens sockets, with a `Clock`, with names that the test adds, and with processes that it plays.
/// (Twisted: MemoryReactorClock)
///
/// ```cpp
/// testing::MemoryReactor reactor;
/// startServer(reactor);                                     // calls listenTCP(8000, ...)
/// auto client = std::make_shared<Asker>();
/// auto pump = reactor.connectTo(8000, client);              // as if somebody had connected
/// pump->flush();
/// ```
class BIGHT_API MemoryReactor final : public ReactorTCP,
                                      public ReactorUDP,
                                      public ReactorUNIX,
                                      public ReactorSocket,
                                      public ReactorTime,
                                      public ReactorNames,
                                      public ReactorProcess {
 public:
  MemoryReactor();
  ~MemoryReactor() override;

  /// Every port and connector there ever was, in order.
  const std::vector<std::shared_ptr<MemoryPort>>& tcpServers() const noexcept { return servers_; }
  const std::vector<std::shared_ptr<MemoryConnector>>& tcpClients() const noexcept { return clients_; }

  /// Connects `client` with a protocol of whoever listens on `port`. Null if the factory refuses.
  /// @throws std::invalid_argument if nobody listens there
  std::unique_ptr<IOPump> connectTo(std::uint16_t port, std::shared_ptr<Protocol> client);
  /// The same, with whoever listens on this UNIX socket.
  std::unique_ptr<IOPump> connectTo(const std::string& address, std::shared_ptr<Protocol> client);

  /// The same of UNIX sockets.
  const std::vector<std::shared_ptr<MemoryPort>>& unixServers() const noexcept { return unixServers_; }
  const std::vector<std::shared_ptr<MemoryConnector>>& unixClients() const noexcept { return unixClients_; }
  /// Every port of datagrams there ever was, in order: of UDP, and of UNIX sockets.
  const std::vector<std::shared_ptr<MemoryDatagramPort>>& udpPorts() const noexcept { return udpPorts_; }
  const std::vector<std::shared_ptr<MemoryDatagramPort>>& unixDatagramPorts() const noexcept { return letterboxes_; }
  /// Every descriptor that was adopted, in order, and what became of it: one of the last three. The descriptors are not
  /// looked at.
  struct Adopted {
    int fd;
    AddressFamily family;
    std::shared_ptr<MemoryPort> port;
    std::shared_ptr<Protocol>
        protocol;  ///< of an adopted connection, on a `StringTransport`; null if the factory refused
    std::shared_ptr<MemoryDatagramPort> datagrams;
  };
  const std::vector<Adopted>& adopted() const noexcept { return adopted_; }

  /// Every child that was started, in order.
  const std::vector<Ref<MemoryProcess>>& processes() const noexcept { return processes_; }
  /// Every pair of descriptors that was connected (`StandardIO`), in order: what was written is in the transport, and
  /// what comes is given to the protocol by the test.
  struct Connected {
    std::shared_ptr<Protocol> protocol;
    Ref<StringTransport> transport;
    int readFd;
    int writeFd;
  };
  const std::vector<Connected>& connectedDescriptors() const noexcept { return connected_; }

  // ReactorTime
  Duration seconds() const override { return clock_.seconds(); }
  DelayedCall callLater(Duration delay, Function<void()> call) override;
  std::vector<DelayedCall> getDelayedCalls() const override { return clock_.getDelayedCalls(); }
  /// As `Clock::advance`.
  void advance(Duration amount) { clock_.advance(amount); }
  Clock& clock() noexcept { return clock_; }

  // ReactorNames
  std::shared_ptr<NameResolver> nameResolver() override { return resolver_; }
  std::shared_ptr<NameResolver> installNameResolver(std::shared_ptr<NameResolver> resolver) override;
  /// The names that this reactor knows from the start: none, until they are added.
  MemoryNameResolver& names() noexcept { return *names_; }

 protected:
  std::shared_ptr<Port> doListenTCP(std::uint16_t port, std::shared_ptr<Factory> factory,
                                    const ListenOptions& options) override;
  std::shared_ptr<Connector> doConnectTCP(const std::string& host, std::uint16_t port,
                                          std::shared_ptr<ClientFactory> factory,
                                          const ConnectOptions& options) override;
  std::shared_ptr<DatagramTransport> doListenUDP(std::uint16_t port, std::shared_ptr<DatagramProtocol> protocol,
                                                 const UDPOptions& options) override;
  std::shared_ptr<Port> doListenUNIX(const std::string& address, std::shared_ptr<Factory> factory,
                                     const UNIXListenOptions& options) override;
  std::shared_ptr<Connector> doConnectUNIX(const std::string& address, std::shared_ptr<ClientFactory> factory,
                                           const UNIXConnectOptions& options) override;
  std::shared_ptr<DatagramTransport> doListenUNIXDatagram(const std::string& address, const std::string& peer,
                                                          std::shared_ptr<DatagramProtocol> protocol,
                                                          const UNIXDatagramOptions& options) override;
  std::shared_ptr<Port> doAdoptStreamPort(int fd, AddressFamily family, std::shared_ptr<Factory> factory) override;
  std::shared_ptr<Protocol> doAdoptStreamConnection(int fd, AddressFamily family,
                                                    std::shared_ptr<Factory> factory) override;
  std::shared_ptr<DatagramTransport> doAdoptDatagramPort(int fd, AddressFamily family,
                                                         std::shared_ptr<DatagramProtocol> protocol,
                                                         std::size_t maxPacketSize) override;
  Ref<ProcessTransport> doSpawnProcess(std::shared_ptr<ProcessProtocol> protocol, const std::string& executable,
                                       std::vector<std::string> args, const ProcessOptions& options) override;
  Ref<Transport> doConnectDescriptors(std::shared_ptr<Protocol> protocol, int readFd, int writeFd) override;

 private:
  Clock clock_;
  std::vector<Ref<MemoryProcess>> processes_;
  std::vector<Connected> connected_;
  std::shared_ptr<MemoryNameResolver> names_;
  std::shared_ptr<NameResolver> resolver_;
  std::vector<std::shared_ptr<MemoryPort>> servers_;
  std::vector<std::shared_ptr<MemoryConnector>> clients_;
  std::vector<std::shared_ptr<MemoryPort>> unixServers_;
  std::vector<std::shared_ptr<MemoryConnector>> unixClients_;
  std::vector<std::shared_ptr<MemoryDatagramPort>> udpPorts_;
  std::vector<std::shared_ptr<MemoryDatagramPort>> letterboxes_;
  std::vector<Adopted> adopted_;
  std::uint16_t nextPort_ = 49152;
};

}  // namespace bight::testing
