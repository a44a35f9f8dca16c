/// @file
/// All about endpoints: `#include <bight/endpoints.hpp>`.
#pragma once

#include <bight/endpoint.hpp>
#include <bight/endpoint_strings.hpp>
#include <bight/local_endpoints.hpp>
#include <bight/tcp_endpoints.hpp>
