/// @file
/// AMP: requests and responses with types, both ways over one connection.
#pragma once

#include <bight/amp/box.hpp>
#include <bight/amp/command.hpp>
#include <bight/amp/protocol.hpp>
#include <bight/amp/values.hpp>
