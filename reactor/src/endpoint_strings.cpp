#include <bight/endpoint_strings.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

#include <bight/reactor.hpp>

#include "endpoint_kinds.hpp"
#include "quoted.hpp"

namespace bight {

namespace {

template <class Maker>
struct Registry {
  std::mutex mutex;
  detail::EndpointMakers<Maker> makers;

  void add(const char* function, const std::string& type, Maker make) {
    const auto plain = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
             c == '.';
    };
    if (type.empty() || !std::all_of(type.begin(), type.end(), plain))
      throw std::invalid_argument(std::string(function) + ": " + detail::quoted(type) +
                                  " cannot be a type of endpoint: it must be letters, digits, '-', '_' and '.'");
    if (!make)
      throw std::invalid_argument(std::string(function) + " needs a function that makes the endpoint, and got none");
    const std::lock_guard lock(mutex);
    if (!makers.emplace(type, std::move(make)).second)
      throw std::invalid_argument(std::string(function) + ": there is a type \"" + type + "\" already");
  }

  Maker find(const std::string& type) {
    const std::lock_guard lock(mutex);
    const auto found = makers.find(type);
    return found == makers.end() ? Maker() : found->second;
  }

  std::string names() {
    const std::lock_guard lock(mutex);
    std::string text;
    for (const auto& each : makers) text += (text.empty() ? "" : ", ") + each.first;
    return text;
  }
};

Registry<ClientEndpointMaker>& clients() {
  static Registry<ClientEndpointMaker> registry{{}, detail::ownClientEndpoints()};
  return registry;
}

Registry<ServerEndpointMaker>& servers() {
  static Registry<ServerEndpointMaker> registry{{}, detail::ownServerEndpoints()};
  return registry;
}

template <class Maker>
auto make(Registry<Maker>& registry, const char* which, Reactor& reactor, std::string_view description) {
  if (description.find(':') == std::string_view::npos)
    throw EndpointSyntaxError(
        description, 0,
        std::string("expected the type of a ") + which + " endpoint and ':' (one of " + registry.names() + ")");
  EndpointArguments arguments(description);
  const Maker maker = registry.find(arguments.type());
  if (!maker) {
    std::string problem = "unknown type of " + std::string(which) + " endpoint " + detail::quoted(arguments.type()) +
                          ": expected one of " + registry.names();
    if (arguments.type() == "tls" || arguments.type() == "ssl")
      problem += " (the program must include bight/tls.hpp for TLS)";
    throw EndpointSyntaxError(description, 0, problem);
  }
  auto endpoint = maker(reactor, arguments);
  if (!endpoint)
    throw std::logic_error("the function that was registered for endpoints of type \"" + arguments.type() +
                           "\" made nothing");
  arguments.finish();
  return endpoint;
}

}  // namespace

std::shared_ptr<ClientEndpoint> clientFromString(Reactor& reactor, std::string_view description) {
  return make(clients(), "client", reactor, description);
}

std::shared_ptr<ServerEndpoint> serverFromString(Reactor& reactor, std::string_view description) {
  return make(servers(), "server", reactor, description);
}

void registerClientEndpoint(const std::string& type, ClientEndpointMaker make) {
  clients().add("registerClientEndpoint", type, std::move(make));
}

void registerServerEndpoint(const std::string& type, ServerEndpointMaker make) {
  servers().add("registerServerEndpoint", type, std::move(make));
}

}  // namespace bight
