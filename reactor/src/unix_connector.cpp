#include <cerrno>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/unix.hpp>

#include "stream_connector.hpp"

namespace bight::detail {

namespace {

class UnixConnector final : public StreamConnector {
 public:
  UnixConnector(ReactorBase& reactor, std::string address, std::shared_ptr<ClientFactory> factory,
                const UNIXConnectOptions& options)
      : StreamConnector(reactor, std::move(factory), options.timeout), address_(std::move(address)) {}

  Address getDestination() const override { return UNIXAddress{address_}; }

 private:
  void lookUp() override {
    const SocketAddress address(getDestination());
    if (address.length == 0) return fail(Failure(ConnectError(ENAMETOOLONG, where())));
    found({address});
  }
  Failure refusal(int error, const SocketAddress&) const override {
    std::string detail = where();
    if (error == ENOENT) detail += ": is the server running, and is this where it listens?";
    if (error == ECONNREFUSED) detail += ": the file is there, but nobody serves it; start the server again";
    if (error == EPROTOTYPE) detail += ": it takes datagrams, not connections";
    return Failure(getConnectError(error, detail));
  }

  const std::string address_;
};

}  // namespace

std::shared_ptr<Connector> ReactorBase::doConnectUNIX(const std::string& address,
                                                      std::shared_ptr<ClientFactory> factory,
                                                      const UNIXConnectOptions& options) {
  auto connector = std::make_shared<UnixConnector>(*this, address, std::move(factory), options);
  connector->connect();
  return connector;
}

}  // namespace bight::detail
