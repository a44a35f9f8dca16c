#include <bight/tcp_endpoints.hpp>

#include <stdexcept>
#include <string_view>

#include <bight/endpoint_strings.hpp>
#include <bight/maybe_deferred.hpp>

#include "hostname_race.hpp"
#include "quoted.hpp"

namespace bight {

using detail::quoted;

namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(what);
}

int checkedPort(int port, int lowest, const char* who) {
  if (port < lowest || port > 65535)
    refuse(std::string(who) + ": port " + std::to_string(port) + " is out of range: it must be " +
           std::to_string(lowest) + " to 65535");
  return port;
}

/// Takes the [] of an IPv6 literal away, and checks what is left.
std::string checkedHost(std::string host) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    auto inner = host.substr(1, host.size() - 2);
    const auto literal = Address::parse(inner, 0);
    if (!literal || !literal->get<IPv6Address>())
      refuse("HostnameEndpoint: " + quoted(host) + " is not an IPv6 address in []");
    return inner;
  }
  if (Address::parse(host, 0)) return host;
  const auto problem = hostNameProblem(host);
  if (!problem.empty())
    refuse("HostnameEndpoint: " + quoted(host) + " is neither an address nor the name of a host: " + problem);
  return host;
}

AddressFamily familyOf(const Address& address) {
  return address.get<IPv4Address>() ? AddressFamily::ipv4 : AddressFamily::ipv6;
}

const char* nameOf(AddressFamily family) {
  return family == AddressFamily::ipv4 ? "IPv4" : "IPv6";
}

/// The family is what all of the host, the local address and the caller can agree upon.
HostnameOptions checkedOptions(const std::string& host, HostnameOptions options) {
  const auto agree = [&](std::string_view what, const std::string& text, AddressFamily family) {
    if (options.family != AddressFamily::any && options.family != family)
      refuse("HostnameEndpoint: " + std::string(what) + " " + text + " is an " + nameOf(family) + " address, and " +
             nameOf(options.family) + " is wanted");
    options.family = family;
  };
  if (options.family == AddressFamily::local)
    refuse("HostnameEndpoint: hosts have no addresses of the family \"local\"");
  if (options.attemptDelay <= Duration::zero()) refuse("HostnameEndpoint: attemptDelay must be more than zero");
  if (options.maxAddresses == 0) refuse("HostnameEndpoint: maxAddresses must be at least 1");
  if (const auto literal = Address::parse(host, 0)) agree("the host", host, familyOf(*literal));
  if (options.bindAddress) {
    const auto& text = options.bindAddress->first;
    const auto local = Address::parse(text, 0);
    if (!local) refuse("HostnameEndpoint: bindAddress " + quoted(text) + " is not an address");
    agree("bindAddress", text, familyOf(*local));
  }
  return options;
}

HostnameOptions of(AddressFamily family, HostnameOptions options) {
  options.family = family;
  return options;
}

ListenOptions listenOn(AddressFamily family, ListenOptions options) {
  if (options.interface.empty()) {
    if (family == AddressFamily::ipv6) options.interface = "::";
    return options;
  }
  const auto local = Address::parse(options.interface, 0);
  if (!local) refuse("the interface " + quoted(options.interface) + " is not an address");
  if (familyOf(*local) != family)
    refuse("the interface " + options.interface + " is an " + nameOf(familyOf(*local)) + " address, and " +
           nameOf(family) + " is wanted");
  return options;
}

}  // namespace

FailedAttempts::~FailedAttempts() = default;

// ---- clients ----

HostnameEndpoint::HostnameEndpoint(const HostReactor& reactor, std::string host, int port, HostnameOptions options)
    : reactor_(reactor),
      host_(checkedHost(std::move(host))),
      port_(static_cast<std::uint16_t>(checkedPort(port, 1, "HostnameEndpoint"))),
      options_(checkedOptions(host_, std::move(options))) {}

HostnameEndpoint::~HostnameEndpoint() = default;

Deferred<std::shared_ptr<Protocol>> HostnameEndpoint::connect(std::shared_ptr<Factory> factory) {
  if (!factory) refuse("connect needs a factory, and got a null pointer");
  return std::make_shared<detail::HostnameRace>(reactor_, host_, port_, options_, std::move(factory), toString())
      ->start();
}

std::string HostnameEndpoint::toString() const {
  const char* type = Address::parse(host_, 0) || options_.family == AddressFamily::any ? "tcp"
                     : options_.family == AddressFamily::ipv4                          ? "tcp4"
                                                                                       : "tcp6";
  return std::string(type) + ":" + quoteStringArgument(host_) + ":" + std::to_string(port_);
}

TCP4ClientEndpoint::TCP4ClientEndpoint(const HostReactor& reactor, std::string host, int port, HostnameOptions options)
    : HostnameEndpoint(reactor, std::move(host), port, of(AddressFamily::ipv4, std::move(options))) {}
TCP4ClientEndpoint::~TCP4ClientEndpoint() = default;

TCP6ClientEndpoint::TCP6ClientEndpoint(const HostReactor& reactor, std::string host, int port, HostnameOptions options)
    : HostnameEndpoint(reactor, std::move(host), port, of(AddressFamily::ipv6, std::move(options))) {}
TCP6ClientEndpoint::~TCP6ClientEndpoint() = default;

// ---- servers ----

TCPServerEndpoint::TCPServerEndpoint(ReactorTCP& reactor, int port, ListenOptions options)
    : reactor_(reactor), port_(checkedPort(port, 0, "TCPServerEndpoint")), options_(std::move(options)) {}
TCPServerEndpoint::~TCPServerEndpoint() = default;

Deferred<std::shared_ptr<Port>> TCPServerEndpoint::listen(std::shared_ptr<Factory> factory) {
  if (!factory) refuse("listen needs a factory, and got a null pointer");
  return execute([&] { return reactor_.listenTCP(port_, std::move(factory), options_); });
}

std::string TCPServerEndpoint::toString() const {
  const bool v6 = options_.interface.find(':') != std::string::npos;
  std::string text = std::string(v6 ? "tcp6:" : "tcp:") + std::to_string(port_);
  if (!options_.interface.empty() && options_.interface != "::")
    text += ":interface=" + quoteStringArgument(options_.interface);
  return text;
}

TCP4ServerEndpoint::TCP4ServerEndpoint(ReactorTCP& reactor, int port, ListenOptions options)
    : TCPServerEndpoint(reactor, port, listenOn(AddressFamily::ipv4, std::move(options))) {}
TCP4ServerEndpoint::~TCP4ServerEndpoint() = default;

TCP6ServerEndpoint::TCP6ServerEndpoint(ReactorTCP& reactor, int port, ListenOptions options)
    : TCPServerEndpoint(reactor, port, listenOn(AddressFamily::ipv6, std::move(options))) {}
TCP6ServerEndpoint::~TCP6ServerEndpoint() = default;

}  // namespace bight
