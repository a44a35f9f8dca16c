// Precompiled for the tests of the reactor and of the chat, as tests.hpp is for those of the Deferreds.
#ifndef BIGHT_REACTOR_TESTS_PCH
#define BIGHT_REACTOR_TESTS_PCH
#include "tests.hpp"

#include <bight/reactor.hpp>
#include <bight/testing.hpp>
#include <optional>
#include <thread>
#endif
