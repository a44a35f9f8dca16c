/// @file
/// A Failure in words. Internal.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include <bight/failure.hpp>

namespace bight::detail {

/// What `Failure::getTraceback` gives; with `coloured`, for a terminal.
std::string tracebackOf(const Failure& failure, Failure::Detail detail, bool coloured);

/// "page" of "bight::Deferred<int> {anonymous}::page(Url) [with …]", and "a lambda in main": how compilers spell functions
/// differs.
std::string shortFunction(std::string_view pretty);

/// Whether this stream is a terminal that wants colours (`NO_COLOR` is not set).
bool wantsColours(std::FILE* stream);

}  // namespace bight::detail
