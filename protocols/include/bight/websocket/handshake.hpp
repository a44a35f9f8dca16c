/// @file
/// The opening handshake over HTTP/1.1: RFC 6455, section 4. Knows no socket; `Protocol` and `upgrade` use it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>
#include <bight/http/headers.hpp>
#include <bight/http/message.hpp>
#include <bight/websocket/deflate.hpp>
#include <bight/websocket/errors.hpp>
#include <bight/websocket/options.hpp>

namespace bight::websocket {

/// A fresh value for Sec-WebSocket-Key: 16 random bytes in base64.
BIGHT_API std::string makeKey();
/// What Sec-WebSocket-Accept must say to that key.
BIGHT_API std::string acceptFor(std::string_view key);

// ---- the server's side ----

/// A client that asks to speak WebSocket. Valid as long as its request.
struct Opening {
  const http::Request& request;
  std::string_view key;
  std::string_view origin;                     ///< "https://example.org"; empty if it sent none, as programs do
  std::vector<std::string_view> subprotocols;  ///< that it asks for, the one it likes best first

  bool offers(std::string_view subprotocol) const noexcept;
};

/// What a server says yes with.
struct Acceptance {
  std::string subprotocol = {};  ///< one of those asked for; empty: none
  http::Headers headers = {};    ///< further fields of the answer, as Set-Cookie
};

/// Reads the request.
/// @throws http::StatusError 400, 403 (the origin may not connect), 405 or 426 (another version, or no WebSocket at
///         all), with a sentence; `refusalFields()` has what else belongs to the answer
BIGHT_API Opening readOpening(const http::Request& request, const Options& options);
/// The fields that go with a refusal of this status: Allow for 405, Upgrade and Sec-WebSocket-Version for 426.
BIGHT_API http::Headers refusalFields(int status);

/// What was agreed upon.
struct Agreement {
  std::string subprotocol = {};
  std::optional<DeflateAgreement> deflate = {};
};
/// The fields of the answer 101.
/// @throws std::logic_error if the subprotocol was not asked for, or a header is one that the handshake sets
BIGHT_API http::Headers makeAnswer(const Opening& opening, const Acceptance& acceptance, const Options& options,
                                   Agreement& agreement);

// ---- the client's side ----

/// Where to, and what to say besides.
struct ClientRequest {
  std::string host;            ///< host and port, as the Host field has them
  std::string target = "/";    ///< path and query
  std::string origin = {};     ///< an Origin field, unless empty
  http::Headers headers = {};  ///< further fields: Authorization, Cookie, User-Agent
};

/// What the server's 101 said besides.
struct ServerAnswer {
  Agreement agreement;
  http::Headers headers;  ///< all of its fields
};

/// Asks a server, and reads what it answers, from bytes in any pieces.
class BIGHT_API ClientHandshake {
 public:
  /// @throws std::invalid_argument for a field that the handshake sets itself, or text that cannot stand in a field
  ClientHandshake(const ClientRequest& request, const Options& options);

  /// What to send.
  const std::string& request() const noexcept { return request_; }
  /// Takes what belongs to the answer off the front of `input`. @return whether the answer is there, and is yes
  /// @throws HandshakeError if it is anything else, or longer than 16 KiB
  bool read(std::string_view& input, const Options& options);
  const ServerAnswer& answer() const noexcept { return answer_; }

 private:
  void readHead(std::string_view head, const Options& options);

  std::string key_;
  std::string request_;
  std::string head_;
  ServerAnswer answer_;
};

}  // namespace bight::websocket
