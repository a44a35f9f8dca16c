/// @file
/// The PROXY protocol: a proxy says first for whom it has connected. Versions 1 (a line) and 2 (binary), as HAProxy's
/// "proxy-protocol.txt" defines them.
///
/// ```cpp
/// bight::HAProxyOptions options;
/// options.trusted = [](const bight::Address& proxy) { return proxy.host() == "10.0.0.5"; };
/// reactor->listenTCP(8000, std::make_shared<bight::HAProxyWrappingFactory>(*reactor, site, options));
/// ```
/// **Trust.** Whoever may connect to such a port may claim to be anybody. Listen where only the proxy reaches you, or
/// say in `HAProxyOptions::trusted` who is a proxy.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <bight/address.hpp>
#include <bight/export.hpp>
#include <bight/policies/protocol_wrapper.hpp>
#include <bight/time.hpp>

namespace bight {

/// What a header says. (Twisted: ProxyInfo)
struct BIGHT_API ProxyHeader {
  /// A further fact (version 2 only): the name that the client asked for by TLS (type 0x02), and others.
  struct Extension {
    std::uint8_t type = 0;
    std::string value;
    auto operator<=>(const Extension&) const = default;
  };

  /// Who connected to the proxy, and to which of its addresses. Nothing if the header does not say: the proxy connects
  /// on its own behalf, to see whether we are alive, or does not know (`UNKNOWN`, `LOCAL`, an unknown family).
  std::optional<Address> source = std::nullopt;
  std::optional<Address> destination = std::nullopt;
  std::vector<Extension> extensions = {};

  bool operator==(const ProxyHeader&) const = default;

  /// Version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n". Addresses of two families, or not of IP, make it
  /// "PROXY UNKNOWN\r\n". The extensions are not in it.
  std::string toVersion1() const;
  /// Version 2. Addresses of two families, or with names, make it a LOCAL one.
  /// @throws std::length_error if the extensions are longer than 65535 bytes together
  std::string toVersion2() const;
};

/// What came is no header of either version. (Twisted: InvalidProxyHeader)
class BIGHT_API InvalidProxyHeader : public std::runtime_error {
 public:
  explicit InvalidProxyHeader(const std::string& why);
};

/// Reads a header out of bytes that come in pieces of any size. Knows no connection.
class BIGHT_API ProxyHeaderReader {
 public:
  /// @param mostBytes  of a header of version 2, its addresses and extensions included; one of version 1 has 107
  explicit ProxyHeaderReader(std::size_t mostBytes = 4096) noexcept : mostBytes_(mostBytes) {}

  /// Reads on in `input`, and takes off its front what belongs to the header.
  /// @return the header when it is complete; call no more then
  /// @throws InvalidProxyHeader as soon as what came cannot be one
  std::optional<ProxyHeader> next(std::string_view& input);

 private:
  std::string buffer_;
  std::size_t mostBytes_;
};

/// How a `HAProxyWrappingFactory` takes its connections.
struct HAProxyOptions {
  /// Who may send a header. Others are refused. Empty: anybody may, because the port can be reached by the proxy only.
  std::function<bool(const Address& proxy)> trusted = {};
  /// How long the header may take. Zero or less: no limit.
  Duration timeout = std::chrono::seconds(5);
  /// See `ProxyHeaderReader`.
  std::size_t mostBytes = 4096;
};

/// Connections that begin with a header. The factory within builds its protocol when the header is there, for the
/// client's address, so limits by peer work inside; `getPeer()` and `getHost()` are what the header says. Without a
/// valid header in time the connection is closed, and no protocol is built. (Twisted: HAProxyWrappingFactory, which
/// needs the first bytes in one piece, and builds the protocol before)
class BIGHT_API HAProxyWrappingFactory : public WrappingFactory {
 public:
  /// @param clock  for the limit of time; must outlive the connections
  HAProxyWrappingFactory(ReactorTime& clock, std::shared_ptr<Factory> wrapped, HAProxyOptions options = {});
  ~HAProxyWrappingFactory() override;

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;

  /// What the header of a protocol's connection said; null if the transport is not that of such a connection.
  static const ProxyHeader* headerOf(const Transport& transport) noexcept;

 protected:
  std::shared_ptr<ProtocolWrapper> wrapProtocol(std::shared_ptr<Protocol> protocol, const Address& peer) override;

 private:
  ReactorTime& clock_;
  HAProxyOptions options_;
};

/// The sending side: connections of `factory` begin with a header.
/// @param header  called for each connection when it is made: what to say. `proxyHeaderFor(front)` tells of a
///                connection whose bytes are passed on
/// @param version  1 or 2
/// @throws std::invalid_argument if the factory or the function is null, or there is no such version
BIGHT_API std::shared_ptr<ClientFactory> sendProxyHeader(std::shared_ptr<ClientFactory> factory,
                                                         std::function<ProxyHeader()> header, int version = 2);

/// A header that tells who is at the other end of `front`, and which address of ours they connected to.
BIGHT_API ProxyHeader proxyHeaderFor(const Transport& front);

}  // namespace bight
