#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>

#include "stream_port.hpp"

namespace bight::detail {

namespace {

class TcpPort final : public StreamPort {
 public:
  TcpPort(ReactorBase& reactor, std::uint16_t port, std::shared_ptr<Factory> factory, const ListenOptions& options)
      : StreamPort(reactor, std::move(factory)), options_(options), portNumber_(port) {}

 private:
  Descriptor open() override;
  void opened(const Address& host) override { portNumber_ = host.port(); }
  void cannotListen(int error, const std::string& cause) const override {
    throw CannotListenError(options_.interface, portNumber_, error,
                            error == 0 ? cause : cause + ": " + std::generic_category().message(error));
  }

  const ListenOptions options_;
  std::uint16_t portNumber_;
};

Descriptor TcpPort::open() {
  const auto wanted = Address::parse(options_.interface.empty() ? "0.0.0.0" : options_.interface, portNumber_);
  if (!wanted) cannotListen(0, "the interface must be an IPv4 or IPv6 address of this machine, not a name");
  const SocketAddress address(*wanted);
  const bool v6 = address.family() == AF_INET6;
  Descriptor socket = openSocket(address.family(), SOCK_STREAM);
  if (!socket) cannotListen(errno, "no socket");
  setOption(socket.get(), SOL_SOCKET, SO_REUSEADDR, true);
  if (v6) setOption(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, options_.ipv6Only);
  if (options_.reusePort && !setOption(socket.get(), SOL_SOCKET, SO_REUSEPORT, true))
    cannotListen(errno, "no SO_REUSEPORT");
  // Accepted sockets inherit it, which saves a system call for each.
  if (options_.noDelay) setOption(socket.get(), IPPROTO_TCP, TCP_NODELAY, true);
  if (::bind(socket.get(), address.get(), address.length) != 0) cannotListen(errno, "bind");
  if (::listen(socket.get(), options_.backlog) != 0) cannotListen(errno, "listen");
  return socket;
}

}  // namespace

std::shared_ptr<Port> ReactorBase::doListenTCP(std::uint16_t port, std::shared_ptr<Factory> factory,
                                               const ListenOptions& options) {
  auto opened = std::make_shared<TcpPort>(*this, port, std::move(factory), options);
  opened->startListening();
  return opened;
}

}  // namespace bight::detail
