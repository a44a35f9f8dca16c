// Nothing in the opening is longer than some 520 bytes, so each step is read from the beginning of a small buffer, as
// soon as it is complete.
#include <bight/socks/messages.hpp>

#include <array>
#include <utility>

#include "wire.hpp"

namespace bight::socks {

namespace {

constexpr char noPassword = 0;
constexpr char byPassword = 2;
constexpr char noMethod = '\xff';
constexpr char granted4 = 90;
constexpr char rejected4 = 91;

}  // namespace

std::string_view toString(Reply reply) noexcept {
  switch (reply) {
    case Reply::succeeded:
      return "succeeded";
    case Reply::generalFailure:
      return "the server failed";
    case Reply::notAllowed:
      return "the server's rules do not allow it";
    case Reply::networkUnreachable:
      return "the network cannot be reached";
    case Reply::hostUnreachable:
      return "the host cannot be reached";
    case Reply::connectionRefused:
      return "the connection was refused";
    case Reply::ttlExpired:
      return "the time to live expired";
    case Reply::commandNotSupported:
      return "the server does not know the command";
    case Reply::addressTypeNotSupported:
      return "the server does not know addresses of this type";
  }
  return "an unknown reply";
}

ProtocolError::ProtocolError(const std::string& why) : std::runtime_error("This is not SOCKS: " + why + '.') {}

RefusedError::RefusedError(Reply reply, const std::string& detail)
    : ConnectError("The SOCKS server did not connect us", 0, detail), reply_(reply) {}

// ---- the server's side ----

ServerOpening::Step ServerOpening::feed(std::string_view input) {
  buffer_.append(input);
  return advance();
}

ServerOpening::Step ServerOpening::advance() {
  for (;;) {
    std::optional<Step> step;
    switch (state_) {
      case State::greeting:
        step = readGreeting();
        break;
      case State::password:
        step = readPassword();
        break;
      case State::request:
        step = readRequest();
        break;
      case State::done:
        return Step::refused;
    }
    if (step) return *step;
  }
}

/// Each of these returns nothing when it has read something, and the next is to be read.
std::optional<ServerOpening::Step> ServerOpening::readGreeting() {
  if (buffer_.empty()) return Step::incomplete;
  if (buffer_[0] == 4) return readVersion4();
  if (buffer_[0] != 5) throw ProtocolError("it begins with neither 4 nor 5");
  Bytes bytes(buffer_);
  bytes.skip(1);
  const auto methods = bytes.counted();
  if (!methods) return Step::incomplete;
  request_.version = Version::v5;
  const char wanted = passwords_ ? byPassword : noPassword;
  const bool offered = methods->find(wanted) != std::string_view::npos;
  output_ += {5, offered ? wanted : noMethod};
  buffer_.erase(0, bytes.used());
  state_ = !offered ? State::done : passwords_ ? State::password : State::request;
  return std::nullopt;
}

std::optional<ServerOpening::Step> ServerOpening::readPassword() {
  Bytes bytes(buffer_);
  const auto version = bytes.byte();
  if (version && *version != 1) throw ProtocolError("the version of the password's message is not 1");
  const auto user = bytes.counted();
  const auto password = user ? bytes.counted() : std::nullopt;
  if (!password) return Step::incomplete;
  request_.user = *user;
  password_ = *password;
  buffer_.erase(0, bytes.used());
  return Step::authenticate;
}

ServerOpening::Step ServerOpening::authenticated(bool accepted) {
  output_ += {1, static_cast<char>(accepted ? 0 : 1)};
  password_.clear();
  state_ = accepted ? State::request : State::done;
  return advance();
}

std::optional<ServerOpening::Step> ServerOpening::readRequest() {
  Bytes bytes(buffer_);
  const auto version = bytes.byte();
  if (version && *version != 5) throw ProtocolError("the version of the request is not 5");
  const auto command = bytes.byte();
  if (!command || !bytes.byte()) return Step::incomplete;
  bool known = true;
  const auto target = bytes.address(known);
  if (!known) {
    output_ += reply(Reply::addressTypeNotSupported);
    state_ = State::done;
    return std::nullopt;
  }
  if (!target) return Step::incomplete;
  buffer_.erase(0, bytes.used());
  state_ = State::done;
  request_.target = *target;
  request_.command = static_cast<Command>(*command);
  if (*command < 1 || *command > 3) {
    output_ += reply(Reply::commandNotSupported);
    return Step::refused;
  }
  return Step::request;
}

std::optional<ServerOpening::Step> ServerOpening::readVersion4() {
  request_.version = Version::v4;
  Bytes bytes(buffer_);
  bytes.skip(1);
  const auto command = bytes.byte();
  const auto port = bytes.number();
  const auto host = bytes.take(4);
  if (!host) return Step::incomplete;
  const auto user = bytes.terminated();
  if (!user) return Step::incomplete;
  const IPv4Address address(arrayOf<4>(*host), *port);
  request_.target = address;
  // 0.0.0.x, x not 0: version 4a, a name follows.
  if (address.bytes()[0] == 0 && address.bytes()[1] == 0 && address.bytes()[2] == 0 && address.bytes()[3] != 0) {
    const auto name = bytes.terminated();
    if (!name) return Step::incomplete;
    if (name->empty()) throw ProtocolError("the name of the host is empty");
    request_.target = HostnameAddress{std::string(*name), *port};
  }
  request_.user = *user;
  buffer_.erase(0, bytes.used());
  state_ = State::done;
  request_.command = static_cast<Command>(*command);
  if (passwords_ || (*command != 1 && *command != 2)) {
    output_ += reply(Reply::notAllowed);
    return Step::refused;
  }
  return Step::request;
}

std::string ServerOpening::reply(Reply reply, const Address& bound) const {
  std::string bytes;
  if (request_.version == Version::v4) {
    bytes += {0, reply == Reply::succeeded ? granted4 : rejected4};
    const auto* v4 = bound.get<IPv4Address>();
    appendNumber(bytes, v4 ? v4->port() : 0);
    appendBytes(bytes, v4 ? v4->bytes() : std::array<std::uint8_t, 4>{});
    return bytes;
  }
  bytes += {5, static_cast<char>(reply), 0};
  appendAddress(bytes, bound.get<IPv4Address>() || bound.get<IPv6Address>() ? bound : Address());
  return bytes;
}

// ---- the client's side ----

ClientOpening::ClientOpening(Address target, ClientOptions options)
    : target_(std::move(target)), options_(std::move(options)) {
  const auto* name = target_.get<HostnameAddress>();
  const bool ip = target_.get<IPv4Address>() || target_.get<IPv6Address>();
  if (!name && !ip)
    throw std::invalid_argument("SOCKS connects to hosts by address or name, not to " + target_.toString());
  if (name && (name->hostname.empty() || name->hostname.size() > 255 || name->hostname.find('\0') != std::string::npos))
    throw std::invalid_argument("SOCKS: a host's name has 1 to 255 bytes, none of them 0");
  if (options_.user.size() > 255 || options_.password.size() > 255)
    throw std::invalid_argument("SOCKS: a user's name and password have at most 255 bytes each");
  if (options_.version == Version::v4) {
    if (target_.get<IPv6Address>()) throw std::invalid_argument("SOCKS 4 knows no IPv6 addresses; use version 5");
    if (options_.user.find('\0') != std::string::npos)
      throw std::invalid_argument("SOCKS 4: a user's name has no zero byte");
    state_ = State::reply;
    sendVersion4();
    return;
  }
  output_ = options_.user.empty() ? std::string{5, 1, noPassword} : std::string{5, 2, noPassword, byPassword};
}

bool ClientOpening::feed(std::string_view input) {
  buffer_.append(input);
  return advance();
}

bool ClientOpening::advance() {
  for (;;) {
    if (state_ == State::done) return true;
    if (state_ == State::reply) {
      if (!(options_.version == Version::v4 ? readVersion4() : readReply())) return false;
      state_ = State::done;
      return true;
    }
    if (buffer_.size() < 2) return false;
    const char version = buffer_[0];
    const char answer = buffer_[1];
    buffer_.erase(0, 2);
    if (state_ == State::method) {
      if (version != 5) throw ProtocolError("the server does not answer in version 5");
      if (answer == noMethod) throw RefusedError(Reply::notAllowed, "it accepts no way to authenticate that we offer");
      if (answer == byPassword && !options_.user.empty()) {
        output_ += '\x01';
        appendCounted(output_, options_.user);
        appendCounted(output_, options_.password);
        state_ = State::password;
        continue;
      }
      if (answer != noPassword) throw ProtocolError("the server chose what was not offered");
    } else if (answer != 0) {
      throw RefusedError(Reply::notAllowed, "it does not accept the user's name and password");
    }
    sendRequest();
    state_ = State::reply;
  }
}

void ClientOpening::sendRequest() {
  output_ += {5, static_cast<char>(Command::connect), 0};
  appendAddress(output_, target_);
}

void ClientOpening::sendVersion4() {
  output_ += {4, static_cast<char>(Command::connect)};
  appendNumber(output_, target_.port());
  const auto* v4 = target_.get<IPv4Address>();
  appendBytes(output_, v4 ? v4->bytes() : std::array<std::uint8_t, 4>{0, 0, 0, 1});
  output_ += options_.user;
  output_ += '\0';
  if (v4) return;
  output_ += target_.get<HostnameAddress>()->hostname;
  output_ += '\0';
}

bool ClientOpening::readReply() {
  Bytes bytes(buffer_);
  const auto version = bytes.byte();
  if (version && *version != 5) throw ProtocolError("the server does not answer in version 5");
  const auto code = bytes.byte();
  if (!code || !bytes.byte()) return false;
  if (*code != 0) {
    const auto reply = static_cast<Reply>(*code);
    throw RefusedError(reply, std::string(toString(reply)) + " (" + std::to_string(*code) + ")");
  }
  bool known = true;
  const auto bound = bytes.address(known);
  if (!known) throw ProtocolError("the server's address is of an unknown type");
  if (!bound) return false;
  bound_ = *bound;
  buffer_.erase(0, bytes.used());
  return true;
}

bool ClientOpening::readVersion4() {
  Bytes bytes(buffer_);
  const auto version = bytes.byte();
  if (version && *version != 0) throw ProtocolError("the server does not answer as version 4 does");
  const auto code = bytes.byte();
  const auto port = bytes.number();
  const auto host = bytes.take(4);
  if (!host) return false;
  if (*code != granted4)
    throw RefusedError(Reply::generalFailure, "it rejected the request (" + std::to_string(*code) + ")");
  bound_ = IPv4Address(arrayOf<4>(*host), *port);
  buffer_.erase(0, bytes.used());
  return true;
}

}  // namespace bight::socks
