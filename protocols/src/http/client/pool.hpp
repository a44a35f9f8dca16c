// Pool: the connections of a NetworkAgent, and the requests that wait for one.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bight/endpoint.hpp>
#include <bight/http/agent.hpp>
#include <bight/ref.hpp>

#include "client_connection.hpp"
#include "exchange.hpp"

namespace bight::http::detail {

// A server, and the way to it.
struct Host {
  std::string name;  // "http://a.example:8080"
  std::shared_ptr<ClientEndpoint> endpoint;
  std::vector<std::shared_ptr<ClientConnection>> idle;
  std::deque<Ref<Exchange>> queue;
  std::size_t open = 0;  // connections, with those that are being made
};

class Pool final : public std::enable_shared_from_this<Pool> {
 public:
  Pool(const HostReactor& reactor, AgentOptions options);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Finds a connection for it, or makes it wait. `fresh`: not one that was used before.
  void place(const Ref<Exchange>& exchange, bool fresh);
  // An exchange that waits in the queue wants to no more.
  void leave(Exchange& exchange);
  // A connection can take the next exchange.
  void released(std::shared_ptr<ClientConnection> connection);
  // A connection is gone, or as good as gone.
  void gone(ClientConnection& connection);
  // The agent is gone.
  void close();
  void closeIdle();

  const AgentOptions& options() const noexcept { return options_; }
  AgentOptions& mutableOptions() noexcept { return options_; }
  ReactorTime& clock() const noexcept { return reactor_.time; }
  std::size_t connections() const noexcept;
  std::size_t idleConnections() const noexcept;

 private:
  Host& hostOf(const Url& url);
  std::shared_ptr<ClientEndpoint> endpointOf(const Url& url);
  void dial(Host& host, const Ref<Exchange>& exchange);
  void use(const std::shared_ptr<ClientConnection>& connection, const Ref<Exchange>& exchange);
  void serve(Host& host);
  void sweep();
  void writeHead(const Exchange& exchange);

  const HostReactor reactor_;
  AgentOptions options_;
  std::optional<tls::ClientContext> platformTrust_;
  std::map<std::string, std::unique_ptr<Host>, std::less<>> hosts_;
  DelayedCall sweeper_;
  std::string head_;  // of the request that is just sent; kept for its memory
  bool closed_ = false;
};

// Whether a request for `host` goes through the proxy.
bool isExcepted(const Proxy& proxy, std::string_view host);
// A way to `target` through an HTTP proxy, by CONNECT.
std::shared_ptr<ClientEndpoint> connectThrough(std::shared_ptr<ClientEndpoint> proxy, const Url& target,
                                               std::string authorization);
// The way to `target` by `proxy`, of the kinds that `Proxy` names; without `tunnel`, an HTTP proxy itself, which is then
// asked in the absolute form.
std::shared_ptr<ClientEndpoint> byProxy(const HostReactor& reactor, const Url& proxy, const Url& target, bool tunnel,
                                        Duration connectTimeout);
// "Basic dXNlcjpwYXNzd29yZA=="
std::string basicCredentials(std::string_view user, std::string_view password);

}  // namespace bight::http::detail
