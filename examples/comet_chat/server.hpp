/// @file
/// The whole server: a room, and the doors that lead into it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/reactor.hpp>
#include <bight/tcp.hpp>

#include "room.hpp"

namespace chat {

struct Settings {
  std::string host = "127.0.0.1";  ///< the address to listen on; "" is every IPv4 address, "::" every IPv6 one
  int port = 8000;                 ///< of the web page; 0 lets the system choose
  std::optional<int> linePort = std::nullopt;  ///< of the door for terminals, if there shall be one
  std::size_t history = Room::defaultHistory;  ///< how many messages are kept
};

class Server {
 public:
  /// Listens when this returns.
  /// @throws bight::CannotListenError if an address is in use, or is none of ours;  std::invalid_argument for a port
  /// out of range
  Server(bight::Reactor& reactor, const Settings& settings);

  /// Where the page is: "http://127.0.0.1:8000/".
  std::string url() const;
  /// Where the doors are: the web first, then the one for terminals, if there is one.
  const std::vector<std::shared_ptr<bight::Port>>& ports() const { return ports_; }
  Room& room() { return room_; }

  /// Closes the doors, and answers everybody who waits. Fires when all doors are closed; do not destroy the server
  /// before.
  bight::Deferred<void> stop();

 private:
  Room room_;
  std::vector<std::shared_ptr<bight::Port>> ports_;
};

}  // namespace chat
