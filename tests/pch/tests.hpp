// Precompiled for the test programs: what nearly every test includes. A second of compile time each without it.
#ifndef BIGHT_TESTS_PCH
#define BIGHT_TESTS_PCH
#include <bight/deferred.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>
#endif
