/// @file
/// Endpoints of TCP, to hosts by name or address.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <bight/connection_errors.hpp>
#include <bight/endpoint.hpp>
#include <bight/export.hpp>
#include <bight/failure.hpp>
#include <bight/resolver.hpp>
#include <bight/tcp.hpp>
#include <bight/time.hpp>

namespace bight {

/// What connecting to a host needs of a reactor. Any `Reactor` converts to it, and so does a `testing::MemoryReactor`.
struct HostReactor {
  template <class R>
    requires(std::derived_from<R, ReactorTCP> && std::derived_from<R, ReactorTime> &&
             std::derived_from<R, ReactorNames>)
  HostReactor(R& reactor) : tcp(reactor), time(reactor), names(reactor) {}  // NOLINT: a reactor is all of them

  ReactorTCP& tcp;
  ReactorTime& time;
  ReactorNames& names;
};

/// How to connect to a host.
struct HostnameOptions {
  /// How long all of it may take: looking up, and every attempt. Zero or less: no limit.
  Duration timeout = std::chrono::seconds(30);
  /// How long an attempt is given before the next one begins beside it (RFC 8305: Connection Attempt Delay).
  Duration attemptDelay = std::chrono::milliseconds(250);
  /// The local address (not a name) and port to connect from; port 0 is any. Only addresses of its family are tried.
  std::optional<std::pair<std::string, std::uint16_t>> bindAddress = std::nullopt;
  /// Which addresses of the host are tried.
  AddressFamily family = AddressFamily::any;
  /// TCP_NODELAY of the connection.
  bool noDelay = true;
  /// How many of a name's addresses are tried at most.
  std::size_t maxAddresses = 16;
};

/// Connects to a host by name, over IPv6 or IPv4, whichever works first: RFC 8305, "Happy Eyeballs". (Twisted:
/// HostnameEndpoint)
///
/// ```
///   resolve ──► 2001:db8::1 ──────────────────────────── (no answer) ─────── closed
///               + 250 ms  192.0.2.1 ──── refused
///                                        at once  2001:db8::2 ──── connected: fires
/// ```
///
/// The addresses are tried in the resolver's order, the families taking turns. The first that connects wins, and the
/// others are closed. If none does, the failure is a ConnectError that holds what each address said (`FailedAttempts`).
/// A factory that refuses, or a protocol whose `connectionMade()` throws, ends it at once: that is not the address's
/// fault.
class BIGHT_API HostnameEndpoint : public ClientEndpoint {
 public:
  /// @param host  a name, or a literal, an IPv6 one with or without []
  /// @param port  1 to 65535
  /// @throws std::invalid_argument if `host` can be neither, `port` is out of range, a literal is not of the wanted
  ///         family, `bindAddress` is no address; the message says which and why
  HostnameEndpoint(const HostReactor& reactor, std::string host, int port, HostnameOptions options = {});
  ~HostnameEndpoint() override;

  Deferred<std::shared_ptr<Protocol>> connect(std::shared_ptr<Factory> factory) override;
  std::string toString() const override;

  /// Without [].
  const std::string& host() const noexcept { return host_; }
  std::uint16_t port() const noexcept { return port_; }
  const HostnameOptions& options() const noexcept { return options_; }

 private:
  const HostReactor reactor_;
  const std::string host_;
  const std::uint16_t port_;
  const HostnameOptions options_;
};

/// A HostnameEndpoint that uses IPv4 only. (Twisted: TCP4ClientEndpoint)
class BIGHT_API TCP4ClientEndpoint final : public HostnameEndpoint {
 public:
  TCP4ClientEndpoint(const HostReactor& reactor, std::string host, int port, HostnameOptions options = {});
  ~TCP4ClientEndpoint() override;
};

/// A HostnameEndpoint that uses IPv6 only. (Twisted: TCP6ClientEndpoint)
class BIGHT_API TCP6ClientEndpoint final : public HostnameEndpoint {
 public:
  TCP6ClientEndpoint(const HostReactor& reactor, std::string host, int port, HostnameOptions options = {});
  ~TCP6ClientEndpoint() override;
};

/// Mixed into the error of an attempt that had several addresses to try:
///
/// ```cpp
/// d.addErrback([](Failure f) {
///   if (auto* all = f.get<FailedAttempts>())
///     for (auto& [address, failure] : all->attempts())
///       std::cerr << address.toString() << ' ' << failure.getErrorMessage() << '\n';
/// });
/// ```
/// If all of them failed in the same way, the error is of that class too: `f.check<ConnectionRefusedError>()`.
class BIGHT_API FailedAttempts {
 public:
  struct Attempt {
    Address address;
    Failure failure;
  };
  explicit FailedAttempts(std::vector<Attempt> attempts) : attempts_(std::move(attempts)) {}
  FailedAttempts(const FailedAttempts&) = default;
  FailedAttempts& operator=(const FailedAttempts&) = default;
  virtual ~FailedAttempts();

  /// In the order in which they failed.
  const std::vector<Attempt>& attempts() const noexcept { return attempts_; }

 private:
  std::vector<Attempt> attempts_;
};

/// Listens on TCP. (Twisted: TCP4ServerEndpoint, TCP6ServerEndpoint)
class BIGHT_API TCPServerEndpoint : public ServerEndpoint {
 public:
  /// @throws std::invalid_argument if `port` is not 0 to 65535
  TCPServerEndpoint(ReactorTCP& reactor, int port, ListenOptions options = {});
  ~TCPServerEndpoint() override;

  Deferred<std::shared_ptr<Port>> listen(std::shared_ptr<Factory> factory) override;
  std::string toString() const override;

  int port() const noexcept { return port_; }
  const ListenOptions& options() const noexcept { return options_; }

 private:
  ReactorTCP& reactor_;
  const int port_;
  const ListenOptions options_;
};

/// IPv4; every interface if none is given.
class BIGHT_API TCP4ServerEndpoint final : public TCPServerEndpoint {
 public:
  /// @throws std::invalid_argument also if `options.interface` is an IPv6 address
  TCP4ServerEndpoint(ReactorTCP& reactor, int port, ListenOptions options = {});
  ~TCP4ServerEndpoint() override;
};

/// IPv6; every interface ("::") if none is given.
class BIGHT_API TCP6ServerEndpoint final : public TCPServerEndpoint {
 public:
  /// @throws std::invalid_argument also if `options.interface` is an IPv4 address
  TCP6ServerEndpoint(ReactorTCP& reactor, int port, ListenOptions options = {});
  ~TCP6ServerEndpoint() override;
};

}  // namespace bight
