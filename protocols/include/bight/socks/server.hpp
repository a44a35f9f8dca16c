/// @file
/// A SOCKS server: connects its clients to where they want.
///
/// ```cpp
/// bight::socks::ServerOptions options;
/// options.allow = [](const bight::socks::Request& request) { return request.target.port() == 443; };
/// reactor->listenTCP(1080, std::make_shared<bight::socks::ServerFactory>(*reactor, std::move(options)));
/// ```
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/socks/messages.hpp>
#include <bight/tcp_endpoints.hpp>
#include <bight/time.hpp>

namespace bight::socks {

/// A question that is answered with yes or no, at once or later: any function that returns a `bool` or a
/// `Deferred<bool>`. What it throws, or fails with, is logged and means no.
template <class... Arguments>
class Decision {
 public:
  /// None: `operator bool` says so.
  Decision() = default;
  template <class F>
    requires(std::invocable<F&, const Arguments&...> && !std::same_as<std::remove_cvref_t<F>, Decision>)
  Decision(F decide)  // NOLINT: a function is a decision
      : decide_([decide = std::move(decide)](const Arguments&... arguments) mutable -> Deferred<bool> {
          return maybeDeferred([&] { return decide(arguments...); });
        }) {}

  explicit operator bool() const noexcept { return static_cast<bool>(decide_); }
  Deferred<bool> operator()(const Arguments&... arguments) const { return decide_(arguments...); }

 private:
  std::function<Deferred<bool>(const Arguments&...)> decide_;
};

/// Whom a server serves, and how.
struct ServerOptions {
  /// Which requests are granted: who may connect where. Must be given: an open proxy is a gift to strangers. It sees
  /// the target as the client names it, a name perhaps; `allowAddress` sees what the name means.
  Decision<Request> allow = {};
  /// Which addresses may be connected to (their port is 0 here): a name may mean an address that is not to be reached
  /// from outside, such as 127.0.0.1. The others of a name's addresses are not even tried. Empty: any.
  std::function<bool(const Address&)> allowAddress = {};
  /// Whether name and password are right. Given: clients of version 5 must send them, and those of version 4, which
  /// cannot, are refused. Empty: nobody is asked.
  Decision<std::string, std::string> authenticate = {};
  /// How long a client may take to say what it wants. Zero or less: no limit.
  Duration openingTimeout = std::chrono::seconds(15);
  /// For the connection onward.
  HostnameOptions connect = {};
  /// A connection over which nothing passes for so long is closed. Zero or less: never.
  Duration idleTimeout = std::chrono::minutes(30);
};

/// Serves CONNECT of SOCKS 4, 4a and 5; to BIND and UDP ASSOCIATE it answers that it does not know them. Names are
/// looked up here. Afterwards bytes are passed on as `PortForwardFactory` does. (Twisted: protocols.socks.SOCKSv4,
/// which knows version 4 only)
///
/// What a client sends before it has its answer is kept (at most one packet: nothing more is read) and passed on.
class BIGHT_API ServerFactory : public Factory {
 public:
  /// @param reactor  must outlive the connections
  /// @throws std::invalid_argument if `options.allow` is empty
  ServerFactory(const HostReactor& reactor, ServerOptions options);
  ~ServerFactory() override;

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;

 private:
  class CarefulReactor;

  HostReactor reactor_;
  ServerOptions options_;
  std::unique_ptr<CarefulReactor> careful_;  // whose names mean allowed addresses only
};

}  // namespace bight::socks
