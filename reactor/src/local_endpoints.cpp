#include <bight/endpoint_strings.hpp>
#include <bight/local_endpoints.hpp>
#include <bight/maybe_deferred.hpp>
#include <bight/standard_io.hpp>

#include <bight/detail/connecting_factory.hpp>

namespace bight {

namespace {

void refuseNull(const std::shared_ptr<Factory>& factory, const char* function) {
  if (!factory) throw std::invalid_argument(std::string(function) + " needs a factory, and got a null pointer");
}

std::string checkedAddress(std::string address, const char* who) {
  if (address.empty()) throw std::invalid_argument(std::string(who) + " needs an address, and got an empty text");
  return address;
}

/// As `unix:` takes it: an abstract name with a '@' before it.
std::string written(const std::string& address) {
  return quoteStringArgument(address[0] == '\0' ? "@" + address.substr(1) : address);
}

/// What stands for the one connection of the standard input and output.
class ConsolePort final : public Port {
 public:
  Address getHost() const override { return UNIXAddress(); }
  void startListening() override {
    throw std::logic_error("startListening: standard input and output are connected once");
  }
  Deferred<void> stopListening() override { return succeed(); }
};

}  // namespace

// ---- UNIX sockets ----

UNIXClientEndpoint::UNIXClientEndpoint(ReactorUNIX& reactor, std::string address, UNIXConnectOptions options)
    : reactor_(reactor), address_(checkedAddress(std::move(address), "UNIXClientEndpoint")), options_(options) {}
UNIXClientEndpoint::~UNIXClientEndpoint() = default;

Deferred<std::shared_ptr<Protocol>> UNIXClientEndpoint::connect(std::shared_ptr<Factory> factory) {
  return detail::ConnectingFactory::connect(std::move(factory), toString(), [this](std::shared_ptr<ClientFactory> own) {
    return reactor_.connectUNIX(address_, std::move(own), options_);
  });
}

std::string UNIXClientEndpoint::toString() const {
  return "unix:" + written(address_);
}

UNIXServerEndpoint::UNIXServerEndpoint(ReactorUNIX& reactor, std::string address, UNIXListenOptions options)
    : reactor_(reactor), address_(checkedAddress(std::move(address), "UNIXServerEndpoint")), options_(options) {}
UNIXServerEndpoint::~UNIXServerEndpoint() = default;

Deferred<std::shared_ptr<Port>> UNIXServerEndpoint::listen(std::shared_ptr<Factory> factory) {
  refuseNull(factory, "listen");
  return execute([&] { return reactor_.listenUNIX(address_, std::move(factory), options_); });
}

std::string UNIXServerEndpoint::toString() const {
  return "unix:" + written(address_);
}

// ---- open sockets ----

AdoptedStreamServerEndpoint::AdoptedStreamServerEndpoint(ReactorSocket& reactor, int fd, AddressFamily family)
    : reactor_(reactor), fd_(fd), family_(family) {}
AdoptedStreamServerEndpoint::~AdoptedStreamServerEndpoint() = default;

Deferred<std::shared_ptr<Port>> AdoptedStreamServerEndpoint::listen(std::shared_ptr<Factory> factory) {
  refuseNull(factory, "listen");
  if (listened_) return fail<std::shared_ptr<Port>>(AlreadyListened(toString()));
  return execute([&] {
    auto port = reactor_.adoptStreamPort(fd_, family_, std::move(factory));
    listened_ = true;
    return port;
  });
}

std::string AdoptedStreamServerEndpoint::toString() const {
  return "fd:" + std::to_string(fd_);
}

// ---- standard input and output ----

StandardIOEndpoint::StandardIOEndpoint(ReactorProcess& reactor, int stdIn, int stdOut)
    : reactor_(reactor), in_(stdIn), out_(stdOut) {}
StandardIOEndpoint::~StandardIOEndpoint() = default;

Deferred<std::shared_ptr<Port>> StandardIOEndpoint::listen(std::shared_ptr<Factory> factory) {
  refuseNull(factory, "listen");
  if (listened_) return fail<std::shared_ptr<Port>>(AlreadyListened(toString()));
  return execute([&]() -> std::shared_ptr<Port> {
    auto protocol = factory->buildProtocol(UNIXAddress());
    if (!protocol) throw NoProtocol(toString());
    const StandardIO console(reactor_, std::move(protocol), in_, out_);  // the reactor keeps what it needs
    listened_ = true;
    return std::make_shared<ConsolePort>();
  });
}

std::string StandardIOEndpoint::toString() const {
  return "stdio:";
}

}  // namespace bight
