/// @file
/// SOCKS 4, 4a and 5 (RFC 1928, RFC 1929): both sides of the opening, as bytes in and bytes out. Knows no connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <bight/address.hpp>
#include <bight/connection_errors.hpp>
#include <bight/export.hpp>

namespace bight::socks {

enum class Version : std::uint8_t { v4 = 4, v5 = 5 };

enum class Command : std::uint8_t { connect = 1, bind = 2, udpAssociate = 3 };

/// What a server answers. The numbers are those of version 5; version 4 knows only "granted" and "rejected".
enum class Reply : std::uint8_t {
  succeeded = 0,
  generalFailure = 1,
  notAllowed = 2,
  networkUnreachable = 3,
  hostUnreachable = 4,
  connectionRefused = 5,
  ttlExpired = 6,
  commandNotSupported = 7,
  addressTypeNotSupported = 8
};

/// "succeeded", "the connection was refused", …
BIGHT_API std::string_view toString(Reply reply) noexcept;

/// What a client wants.
struct Request {
  Version version = Version::v5;
  Command command = Command::connect;
  Address target;    ///< an IP address, or a HostnameAddress: a name that the server is to look up
  std::string user;  ///< who it is: by password in version 5, by mere assertion in version 4; may be empty
};

/// What came is not SOCKS.
class BIGHT_API ProtocolError : public std::runtime_error {
 public:
  explicit ProtocolError(const std::string& why);
};

/// The server did not connect us.
class BIGHT_API RefusedError : public ConnectError {
 public:
  RefusedError(Reply reply, const std::string& detail);
  Reply reply() const noexcept { return reply_; }

 private:
  Reply reply_;
};

/// The server's side of the opening of one connection.
///
/// ```
///   feed(bytes) ──► incomplete: write output(), feed more
///               ──► authenticate: look at user() and password(), then authenticated(…)
///               ──► request: do what request() wants, write reply(…); rest() is the connection's
///               ──► refused: write output(), close
/// ```
class BIGHT_API ServerOpening {
 public:
  enum class Step : std::uint8_t { incomplete, authenticate, request, refused };

  /// @param passwords  whether clients must name themselves with a password: version 5 only, then
  explicit ServerOpening(bool passwords) noexcept : passwords_(passwords) {}

  /// @throws ProtocolError as soon as what came cannot be SOCKS
  Step feed(std::string_view input);
  /// The answer to `Step::authenticate`. What had come behind the password is read on.
  Step authenticated(bool accepted);

  /// What is to be written now.
  std::string takeOutput() { return std::exchange(output_, {}); }
  /// What came behind the request.
  std::string takeRest() { return std::exchange(buffer_, {}); }

  const std::string& user() const noexcept { return request_.user; }
  const std::string& password() const noexcept { return password_; }
  const Request& request() const noexcept { return request_; }

  /// The answer to the request.
  /// @param bound  the address of our end of the connection onward
  std::string reply(Reply reply, const Address& bound = {}) const;

 private:
  enum class State : std::uint8_t { greeting, password, request, done };

  Step advance();
  std::optional<Step> readGreeting();
  std::optional<Step> readPassword();
  std::optional<Step> readVersion4();
  std::optional<Step> readRequest();

  std::string buffer_;  // what has come and is not read
  std::string output_;
  std::string password_;
  Request request_;
  bool passwords_;
  State state_ = State::greeting;
};

/// How a client presents itself.
struct ClientOptions {
  Version version = Version::v5;
  /// The name, and for version 5 the password (of 255 bytes at most each). Without a name, none is offered.
  std::string user = {};
  std::string password = {};
};

/// The client's side of the opening of one connection.
class BIGHT_API ClientOpening {
 public:
  /// @param target  an IP address, or a HostnameAddress, which the server looks up (version 4a then)
  /// @throws std::invalid_argument for what the version cannot express: an IPv6 address in version 4, a name of more
  ///         than 255 bytes or with a zero byte
  ClientOpening(Address target, ClientOptions options);

  /// What is to be written now: at first, and after each `feed()`.
  std::string takeOutput() { return std::exchange(output_, {}); }
  /// @return whether the connection is there: what comes then, and `takeRest()`, is the target's
  /// @throws ProtocolError if the server does not speak SOCKS; RefusedError if it does not connect us
  bool feed(std::string_view input);
  std::string takeRest() { return std::exchange(buffer_, {}); }
  /// The server's end of the connection onward, as it says.
  const Address& bound() const noexcept { return bound_; }

 private:
  enum class State : std::uint8_t { method, password, reply, done };

  bool advance();
  void sendRequest();
  void sendVersion4();
  bool readReply();
  bool readVersion4();

  Address target_;
  ClientOptions options_;
  std::string buffer_;
  std::string output_;
  Address bound_;
  State state_ = State::method;
};

}  // namespace bight::socks
