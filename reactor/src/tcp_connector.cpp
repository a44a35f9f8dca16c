#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>
#include <bight/resolver.hpp>

#include "stream_connector.hpp"

namespace bight::detail {

namespace {

/// A name may have thousands of addresses, if whoever answers for it likes.
constexpr std::size_t mostAddresses = 32;

class TcpConnector final : public StreamConnector {
 public:
  TcpConnector(ReactorBase& reactor, std::string host, std::uint16_t port, std::shared_ptr<ClientFactory> factory,
               const ConnectOptions& options)
      : StreamConnector(reactor, std::move(factory), options.timeout),
        host_(std::move(host)),
        port_(port),
        options_(options) {}

  Address getDestination() const override {
    if (auto literal = Address::parse(host_, port_)) return *std::move(literal);
    return HostnameAddress{host_, port_};
  }

 private:
  void lookUp() override;
  void cancelLookUp() noexcept override;
  std::optional<Failure> prepare(int fd, int family) override;

  const std::string host_;
  const std::uint16_t port_;
  const ConnectOptions options_;
  std::optional<Deferred<std::vector<Address>>> lookup_;  // under way, to be cancelled
};

void TcpConnector::lookUp() {
  const auto self = std::static_pointer_cast<TcpConnector>(shared_from_this());
  auto lookup = reactor().resolve(host_, {.port = port_});
  lookup.addCallbacks(
      [self, mine = attempt()](const std::vector<Address>& addresses) {
        if (!self->isAttempt(mine)) return;
        self->lookup_.reset();
        std::vector<SocketAddress> found;
        for (const Address& each : addresses)
          if (found.size() < mostAddresses) found.emplace_back(each);
        self->found(std::move(found));
      },
      [self, mine = attempt()](const Failure& failure) {
        if (self->isAttempt(mine)) self->fail(failure);
      });
  if (!lookup.called()) lookup_.emplace(std::move(lookup));
}

void TcpConnector::cancelLookUp() noexcept {
  if (auto lookup = std::exchange(lookup_, std::nullopt)) lookup->cancel();
}

std::optional<Failure> TcpConnector::prepare(int fd, int) {
  if (options_.noDelay) setOption(fd, IPPROTO_TCP, TCP_NODELAY, true);
  if (!options_.bindAddress) return std::nullopt;
  const auto& [host, port] = *options_.bindAddress;
  const auto local = Address::parse(host, port);
  if (!local) return Failure(ConnectBindError(0, host + " is not an address"));
  const SocketAddress from(*local);
  if (port != 0) setOption(fd, SOL_SOCKET, SO_REUSEADDR, true);
  if (sys::bind(fd, from.get(), from.length) != 0) return Failure(ConnectBindError(errno, local->toString()));
  return std::nullopt;
}

}  // namespace

std::shared_ptr<Connector> ReactorBase::doConnectTCP(const std::string& host, std::uint16_t port,
                                                     std::shared_ptr<ClientFactory> factory,
                                                     const ConnectOptions& options) {
  auto connector = std::make_shared<TcpConnector>(*this, host, port, std::move(factory), options);
  connector->connect();
  return connector;
}

}  // namespace bight::detail
