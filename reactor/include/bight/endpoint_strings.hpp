/// @file
/// Endpoints from strings, so that a command line or a configuration file can say where to listen and to connect.
///
/// ```
/// tcp:example.org:80            tcp:host=example.org:port=80:timeout=5          a type, then values, separated by ':'
/// tcp6:8000:interface=\:\:1     unix:C\:\\run                              '\' takes the meaning from ':', '=' and '\'
/// ```
///
/// Values without a name come first or between, in the order of the table; the others are `name=value`, in any order.
///
/// | client | values |
/// |---|---|
/// | `tcp:` | host, port, timeout (seconds), bindAddress, attemptDelay (seconds); over IPv6 and IPv4, by RFC 8305 |
/// | `tcp4:`, `tcp6:` | the same, over one of them |
/// | `unix:` | address, timeout |
/// | `tls:`, `ssl:` | see tls/endpoints.hpp |
///
/// | server | values |
/// |---|---|
/// | `tcp:`, `tcp4:` | port, interface, backlog; over IPv4 |
/// | `tcp6:` | the same, over IPv6 |
/// | `unix:` | address, mode (octal), backlog |
/// | `tls:`, `ssl:` | see tls/endpoints.hpp |
/// | `systemd:` | domain (INET, INET6 or UNIX); index (0 if not given) or name: a socket of systemd's activation |
/// | `fd:` | fd, domain: a socket that listens already |
/// | `stdio:` | none: the standard input and output are the one connection |
///
/// The address of a UNIX socket is a path, or '@' and an abstract name. More types are registered by
/// `registerClientEndpoint` and `registerServerEndpoint`.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <bight/endpoint.hpp>
#include <bight/export.hpp>
#include <bight/time.hpp>

namespace bight {

class Reactor;

/// The description of an endpoint is wrong. The message says where in it, what was expected, and what is there:
/// `endpoint "tcp:example.org:http", at character 17: port: expected a number from 1 to 65535, got "http"`.
class BIGHT_API EndpointSyntaxError : public std::invalid_argument {
 public:
  /// @param position  where in the description, from 0 (the message counts from 1)
  EndpointSyntaxError(std::string_view description, std::size_t position, const std::string& problem);
  ~EndpointSyntaxError() override;
  std::size_t position() const noexcept { return position_; }

 private:
  std::size_t position_;
};

/// @throws EndpointSyntaxError; std::invalid_argument for values that are well written and make no sense
BIGHT_API std::shared_ptr<ClientEndpoint> clientFromString(Reactor& reactor, std::string_view description);
/// @throws as `clientFromString`
BIGHT_API std::shared_ptr<ServerEndpoint> serverFromString(Reactor& reactor, std::string_view description);

/// Writes '\' before every ':', '=' and '\', so that the text can be a value, or a whole description a value of
/// another.
BIGHT_API std::string quoteStringArgument(std::string_view argument);

/// What was said about an endpoint: the values of a description, to be taken one by one by whoever makes it. What is
/// left over is an error, and the names that were asked for are listed in its message.
class BIGHT_API EndpointArguments {
 public:
  /// @param description  the whole text, the type and its ':' included
  /// @throws EndpointSyntaxError for an unfinished escape, a name that comes twice
  explicit EndpointArguments(std::string_view description);

  /// What is before the first ':'.
  const std::string& type() const noexcept { return type_; }
  /// The whole text.
  const std::string& description() const noexcept { return description_; }

  /// Says what the values without a name are, in their order. Call it first.
  /// @throws EndpointSyntaxError if there are more, or one of them is given by name as well
  void positional(std::initializer_list<std::string_view> names);
  /// `positional({"port"})` for a server: a host before the port is answered with what to write instead.
  void positionalPort();

  /// A value, or nothing if it was not given.
  std::optional<std::string> text(std::string_view name);
  /// A value that must be there. @param expected  what it is, for the message: "the path of the socket"
  std::string need(std::string_view name, std::string_view expected);
  /// A whole number in a range. @throws EndpointSyntaxError if it is none
  std::optional<int> number(std::string_view name, int least, int most);
  int needNumber(std::string_view name, int least, int most);
  /// An octal number, as the permissions of a file.
  std::optional<unsigned> octal(std::string_view name, unsigned most);
  /// Seconds, as "30" or "0.25".
  std::optional<Duration> seconds(std::string_view name);
  /// "1", "true", "yes", or "0", "false", "no".
  std::optional<bool> flag(std::string_view name);

  /// Complains about a value that was taken, or is not there.
  [[noreturn]] void refuse(std::string_view name, const std::string& problem) const;
  /// Complains about what nobody has taken.
  void finish() const;

 private:
  struct Value {
    std::string name;  // empty: by position
    std::string value;
    std::size_t position;      // of the value
    std::size_t namePosition;  // of the name, if it has one
    bool taken = false;
  };
  Value* find(std::string_view name);
  const Value* seen(std::string_view name) const;
  [[noreturn]] void expected(const Value& value, const std::string& what) const;

  std::string description_;
  std::string type_;
  std::vector<Value> values_;
  std::vector<std::string> asked_;
};

/// Makes an endpoint of what a description says; throws through `arguments.refuse()` and its like.
using ClientEndpointMaker = std::function<std::shared_ptr<ClientEndpoint>(Reactor&, EndpointArguments&)>;
using ServerEndpointMaker = std::function<std::shared_ptr<ServerEndpoint>(Reactor&, EndpointArguments&)>;

/// Adds a type of endpoint, for all reactors of the process. May be called from any thread.
/// @param type  letters, digits, '-', '_', '.'
/// @throws std::invalid_argument if `type` is something else or taken, or `make` is empty
BIGHT_API void registerClientEndpoint(const std::string& type, ClientEndpointMaker make);
BIGHT_API void registerServerEndpoint(const std::string& type, ServerEndpointMaker make);

}  // namespace bight
