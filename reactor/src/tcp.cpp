#include <bight/tcp.hpp>

#include <stdexcept>

namespace bight {

namespace {

std::uint16_t checkedPort(int port, int lowest) {
  if (port < lowest || port > 65535)
    throw std::invalid_argument("port " + std::to_string(port) + " is out of range: it must be " +
                                std::to_string(lowest) + " to 65535");
  return static_cast<std::uint16_t>(port);
}

}  // namespace

std::shared_ptr<Port> ReactorTCP::listenTCP(int port, std::shared_ptr<Factory> factory, const ListenOptions& options) {
  const auto number = checkedPort(port, 0);
  if (!factory) throw std::invalid_argument("listenTCP needs a factory, and got a null pointer");
  return doListenTCP(number, std::move(factory), options);
}

std::shared_ptr<Connector> ReactorTCP::connectTCP(const std::string& host, int port,
                                                  std::shared_ptr<ClientFactory> factory,
                                                  const ConnectOptions& options) {
  const auto number = checkedPort(port, 1);
  if (host.empty())
    throw std::invalid_argument("connectTCP needs a host: an address or a name, and got an empty string");
  if (host.find('\0') != std::string::npos) throw std::invalid_argument("connectTCP: the host has a zero byte in it");
  if (!factory) throw std::invalid_argument("connectTCP needs a factory, and got a null pointer");
  return doConnectTCP(host, number, std::move(factory), options);
}

}  // namespace bight
