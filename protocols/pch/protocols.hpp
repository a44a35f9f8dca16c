// Precompiled for the sources of this package, as reactor/pch/reactor.hpp is for those of that one.
#ifndef BIGHT_PROTOCOLS_PCH
#define BIGHT_PROTOCOLS_PCH
#include <algorithm>
#include <array>
#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>
#include <bight/log.hpp>
#include <bight/protocol.hpp>
#include <bight/reactor.hpp>
#include <map>
#include <stdexcept>
#endif
