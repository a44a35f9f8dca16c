/// @file
/// Internal: what a context has made of its options: an SSL_CTX and what its callbacks need.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <bight/time.hpp>
#include <bight/tls/options.hpp>

#include "openssl.hpp"

namespace bight::tls::detail {

/// Belongs to one SSL_CTX and dies with it: an old connection keeps the settings that it began with.
struct Settings {
  std::vector<LoadedIdentity> identities;  // of a server
  std::string applicationProtocols;        // as ALPN writes them: each with its length before it
  Duration handshakeTimeout{};
  bool verifies = true;  // false: a client that believes everything

  /// The settings of a context that `makeContext` made.
  static const Settings& of(const SSL_CTX* context) noexcept;
};

/// @throws ContextError, std::invalid_argument
SslCtxPtr makeContext(const ServerOptions& options);
SslCtxPtr makeContext(const ClientOptions& options);

/// Sessions of a client, by server. Safe for use by several threads.
class SessionCache {
 public:
  /// Keeps a session for the next connection with `server`.
  void put(const std::string& server, SessionPtr session);
  /// A session to resume, or null. One that TLS 1.3 wants used only once is given out once.
  SessionPtr take(const std::string& server);
  std::size_t size() const;

 private:
  static constexpr std::size_t mostPerServer = 2;
  static constexpr std::size_t most = 256;
  struct Kept {
    std::string server;
    SessionPtr session;
  };
  mutable std::mutex mutex_;
  std::list<Kept> kept_;  // the newest first
};

/// The present SSL_CTX of a server; replaced by `reload()`.
class ServerState {
 public:
  explicit ServerState(ServerOptions options);
  void reload(const ServerOptions* options);
  SslPtr makeConnection() const;

 private:
  mutable std::mutex mutex_;
  ServerOptions options_;
  SslCtxPtr context_;
};

class ClientState {
 public:
  explicit ClientState(ClientOptions options);
  void reload(const ClientOptions* options);
  SslPtr makeConnection() const;
  /// The cache of now. A reload begins a new one: what was verified by other rules is not to be resumed.
  std::shared_ptr<SessionCache> sessions() const;

 private:
  mutable std::mutex mutex_;
  ClientOptions options_;
  SslCtxPtr context_;
  std::shared_ptr<SessionCache> sessions_;
};

}  // namespace bight::tls::detail
