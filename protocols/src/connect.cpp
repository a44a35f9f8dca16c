#include <bight/connect.hpp>

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/policies/protocol_wrapper.hpp>

namespace bight {

namespace {

class OneAttempt;

/// Tells the attempt when `connectionMade()` of the protocol above has returned.
class Announcer : public ProtocolWrapper {
 public:
  Announcer(std::shared_ptr<Protocol> wrapped, std::shared_ptr<OneAttempt> attempt)
      : ProtocolWrapper(std::move(wrapped)), attempt_(std::move(attempt)) {}
  void connectionMade() override;
  void connectionLost(const Failure& reason) override;

 private:
  std::shared_ptr<OneAttempt> attempt_;
};

/// Builds the protocols of another factory, for one connection, and tells how the connecting went.
class OneAttempt final : public ClientFactory {
 public:
  explicit OneAttempt(std::shared_ptr<Factory> within) : within_(std::move(within)) {}

  Deferred<std::shared_ptr<Protocol>> begin(ReactorTCP& reactor, const std::string& host, int port,
                                            const ConnectOptions& options) {
    Deferred<std::shared_ptr<Protocol>> done(
        [self = std::static_pointer_cast<OneAttempt>(shared_from_this())] { self->giveUp(); });
    done_ = done.promise();
    connector_ = reactor.connectTCP(host, port, std::static_pointer_cast<ClientFactory>(shared_from_this()), options);
    return done;
  }

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override {
    auto protocol = within_->buildProtocol(peer);
    if (!protocol) return nullptr;
    return makeWrapper<Announcer>(std::move(protocol), std::static_pointer_cast<OneAttempt>(shared_from_this()));
  }
  void startFactory() override { within_->doStart(); }
  void stopFactory() override { within_->doStop(); }
  void clientConnectionFailed(Connector&, const Failure& reason) override { fail(reason); }
  /// Lost before it was made: the factory refused.
  void clientConnectionLost(Connector&, const Failure& reason) override { fail(reason); }

 private:
  friend class Announcer;

  void made(const std::shared_ptr<Protocol>& protocol) {
    connector_.reset();
    if (const auto done = std::exchange(done_, std::nullopt)) done->callback(protocol);
  }
  void fail(const Failure& reason) {
    connector_.reset();
    if (const auto done = std::exchange(done_, std::nullopt)) done->errback(reason);
  }
  void giveUp() {
    const auto done = std::exchange(done_, std::nullopt);  // fails with CancelledError when we return
    if (const auto connector = std::exchange(connector_, nullptr)) connector->disconnect();
    if (done) done->errback(CancelledError());
  }

  std::shared_ptr<Factory> within_;
  std::shared_ptr<Connector> connector_;
  std::optional<Promise<std::shared_ptr<Protocol>>> done_;
};

void Announcer::connectionMade() {
  const auto above = wrappedProtocol();
  ProtocolWrapper::connectionMade();
  if (const auto attempt = std::exchange(attempt_, nullptr)) attempt->made(above);
}

void Announcer::connectionLost(const Failure& reason) {
  if (const auto attempt = std::exchange(attempt_, nullptr)) attempt->fail(reason);
  ProtocolWrapper::connectionLost(reason);
}

}  // namespace

Connect connectOverTCP(ReactorTCP& reactor, const std::string& host, int port, const ConnectOptions& options) {
  if (host.empty()) throw std::invalid_argument("connectOverTCP needs a host, and got an empty name");
  if (port < 1 || port > 65535)
    throw std::invalid_argument("connectOverTCP: " + std::to_string(port) + " is no port; they go from 1 to 65535");
  return [&reactor, host, port, options](std::shared_ptr<Factory> factory) {
    if (!factory) throw std::invalid_argument("Connect needs a factory, and got a null pointer");
    return std::make_shared<OneAttempt>(std::move(factory))->begin(reactor, host, port, options);
  };
}

}  // namespace bight
