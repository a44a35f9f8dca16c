/// @file
/// What can go wrong with a WebSocket connection, as exceptions.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/websocket/close_code.hpp>

namespace bight::websocket {

/// The opening handshake failed: the server refused, or what answered is no WebSocket server. Given to who connects.
class BIGHT_API HandshakeError : public std::runtime_error {
 public:
  explicit HandshakeError(const std::string& what, int status = 0) : std::runtime_error(what), status_(status) {}
  /// The status that the server answered with; 0 if it did not come to that.
  int status() const noexcept { return status_; }

 private:
  int status_;
};

/// How a connection ended; see `Protocol::onClose`.
struct Closed {
  bool wasClean = false;  ///< both sides have said that they close
  std::uint16_t code = closeCode::abnormal;
  std::string reason;
};

/// The connection is closed, or closes: there will be no more messages, and none can be sent.
class BIGHT_API ConnectionClosed : public std::runtime_error {
 public:
  explicit ConnectionClosed(Closed closed);
  const Closed& closed() const noexcept { return closed_; }
  std::uint16_t code() const noexcept { return closed_.code; }
  bool wasClean() const noexcept { return closed_.wasClean; }

 private:
  Closed closed_;
};

}  // namespace bight::websocket
