/// @file
/// Internal: the types of endpoints that strings know from the start.
#pragma once

#include <functional>
#include <map>
#include <string>

#include <bight/endpoint_strings.hpp>

namespace bight::detail {

template <class Maker>
using EndpointMakers = std::map<std::string, Maker, std::less<>>;

EndpointMakers<ClientEndpointMaker> ownClientEndpoints();
EndpointMakers<ServerEndpointMaker> ownServerEndpoints();

}  // namespace bight::detail
