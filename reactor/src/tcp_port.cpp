// Several sockets on one number
// -----------------------------
// With SO_REUSEPORT set before `bind`, whoever else has set it may have the port already, and a server that is started
// twice by mistake would share its connections with itself. So the first of several sockets is bound without it, which
// fails if there is anybody, and gets it before it listens; the others find a socket there that is willing to share.
#include "tcp_port.hpp"

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

/// When a socket says that others may have the same number.
enum class Reuse { never, beforeBind, afterBind };

[[noreturn]] void refuse(const ListenOptions& options, std::uint16_t port, int error, const std::string& cause) {
  throw CannotListenError(options.interface, port, error,
                          error == 0 ? cause : cause + ": " + std::generic_category().message(error));
}

/// @param reactor  whose network it is; null: the system's
Descriptor openListener(ReactorBase* reactor, std::uint16_t port, const ListenOptions& options, Reuse reuse) {
  const auto wanted = Address::parse(options.interface.empty() ? "0.0.0.0" : options.interface, port);
  if (!wanted) refuse(options, port, 0, "the interface must be an IPv4 or IPv6 address of this machine, not a name");
  const SocketAddress address(*wanted);
  const bool v6 = address.family() == AF_INET6;
  Descriptor socket =
      reactor ? reactor->openSocket(address.family(), SOCK_STREAM) : openSocket(address.family(), SOCK_STREAM);
  if (!socket) refuse(options, port, errno, "no socket");
  setOption(socket.get(), SOL_SOCKET, SO_REUSEADDR, true);
  if (v6) setOption(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6Only);
  const auto share = [&] {
    if (!setOption(socket.get(), SOL_SOCKET, SO_REUSEPORT, true)) refuse(options, port, errno, "no SO_REUSEPORT");
  };
  if (reuse == Reuse::beforeBind) share();
  // Accepted sockets inherit it, which saves a system call for each.
  if (options.noDelay) setOption(socket.get(), IPPROTO_TCP, TCP_NODELAY, true);
  if (sys::bind(socket.get(), address.get(), address.length) != 0) refuse(options, port, errno, "bind");
  if (reuse == Reuse::afterBind) share();
  if (sys::listen(socket.get(), options.backlog) != 0) refuse(options, port, errno, "listen");
  return socket;
}

class TcpPort final : public StreamPort {
 public:
  TcpPort(ReactorBase& reactor, std::uint16_t port, std::shared_ptr<Factory> factory, const ListenOptions& options,
          Descriptor given = {})
      : StreamPort(reactor, std::move(factory)), options_(options), portNumber_(port), given_(std::move(given)) {}

 private:
  Descriptor open() override {
    if (given_) return std::move(given_);
    return openListener(&reactor(), portNumber_, options_, options_.reusePort ? Reuse::beforeBind : Reuse::never);
  }
  void opened(const Address& host) override { portNumber_ = host.port(); }
  void cannotListen(int error, const std::string& cause) const override { refuse(options_, portNumber_, error, cause); }

  const ListenOptions options_;
  std::uint16_t portNumber_;
  Descriptor given_;  // what it listens on first, instead of a socket of its own
};

}  // namespace

std::vector<Descriptor> openTcpListeners(std::uint16_t port, const ListenOptions& options, std::size_t count,
                                         Sharing sharing) {
  const bool own = sharing == Sharing::reusePort && count > 1;
  std::vector<Descriptor> sockets;
  sockets.reserve(count);
  sockets.push_back(openListener(nullptr, port, options,
                                 options.reusePort ? Reuse::beforeBind
                                 : own             ? Reuse::afterBind
                                                   : Reuse::never));
  const std::uint16_t number = localAddress(sockets[0].get(), AddressType::tcp).port();
  while (sockets.size() < count) {
    if (own) {
      sockets.push_back(openListener(nullptr, number, options, Reuse::beforeBind));
      continue;
    }
    try {
      sockets.push_back(FileDescriptor::duplicate(sockets[0].get()));
    } catch (const std::system_error& error) {
      refuse(options, number, error.code().value(), "one descriptor for each reactor");
    }
  }
  return sockets;
}

std::shared_ptr<Port> listenOnTcpSocket(ReactorBase& reactor, Descriptor socket, std::uint16_t port,
                                        std::shared_ptr<Factory> factory, const ListenOptions& options) {
  auto opened = std::make_shared<TcpPort>(reactor, port, std::move(factory), options, std::move(socket));
  opened->startListening();
  return opened;
}

std::shared_ptr<Port> ReactorBase::doListenTCP(std::uint16_t port, std::shared_ptr<Factory> factory,
                                               const ListenOptions& options) {
  return listenOnTcpSocket(*this, {}, port, std::move(factory), options);
}

}  // namespace bight::detail
