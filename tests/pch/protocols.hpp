// Precompiled for the tests of the protocols.
#ifndef BIGHT_PROTOCOLS_TESTS_PCH
#define BIGHT_PROTOCOLS_TESTS_PCH
#include "reactor.hpp"

#include <bight/line_receiver.hpp>
#include <bight/tls.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#endif
