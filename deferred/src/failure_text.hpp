/// @file
/// A Failure in words. Internal.
#pragma once

#include <cstdio>
#include <string>

#include <bight/failure.hpp>

namespace bight::detail {

/// What `Failure::getTraceback` gives; with `coloured`, for a terminal.
std::string tracebackOf(const Failure& failure, Failure::Detail detail, bool coloured);

/// Whether this stream is a terminal that wants colours (`NO_COLOR` is not set).
bool wantsColours(std::FILE* stream);

}  // namespace bight::detail
