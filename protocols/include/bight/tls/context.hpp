/// @file
/// Contexts: certificates, trust and rules, read and checked once, and shared by any number of connections.
///
/// **Threads.** A context may be shared by the reactors of several threads, and reloaded from any of them.
#pragma once

#include <cstddef>
#include <memory>

#include <bight/export.hpp>
#include <bight/tls/options.hpp>

namespace bight::tls {

namespace detail {
class ServerState;
class ClientState;
class Layer;
}  // namespace detail

/// What a server needs to speak TLS. Copies share everything, `reload()` included.
class BIGHT_API ServerContext {
 public:
  /// Reads and checks everything. @throws ContextError, which names the file; std::invalid_argument for options that
  /// contradict each other
  explicit ServerContext(ServerOptions options);

  /// Reads the files again: a certificate was renewed. Handshakes that begin from now on use what is read now, older
  /// connections live on with what they have. If it throws, nothing has changed.
  void reload();
  /// The same, with other options.
  void reload(ServerOptions options);

 private:
  friend class detail::Layer;
  std::shared_ptr<detail::ServerState> state_;
};

/// What a client needs to speak TLS. Copies share everything, the sessions of earlier connections included.
class BIGHT_API ClientContext {
 public:
  /// Reads and checks everything. @throws as `ServerContext`
  explicit ClientContext(ClientOptions options = {});

  /// Reads the files again; sessions are forgotten.
  void reload();
  void reload(ClientOptions options);

  /// How many sessions are kept for later connections: at most two for each server, and 256 in all.
  std::size_t sessionCount() const;

 private:
  friend class detail::Layer;
  std::shared_ptr<detail::ClientState> state_;
};

}  // namespace bight::tls
