/// @file
/// Policies: factories around factories, which decide how connections may behave. docs/howto/policies.md shows them at
/// work.
///
/// | factory | what it does |
/// |---|---|
/// | `LimitTotalConnectionsFactory` | so many connections, no more |
/// | `LimitConnectionsByPeer` | so many from one host |
/// | `ThrottlingFactory` | bytes per second: in all, by peer, by connection |
/// | `TimeoutFactory` | closes idle connections |
/// | `TrafficLoggingFactory` | shows what goes over the wire |
/// | `wrap<Mine>(factory)` | your own `ProtocolWrapper` |
///
/// They nest in any order; the outermost is the nearest to the network.
#pragma once

#include <bight/policies/connection_limits.hpp>
#include <bight/policies/protocol_wrapper.hpp>
#include <bight/policies/throttling.hpp>
#include <bight/policies/timeout_factory.hpp>
#include <bight/policies/token_bucket.hpp>
#include <bight/policies/traffic_logging.hpp>
#include <bight/timeout_mixin.hpp>
