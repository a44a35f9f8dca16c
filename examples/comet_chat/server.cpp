#include "server.hpp"

#include <utility>

#include <bight/address.hpp>
#include <bight/http/server.hpp>

#include "terminal.hpp"
#include "web.hpp"

namespace chat {

// region: server
Server::Server(bight::Reactor& reactor, const Settings& settings) : room_(reactor, settings.history) {
  const bight::ListenOptions options{.interface = settings.host, .backlog = 1024};
  // A Site is a Factory: for each connection it builds the Protocol that speaks HTTP.
  const auto site = std::make_shared<bight::http::Site>(reactor, makeWeb(room_));
  ports_.push_back(reactor.listenTCP(settings.port, site, options));
  if (settings.linePort) {
    // And so is the TerminalFactory, with a Protocol of our own.
    ports_.push_back(reactor.listenTCP(*settings.linePort, std::make_shared<TerminalFactory>(room_), options));
  }
}
// endregion: server

std::string Server::url() const {
  return "http://" + ports_.front()->getHost().toString() + "/";
}

// region: stop
bight::Deferred<void> Server::stop() {
  std::vector<bight::Deferred<void>> closed;
  closed.reserve(ports_.size());
  for (const auto& port : ports_) closed.push_back(port->stopListening());
  room_.close();
  return bight::gatherResults(std::move(closed));
}
// endregion: stop

}  // namespace chat
