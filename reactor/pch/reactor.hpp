// Precompiled for the sources of this package: what nearly all of them include. Half of their compile time goes without it. No source
// may count on it: the lint builds without precompiled headers.
#ifndef BIGHT_REACTOR_PCH
#define BIGHT_REACTOR_PCH
#include <algorithm>
#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>
#include <bight/log.hpp>
#include <bight/reactor.hpp>
#include <cerrno>
#include <map>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#endif
