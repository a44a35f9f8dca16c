#include <bight/tls/endpoints.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <bight/endpoint_strings.hpp>
#include <bight/log.hpp>
#include <bight/reactor.hpp>
#include <bight/tcp_endpoints.hpp>
#include <bight/tls/connection.hpp>
#include <bight/tls/errors.hpp>
#include <bight/tls/wrap.hpp>

namespace bight::tls {

namespace {

using Connected = std::shared_ptr<Protocol>;

/// Remembers the protocol that it has passed on, since what the endpoint below connects is the layer under it.
class Remembering final : public ClientFactory {
 public:
  explicit Remembering(std::shared_ptr<Factory> factory) : factory_(std::move(factory)) {}
  Connected buildProtocol(const Address& peer) override { return built_ = factory_->buildProtocol(peer); }
  void startFactory() override { factory_->doStart(); }
  void stopFactory() override { factory_->doStop(); }
  Connected take() noexcept { return std::exchange(built_, nullptr); }

 private:
  const std::shared_ptr<Factory> factory_;
  Connected built_;
};

class WrappedClient final : public ClientEndpoint {
 public:
  WrappedClient(ReactorTime& clock, std::shared_ptr<ClientEndpoint> endpoint, ClientContext context,
                std::string hostname)
      : clock_(clock), endpoint_(std::move(endpoint)), context_(std::move(context)), hostname_(std::move(hostname)) {}

  Deferred<Connected> connect(std::shared_ptr<Factory> factory) override {
    if (!factory) throw std::invalid_argument("connect needs a factory, and got a null pointer");
    const auto remembering = std::make_shared<Remembering>(std::move(factory));
    return endpoint_->connect(wrapClient(clock_, remembering, context_, hostname_))
        .addCallback([remembering, where = toString()](const Connected&) {
          Connected above = remembering->take();
          Connection* connection = Connection::of(above->transport());
          if (!connection) throw std::logic_error("the protocol has left its TLS connection in connectionMade()");
          return connection->handshake()
              .addErrback([above, where](const Failure& reason) {
                if (!reason.check<CancelledError>()) return reason;
                above->transport().abortConnection();
                return Failure(ConnectingCancelledError(where));
              })
              .addCallback([above] { return above; });
        });
  }
  std::string toString() const override {
    return "tls:hostname=" + quoteStringArgument(hostname_) + ":endpoint=" + quoteStringArgument(endpoint_->toString());
  }

 private:
  ReactorTime& clock_;
  const std::shared_ptr<ClientEndpoint> endpoint_;
  const ClientContext context_;
  const std::string hostname_;
};

class WrappedServer final : public ServerEndpoint {
 public:
  WrappedServer(ReactorTime& clock, std::shared_ptr<ServerEndpoint> endpoint, ServerContext context)
      : clock_(clock), endpoint_(std::move(endpoint)), context_(std::move(context)) {}

  Deferred<std::shared_ptr<Port>> listen(std::shared_ptr<Factory> factory) override {
    if (!factory) throw std::invalid_argument("listen needs a factory, and got a null pointer");
    return endpoint_->listen(wrapServer(clock_, std::move(factory), context_));
  }
  std::string toString() const override { return "TLS over " + endpoint_->toString(); }

