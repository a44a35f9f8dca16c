/// @file
/// SOCKS 4, 4a and 5: all of it. docs/howto/proxies.md shows it at work.
#pragma once

#include <bight/socks/client.hpp>
#include <bight/socks/messages.hpp>
#include <bight/socks/server.hpp>
