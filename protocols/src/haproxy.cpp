#include <bight/haproxy.hpp>

#include <utility>

#include <bight/log.hpp>
#include <bight/timeout_mixin.hpp>

namespace bight {

namespace {

/// Takes the header off, then builds the protocol above. It hears of half closes before it knows whether that protocol
/// wants to: if it does not, its connection is closed.
class ProxiedConnection final : public ProtocolWrapper, public HalfCloseable, public TimeoutMixin {
 public:
  ProxiedConnection(std::shared_ptr<Factory> factory, ReactorTime& clock, const HAProxyOptions& options)
      : ProtocolWrapper(nullptr),
        TimeoutMixin(clock),
        factory_(std::move(factory)),
        reader_(options.mostBytes),
        limit_(options.timeout) {}

  const ProxyHeader* header() const noexcept { return header_ ? &*header_ : nullptr; }

  void connectionMade() override {
    ProtocolWrapper::connectionMade();
    if (limit_ > Duration::zero()) setTimeout(limit_);
  }
  void dataReceived(std::string_view data) override {
    if (header_) return ProtocolWrapper::dataReceived(data);
    if (takeHeader(data)) passRest(data);
  }
  void connectionLost(const Failure& reason) override {
    setTimeout(std::nullopt);
    factory_ = nullptr;
    ProtocolWrapper::connectionLost(reason);
  }
  void readConnectionLost() override { ProtocolWrapper::readConnectionLost(); }
  void writeConnectionLost() override { ProtocolWrapper::writeConnectionLost(); }

  Address getPeer() const override {
    return header_ && header_->source ? *header_->source : ProtocolWrapper::getPeer();
  }
  Address getHost() const override {
    return header_ && header_->destination ? *header_->destination : ProtocolWrapper::getHost();
  }

 private:
  void refuse(const std::string& why) {
    static const Logger log("bight.haproxy");
    log.info(ProtocolWrapper::getPeer().toString() + ": " + why);
    header_.emplace();  // nothing is read any more
    transport().loseConnection();
  }

  void timeoutConnection() override { refuse("no header of the PROXY protocol came in time"); }

  /// @return whether there is a protocol now, for what is left of `data`
  bool takeHeader(std::string_view& data) {
    try {
      auto header = reader_.next(data);
      if (!header) return false;
      header_ = std::move(header);
    } catch (const InvalidProxyHeader& error) {
      refuse(error.what());
      return false;
    }
    setTimeout(std::nullopt);
    // It may keep its protocols, and they us: from here on the connection's own factory keeps it.
    auto protocol = std::exchange(factory_, nullptr)->buildProtocol(getPeer());
    if (!protocol) {
      transport().loseConnection();
      return false;
    }
    wrapProtocol(std::move(protocol));
    return !transport().disconnecting();
  }

  std::shared_ptr<Factory> factory_;  // until there is a protocol
  std::optional<ProxyHeader> header_;
  ProxyHeaderReader reader_;
  Duration limit_;
};

class HeaderSender : public ProtocolWrapper {
 public:
  HeaderSender(std::shared_ptr<Protocol> wrapped, std::function<ProxyHeader()> header, int version)
      : ProtocolWrapper(std::move(wrapped)), header_(std::move(header)), version_(version) {}

  void connectionMade() override {
    const ProxyHeader header = header_();
    transport().write(version_ == 1 ? header.toVersion1() : header.toVersion2());
    ProtocolWrapper::connectionMade();
  }

 private:
  std::function<ProxyHeader()> header_;
  int version_;
};

class HeaderSendingFactory final : public WrappingClientFactory {
 public:
  HeaderSendingFactory(std::shared_ptr<ClientFactory> wrapped, std::function<ProxyHeader()> header, int version)
      : WrappingClientFactory(std::move(wrapped)), header_(std::move(header)), version_(version) {}

 protected:
  std::shared_ptr<ProtocolWrapper> wrapProtocol(std::shared_ptr<Protocol> protocol, const Address&) override {
    return makeWrapper<HeaderSender>(std::move(protocol), header_, version_);
  }

 private:
  std::function<ProxyHeader()> header_;
  int version_;
};

}  // namespace

HAProxyWrappingFactory::HAProxyWrappingFactory(ReactorTime& clock, std::shared_ptr<Factory> wrapped,
                                               HAProxyOptions options)
    : WrappingFactory(std::move(wrapped)), clock_(clock), options_(std::move(options)) {}

HAProxyWrappingFactory::~HAProxyWrappingFactory() = default;

std::shared_ptr<Protocol> HAProxyWrappingFactory::buildProtocol(const Address& peer) {
  if (options_.trusted && !options_.trusted(peer)) return nullptr;
  return adopt(std::make_shared<ProxiedConnection>(wrappedFactory().shared_from_this(), clock_, options_));
}

std::shared_ptr<ProtocolWrapper> HAProxyWrappingFactory::wrapProtocol(std::shared_ptr<Protocol>, const Address&) {
  return nullptr;  // buildProtocol() does it
}

const ProxyHeader* HAProxyWrappingFactory::headerOf(const Transport& transport) noexcept {
  // There may be other wrappers between the protocol and us.
  for (const auto* wrapper = ProtocolWrapper::lending(transport); wrapper;
       wrapper = ProtocolWrapper::lending(wrapper->transport()))
    if (const auto* connection = dynamic_cast<const ProxiedConnection*>(wrapper)) return connection->header();
  return nullptr;
}

std::shared_ptr<ClientFactory> sendProxyHeader(std::shared_ptr<ClientFactory> factory,
                                               std::function<ProxyHeader()> header, int version) {
  if (!header) throw std::invalid_argument("sendProxyHeader needs a function that makes headers, and got none");
  if (version != 1 && version != 2)
    throw std::invalid_argument("sendProxyHeader: the PROXY protocol has the versions 1 and 2, and no version " +
                                std::to_string(version));
  return std::make_shared<HeaderSendingFactory>(std::move(factory), std::move(header), version);
}

ProxyHeader proxyHeaderFor(const Transport& front) {
  return {front.getPeer(), front.getHost()};
}

}  // namespace bight