 private:
  ReactorTime& clock_;
  const std::shared_ptr<ServerEndpoint> endpoint_;
  const ServerContext context_;
};

// ---- from strings ----

/// A description of the part below, made of values that were given for it.
void append(std::string& description, EndpointArguments& arguments, const char* name) {
  if (const auto value = arguments.text(name))
    description += std::string(":") + name + "=" + quoteStringArgument(*value);
}

Trust trustIn(EndpointArguments& arguments) {
  const auto path = arguments.text("trustRoots");
  if (!path) return {};
  struct stat status{};
  if (::stat(path->c_str(), &status) != 0)
    arguments.refuse("trustRoots", *path + ": " + std::generic_category().message(errno));
  if (S_ISDIR(status.st_mode)) return {.platform = false, .directories = {*path}};
  return Trust::only({Pem::file(*path)});
}

/// A context, or a complaint that says which value it is about: that whose file is named in it, or else the first one.
template <class Context, class Options>
Context contextOf(EndpointArguments& arguments, std::initializer_list<const char*> names, Options options,
                  const std::string& hint = {}) {
  try {
    return Context(std::move(options));
  } catch (const ContextError& e) {
    const std::string what = e.what() + hint;
    for (const char* name : names)
      if (const auto file = arguments.text(name); file && what.find(*file) != std::string::npos)
        arguments.refuse(name, what);
    arguments.refuse(*names.begin(), what);
  }
}

std::shared_ptr<ClientEndpoint> clientOf(Reactor& reactor, EndpointArguments& arguments) {
  arguments.positional({"host", "port"});
  std::string below;
  std::string hostname;
  if (const auto inner = arguments.text("endpoint")) {
    below = *inner;
    hostname = arguments.need("hostname", "the name or address that the certificate must be for");
  } else {
    const auto host = arguments.need("host", "the name of a host, or an address");
    below = "tcp:" + quoteStringArgument(host) + ":" + std::to_string(arguments.needNumber("port", 1, 65535));
    for (const char* name : {"timeout", "attemptDelay", "bindAddress"}) append(below, arguments, name);
    hostname = arguments.text("hostname")
                   ? arguments.need("hostname", "the name or address that the certificate must be for")
                   : host;
  }
  if (hostname.size() > 2 && hostname.front() == '[' && hostname.back() == ']')
    hostname = hostname.substr(1, hostname.size() - 2);
  ClientOptions options{.trust = trustIn(arguments)};
  const auto certificate = arguments.text("certificate");
  const auto key = arguments.text("privateKey");
  if (key && !certificate) arguments.refuse("privateKey", "there is no certificate for it");
  if (certificate)
    options.identity = Identity{.certificate = Pem::file(*certificate), .key = key ? Pem::file(*key) : Pem()};
  auto context = contextOf<ClientContext>(
      arguments, {certificate ? "certificate" : "trustRoots", "privateKey", "trustRoots"}, std::move(options));
  try {
    return wrapClientTLS(reactor, clientFromString(reactor, below), std::move(context), hostname);
  } catch (const std::invalid_argument& e) {
    arguments.refuse(arguments.text("endpoint")   ? "endpoint"
                     : arguments.text("hostname") ? "hostname"
                                                  : "host",
                     e.what());
  }
}

std::shared_ptr<ServerEndpoint> serverOf(Reactor& reactor, EndpointArguments& arguments) {
  arguments.positionalPort();
  std::string below = "tcp:" + std::to_string(arguments.needNumber("port", 0, 65535));
  const auto interface = arguments.text("interface");
  if (interface) {
    if (interface->find(':') != std::string::npos) below.replace(0, 3, "tcp6");
    below += ":interface=" + quoteStringArgument(*interface);
  }
  append(below, arguments, "backlog");
  const bool keyGiven = arguments.text("privateKey").has_value();
  const std::string key = keyGiven ? arguments.need("privateKey", "a PEM file") : "server.pem";
  const std::string certificate = arguments.text("certKey") ? arguments.need("certKey", "a PEM file") : key;
  Identity identity{.certificate = Pem::file(certificate), .key = Pem::file(key)};
  if (const auto extra = arguments.text("extraCertChain")) identity.extraChain = Pem::file(*extra);
  std::vector<Identity> identities;
  identities.push_back(std::move(identity));
  auto context = contextOf<ServerContext>(
      arguments, {"privateKey", "certKey", "extraCertChain"}, ServerOptions{.identities = std::move(identities)},
      keyGiven ? "" : " (no privateKey is given, and then it is server.pem in the working directory)");
  try {
    return wrapServerTLS(reactor, serverFromString(reactor, below), std::move(context));
  } catch (const std::invalid_argument& e) {
    arguments.refuse("interface", e.what());
  }
}

}  // namespace

std::shared_ptr<ClientEndpoint> wrapClientTLS(ReactorTime& clock, std::shared_ptr<ClientEndpoint> endpoint,
                                              ClientContext context, const std::string& hostname) {
  if (!endpoint) throw std::invalid_argument("wrapClientTLS needs an endpoint, and got a null pointer");
  // The check of the name is that of the factory.
  static_cast<void>(wrapClient(clock, std::make_shared<Remembering>(nullptr), context, hostname));
  return std::make_shared<WrappedClient>(clock, std::move(endpoint), std::move(context), hostname);
}

std::shared_ptr<ServerEndpoint> wrapServerTLS(ReactorTime& clock, std::shared_ptr<ServerEndpoint> endpoint,
                                              ServerContext context) {
  if (!endpoint) throw std::invalid_argument("wrapServerTLS needs an endpoint, and got a null pointer");
  return std::make_shared<WrappedServer>(clock, std::move(endpoint), std::move(context));
}

bool registerEndpoints() noexcept {
  static const bool done = []() noexcept {
    try {
      for (const char* type : {"tls", "ssl"}) {
        registerClientEndpoint(type, clientOf);
        registerServerEndpoint(type, serverOf);
      }
    } catch (const std::exception& e) {
      Logger("bight.tls").error(std::string("the types tls: and ssl: of endpoints are not there: ") + e.what());
    }
    return true;
  }();
  return done;
}

}  // namespace bight::tls
