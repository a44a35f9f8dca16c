#include <bight/http/agent.hpp>

#include <stdexcept>
#include <utility>

#include <bight/http/syntax.hpp>

#include "exchange.hpp"
#include "pool.hpp"

namespace bight::http {

Agent::~Agent() = default;

NetworkAgent::NetworkAgent(const HostReactor& reactor, AgentOptions options)
    : pool_(std::make_shared<detail::Pool>(reactor, std::move(options))) {}

NetworkAgent::~NetworkAgent() {
  pool_->close();
}

ReactorTime& NetworkAgent::clock() {
  return pool_->clock();
}

Deferred<ClientResponse> NetworkAgent::request(OutgoingRequest request) {
  if (!isToken(request.method))
    throw std::invalid_argument("bight::http: a method is a token, not \"" + request.method + "\"");
  if (request.method == "CONNECT")
    throw std::invalid_argument("bight::http: CONNECT opens a tunnel; use AgentOptions::proxy");
  if (request.url.scheme() != "http" && request.url.scheme() != "https") {
    throw std::invalid_argument("bight::http: \"" + std::string(request.url.scheme()) +
                                "\" is no scheme of HTTP; there are http and https");
  }
  for (const char* name : {"Content-Length", "Transfer-Encoding"}) {
    if (request.headers.contains(name)) {
      throw std::invalid_argument(std::string("bight::http: ") + name +
                                  " is the client's business; it follows from the body");
    }
  }
  const auto exchange = makeRef<detail::Exchange>(pool_, std::move(request));
  Deferred<ClientResponse> answer = exchange->begin();
  pool_->place(exchange, false);
  return answer;
}

std::size_t NetworkAgent::connections() const noexcept {
  return pool_->connections();
}
std::size_t NetworkAgent::idleConnections() const noexcept {
  return pool_->idleConnections();
}
void NetworkAgent::closeIdle() {
  pool_->closeIdle();
}

}  // namespace bight::http
