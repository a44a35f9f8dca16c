#include "pool.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/http/syntax.hpp>
#include <bight/socks/client.hpp>
#include <bight/tls/endpoints.hpp>

#include "../characters.hpp"

namespace bight::http::detail {

Pool::Pool(const HostReactor& reactor, AgentOptions options) : reactor_(reactor), options_(std::move(options)) {
  if (options_.connectionsPerHost == 0)
    throw std::invalid_argument("bight::http::AgentOptions: connectionsPerHost is at least 1");
  if (options_.expansion == 0) throw std::invalid_argument("bight::http::AgentOptions: expansion is at least 1");
  static_cast<void>(ResponseParser(options_.limits));  // throws if they are senseless
}

std::size_t Pool::connections() const noexcept {
  std::size_t sum = 0;
  for (const auto& [name, host] : hosts_) sum += host->open;
  return sum;
}

std::size_t Pool::idleConnections() const noexcept {
  std::size_t sum = 0;
  for (const auto& [name, host] : hosts_) sum += host->idle.size();
  return sum;
}

Host& Pool::hostOf(const Url& url) {
  std::string made;
  std::string_view name;
  if (url.userinfo().empty()) {
    name = std::string_view(url.str()).substr(0, url.scheme().size() + 3 + url.authority().size());
  } else {
    made = url.origin();
    name = made;
  }
  auto at = hosts_.find(name);
  if (at == hosts_.end()) {
    auto endpoint = endpointOf(url);
    at = hosts_.emplace(std::string(name), std::make_unique<Host>()).first;
    at->second->name = at->first;
    at->second->endpoint = std::move(endpoint);
  }
  return *at->second;
}

bool isExcepted(const Proxy& proxy, std::string_view host) {
  return std::any_of(proxy.except.begin(), proxy.except.end(), [host](const std::string& each) {
    if (!each.starts_with('.')) return equalsIgnoringCase(each, host);
    return equalsIgnoringCase(std::string_view(each).substr(1), host) ||
           (host.size() > each.size() && equalsIgnoringCase(host.substr(host.size() - each.size()), each));
  });
}

std::shared_ptr<ClientEndpoint> byProxy(const HostReactor& reactor, const Url& proxy, const Url& target, bool tunnel,
                                        Duration connectTimeout) {
  const bool socks = proxy.scheme() == "socks5" || proxy.scheme() == "socks5h";
  if (!socks && proxy.scheme() != "http") {
    throw std::invalid_argument("bight::http::Proxy: \"" + std::string(proxy.scheme()) +
                                "\" is no kind of proxy that is known here; there are http and socks5");
  }
  HostnameOptions direct;
  direct.timeout = connectTimeout;
  const std::uint16_t port = proxy.port() == 0 && socks ? 1080 : proxy.port();
  auto endpoint = std::make_shared<HostnameEndpoint>(reactor, std::string(proxy.host()), port, direct);
  if (socks) {
    socks::ClientOptions who;
    who.user = proxy.user();
    who.password = proxy.password();
    return std::make_shared<socks::ClientEndpoint>(reactor.time, std::move(endpoint), std::string(target.host()),
                                                   target.port(), who, connectTimeout);
  }
  if (!tunnel) return endpoint;
  return connectThrough(std::move(endpoint), target,
                        proxy.userinfo().empty() ? "" : basicCredentials(proxy.user(), proxy.password()));
}

std::shared_ptr<ClientEndpoint> Pool::endpointOf(const Url& url) {
  if (options_.endpoint) {
    if (auto own = options_.endpoint(url)) return own;
  }
  HostnameOptions direct;
  direct.timeout = Duration::zero();  // the exchange has its own
  std::shared_ptr<ClientEndpoint> endpoint;
  const std::string host(url.host());
  if (!options_.proxy || isExcepted(*options_.proxy, host)) {
    endpoint = std::make_shared<HostnameEndpoint>(reactor_, host, url.port(), direct);
  } else {
    endpoint = byProxy(reactor_, options_.proxy->url, url, url.secure(), Duration::zero());
  }
  if (!url.secure()) return endpoint;
  if (options_.tls) return tls::wrapClientTLS(reactor_.time, endpoint, *options_.tls, host);
  if (!platformTrust_) {
    tls::ClientOptions trusting;
    trusting.protocol.applicationProtocols = {"http/1.1"};
    platformTrust_.emplace(std::move(trusting));
  }
  return tls::wrapClientTLS(reactor_.time, endpoint, *platformTrust_, host);
}

void Pool::place(const Ref<Exchange>& exchange, bool fresh) {
  const auto self = shared_from_this();
  try {
    Host& host = hostOf(exchange->request().url);
    exchange->host = &host;
    if (!fresh && host.queue.empty()) {
      while (!host.idle.empty()) {
        const std::shared_ptr<ClientConnection> connection = std::move(host.idle.back());
        host.idle.pop_back();
        if (connection->transport().disconnecting()) continue;
        return use(connection, exchange);
      }
    }
    if (host.open < options_.connectionsPerHost) return dial(host, exchange);
    if (fresh && !host.idle.empty()) {  // they are as old as the one that failed
      const std::shared_ptr<ClientConnection> oldest = host.idle.front();
      gone(*oldest);
      oldest->transport().abortConnection();
      return dial(host, exchange);
    }
    if (host.queue.size() >= options_.queuedPerHost) {
      throw RequestError(Exchange::Stage::queued, exchange->name() + ": " + std::to_string(host.queue.size()) +
                                                      " requests wait for " + host.name + " already.");
    }
    if (fresh) {
      host.queue.push_front(exchange);
    } else {
      host.queue.push_back(exchange);
    }
    exchange->queued();
  } catch (...) {
    exchange->fail(Failure());
  }
}

void Pool::dial(Host& host, const Ref<Exchange>& exchange) {
  ++host.open;
  const auto self = shared_from_this();
  const auto connection = std::make_shared<ClientConnection>(self, host, options_.limits);
  exchange->dialing();
  auto dialed =
      connectProtocol(*host.endpoint, connection)
          .addCallbacks(
              [self, exchange](const std::shared_ptr<ClientConnection>& made) {
                exchange->stopDialing();
                if (exchange->over()) return self->released(made);
                if (made->dead) {
                  exchange->fail(Failure(ConnectionFailed(
                      exchange->name() + ": the connection to " + exchange->where() + " was lost at once.",
                      Failure(ConnectionLost()))));
                  return;
                }
                self->use(made, exchange);
              },
              [self, exchange, connection](const Failure& reason) {
                exchange->stopDialing();
                if (!exchange->over()) {
                  exchange->fail(Failure(ConnectionFailed(exchange->name() + ": no connection to " + exchange->where() +
                                                              exchange->when() + ": " + reason.getErrorMessage(),
                                                          reason)));
                }
                self->gone(*connection);
              });
  exchange->connecting(std::move(dialed));
}

void Pool::use(const std::shared_ptr<ClientConnection>& connection, const Ref<Exchange>& exchange) {
  try {
    writeHead(*exchange);
  } catch (...) {
    exchange->fail(Failure());
    return released(connection);
  }
  connection->start(exchange, head_);
}

void Pool::released(std::shared_ptr<ClientConnection> connection) {
  if (connection->dead) return;
  Host& host = connection->host();
  if (!host.queue.empty()) {
    const Ref<Exchange> next = std::move(host.queue.front());
    host.queue.pop_front();
    return use(connection, next);
  }
  if (closed_ || !options_.persistent) {
    gone(*connection);
    connection->transport().loseConnection();
    return;
  }
  connection->idleSince = clock().seconds();
  host.idle.push_back(std::move(connection));
  if (!sweeper_.active()) {
    sweeper_ = clock().callLater(options_.idleTimeout, [weak = weak_from_this()] {
      if (const auto pool = weak.lock()) pool->sweep();
    });
  }
}

void Pool::gone(ClientConnection& connection) {
  if (std::exchange(connection.dead, true)) return;
  Host& host = connection.host();
  std::erase_if(host.idle, [&](const auto& each) { return each.get() == &connection; });
  --host.open;
  serve(host);
}

// There is room for another connection: the first that waits gets it.
void Pool::serve(Host& host) {
  while (!host.queue.empty() && host.open < options_.connectionsPerHost) {
    const Ref<Exchange> next = std::move(host.queue.front());
    host.queue.pop_front();
    dial(host, next);
  }
}

void Pool::leave(Exchange& exchange) {
  auto& queue = exchange.host->queue;
  const auto at = std::find_if(queue.begin(), queue.end(), [&](const auto& each) { return each.get() == &exchange; });
  if (at != queue.end()) queue.erase(at);
}

void Pool::sweep() {
  const auto self = shared_from_this();
  const Duration now = clock().seconds();
  std::vector<std::shared_ptr<ClientConnection>> old;
  Duration oldest = Duration::max();
  for (auto& [name, host] : hosts_) {
    for (const auto& connection : host->idle) {
      if (now - connection->idleSince >= options_.idleTimeout) {
        old.push_back(connection);
      } else {
        oldest = std::min(oldest, connection->idleSince);
      }
    }
  }
  for (const auto& connection : old) {
    gone(*connection);
    connection->transport().loseConnection();
  }
  std::erase_if(hosts_, [](const auto& each) { return each.second->open == 0 && each.second->queue.empty(); });
  if (oldest != Duration::max()) {
    sweeper_ = clock().callLater(oldest + options_.idleTimeout - now, [weak = weak_from_this()] {
      if (const auto pool = weak.lock()) pool->sweep();
    });
  }
}

void Pool::closeIdle() {
  const auto self = shared_from_this();
  std::vector<std::shared_ptr<ClientConnection>> idle;
  for (auto& [name, host] : hosts_) idle.insert(idle.end(), host->idle.begin(), host->idle.end());
  for (const auto& connection : idle) {
    gone(*connection);
    connection->transport().loseConnection();
  }
}

void Pool::close() {
  closed_ = true;
  if (sweeper_.active()) sweeper_.cancel();
  closeIdle();
}

// The head of a request, in head_.
void Pool::writeHead(const Exchange& exchange) {
  const OutgoingRequest& request = exchange.request();
  const Headers& headers = request.headers;
  const Url& url = request.url;
  // The user's fields go out as they are; here is what they leave open.
  bool host = false, userAgent = false, accept = false, acceptEncoding = false, connection = false, expect = false;
  for (const Field& field : headers) {
    switch (field.name.size()) {
      case 4:
        host = host || equalsIgnoringCase(field.name, "host");
        break;
      case 6:
        accept = accept || equalsIgnoringCase(field.name, "accept");
        expect = expect || equalsIgnoringCase(field.name, "expect");
        break;
      case 10:
        userAgent = userAgent || equalsIgnoringCase(field.name, "user-agent");
        connection = connection || equalsIgnoringCase(field.name, "connection");
        break;
      case 15:
        acceptEncoding = acceptEncoding || equalsIgnoringCase(field.name, "accept-encoding");
        break;
      default:
        break;
    }
  }
  head_.clear();
  head_.append(request.method).append(" ");
  const bool throughProxy = !url.secure() && options_.proxy && options_.proxy->url.scheme() == "http" &&
                            !isExcepted(*options_.proxy, url.host());
  if (throughProxy) head_.append(url.scheme()).append("://").append(url.authority());
  head_.append(url.target()).append(" HTTP/1.1\r\n");
  if (!host) head_.append("Host: ").append(url.authority()).append("\r\n");
  if (!userAgent && !options_.userAgent.empty()) head_.append("User-Agent: ").append(options_.userAgent).append("\r\n");
  if (!accept) head_.append("Accept: */*\r\n");
  if (!acceptEncoding && request.decode)
    head_.append("Accept-Encoding: ").append(ContentDecoder::accepted()).append("\r\n");
  if (!connection && !options_.persistent) head_.append("Connection: close\r\n");
  if (throughProxy && !options_.proxy->url.userinfo().empty()) {
    const Url& proxy = options_.proxy->url;
    head_.append("Proxy-Authorization: ").append(basicCredentials(proxy.user(), proxy.password())).append("\r\n");
  }
  const RequestBody& body = request.body;
  if (body.length()) {
    // A method that means something with a content says so when there is none (RFC 9110, 8.6).
    if (body.given() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
      char digits[24];
      char* end = std::to_chars(digits, digits + sizeof digits, *body.length()).ptr;
      head_.append("Content-Length: ").append(digits, static_cast<std::size_t>(end - digits)).append("\r\n");
    }
  } else {
    head_.append("Transfer-Encoding: chunked\r\n");
  }
  if (!expect && body.given() && body.length().value_or(~std::uint64_t{0}) >= options_.expectContinueFrom)
    head_.append("Expect: 100-continue\r\n");
  head_.append(headers.wire()).append("\r\n");
}

}  // namespace bight::http::detail
