#include "endpoint_kinds.hpp"

#include <utility>

#include <bight/local_endpoints.hpp>
#include <bight/reactor.hpp>
#include <bight/tcp_endpoints.hpp>

#include "quoted.hpp"

namespace bight::detail {

namespace {

// ---- TCP ----

std::shared_ptr<ClientEndpoint> tcpClient(AddressFamily family, Reactor& reactor, EndpointArguments& arguments) {
  arguments.positional({"host", "port"});
  auto host = arguments.need("host", "the name of a host, or an address");
  const int port = arguments.needNumber("port", 1, 65535);
  HostnameOptions options;
  options.family = family;
  if (const auto timeout = arguments.seconds("timeout")) options.timeout = *timeout;
  if (const auto delay = arguments.seconds("attemptDelay")) {
    if (*delay <= Duration::zero()) arguments.refuse("attemptDelay", "must be more than 0");
    options.attemptDelay = *delay;
  }
  if (auto local = arguments.text("bindAddress")) {
    if (!Address::parse(*local, 0))
      arguments.refuse("bindAddress", "expected an IPv4 or IPv6 address, got " + quoted(*local));
    options.bindAddress.emplace(*std::move(local), std::uint16_t{0});
  }
  try {
    return std::make_shared<HostnameEndpoint>(reactor, std::move(host), port, std::move(options));
  } catch (const std::invalid_argument& e) {
    arguments.refuse("host", e.what());
  }
}

template <class Endpoint>
std::shared_ptr<ServerEndpoint> tcpServer(Reactor& reactor, EndpointArguments& arguments) {
  arguments.positionalPort();
  const int port = arguments.needNumber("port", 0, 65535);
  ListenOptions options;
  options.backlog = arguments.number("backlog", 0, 1'000'000).value_or(options.backlog);
  options.interface = arguments.text("interface").value_or("");
  try {
    return std::make_shared<Endpoint>(reactor, port, std::move(options));
  } catch (const std::invalid_argument& e) {
    arguments.refuse("interface", e.what());
  }
}

// ---- UNIX sockets ----

/// A path; "@name" is an abstract name.
std::string unixAddress(EndpointArguments& arguments) {
  auto address = arguments.need("address", "the path of a socket, or @ and an abstract name");
  if (address[0] == '@') address[0] = '\0';
  arguments.flag("lockfile");  // Twisted's: who finds a dead socket needs no lock file
  return address;
}

std::shared_ptr<ClientEndpoint> unixClient(Reactor& reactor, EndpointArguments& arguments) {
  arguments.positional({"address"});
  auto address = unixAddress(arguments);
  UNIXConnectOptions options;
  if (const auto timeout = arguments.seconds("timeout")) options.timeout = *timeout;
  return std::make_shared<UNIXClientEndpoint>(reactor, std::move(address), options);
}

std::shared_ptr<ServerEndpoint> unixServer(Reactor& reactor, EndpointArguments& arguments) {
  arguments.positional({"address"});
  auto address = unixAddress(arguments);
  UNIXListenOptions options;
  options.backlog = arguments.number("backlog", 0, 1'000'000).value_or(options.backlog);
  options.mode = arguments.octal("mode", 0777).value_or(options.mode);
  return std::make_shared<UNIXServerEndpoint>(reactor, std::move(address), options);
}

// ---- what is open already ----

AddressFamily domainIn(EndpointArguments& arguments) {
  const auto domain = arguments.text("domain");
  if (!domain) return AddressFamily::any;
  if (*domain == "INET") return AddressFamily::ipv4;
  if (*domain == "INET6") return AddressFamily::ipv6;
  if (*domain == "UNIX") return AddressFamily::local;
  arguments.refuse("domain", "expected INET, INET6 or UNIX, got " + quoted(*domain));
}

std::shared_ptr<ServerEndpoint> descriptorServer(Reactor& reactor, EndpointArguments& arguments) {
  arguments.positional({"fd"});
  const int fd = arguments.needNumber("fd", 0, 0x7fffffff);
  return std::make_shared<AdoptedStreamServerEndpoint>(reactor, fd, domainIn(arguments));
}

std::shared_ptr<ServerEndpoint> systemdServer(Reactor& reactor, EndpointArguments& arguments) {
  arguments.positional({"domain"});
  const auto family = domainIn(arguments);
  const auto name = arguments.text("name");
  const auto index = arguments.number("index", 0, 65535);
  if (name && index) arguments.refuse("index", "a name is given as well; give one of them");
  const char* const by = name ? "name" : "index";
  try {
    const auto sockets = ListenFDs::fromEnvironment();
    const int fd = name ? sockets.named(*name) : sockets.at(static_cast<std::size_t>(index.value_or(0)));
    return std::make_shared<AdoptedStreamServerEndpoint>(reactor, fd, family);
  } catch (const std::logic_error& e) {
    arguments.refuse(by, e.what());
  } catch (const std::runtime_error& e) {
    arguments.refuse(by, e.what());
  }
}

std::shared_ptr<ServerEndpoint> consoleServer(Reactor& reactor, EndpointArguments&) {
  return std::make_shared<StandardIOEndpoint>(reactor);
}

}  // namespace

EndpointMakers<ClientEndpointMaker> ownClientEndpoints() {
  return {
      {"tcp", [](Reactor& r, EndpointArguments& a) { return tcpClient(AddressFamily::any, r, a); }},
      {"tcp4", [](Reactor& r, EndpointArguments& a) { return tcpClient(AddressFamily::ipv4, r, a); }},
      {"tcp6", [](Reactor& r, EndpointArguments& a) { return tcpClient(AddressFamily::ipv6, r, a); }},
      {"unix", unixClient},
  };
}

EndpointMakers<ServerEndpointMaker> ownServerEndpoints() {
  return {
      {"tcp", tcpServer<TCP4ServerEndpoint>},
      {"tcp4", tcpServer<TCP4ServerEndpoint>},
      {"tcp6", tcpServer<TCP6ServerEndpoint>},
      {"unix", unixServer},
      {"fd", descriptorServer},
      {"systemd", systemdServer},
      {"stdio", consoleServer},
  };
}

}  // namespace bight::detail
