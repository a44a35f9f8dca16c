#include <bight/failure.hpp>

#include <boost/test/unit_test.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <bight/errors.hpp>
#include <bight/maybe_deferred.hpp>
#include <bight/result.hpp>
#include <bight/stack_trace.hpp>

namespace failure_test {

using namespace bight;

namespace {

struct Left {
  virtual ~Left() = default;
  int left = 1;
};
struct Right {
  virtual ~Right() = default;
  int right = 2;
};
struct Both : Left, Right {};

struct WithoutStacks {
  bool before = capturesStacks();
  WithoutStacks() { captureStacks(false); }
  ~WithoutStacks() { captureStacks(before); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(FailureSuite)

// A95
BOOST_AUTO_TEST_CASE(it_is_made_of_a_value_or_of_what_is_in_flight) {
  BOOST_CHECK_THROW(Failure(), NoCurrentExceptionError);
  BOOST_CHECK_THROW(static_cast<void>(Failure(std::exception_ptr())), std::invalid_argument);
  try {
    throw std::out_of_range("x");
  } catch (...) {
    BOOST_TEST(Failure().typeName() == "std::out_of_range");
  }
  BOOST_TEST(Failure(std::logic_error("y")).getErrorMessage() == "y");
}

// A96
BOOST_AUTO_TEST_CASE(check_finds_the_first_type_that_fits_bases_included) {
  const Failure f(std::out_of_range("x"));
  BOOST_TEST((f.check<std::runtime_error, std::logic_error, std::exception>() == &typeid(std::logic_error)));
  BOOST_TEST(!f.check<std::runtime_error>());
  const Failure both{Both()};
  BOOST_TEST(both.get<Right>()->right == 2);
  BOOST_TEST(both.get<Left>()->left == 1);
  const Failure number(7);
  BOOST_TEST(*number.get<int>() == 7);
  BOOST_TEST(!number.check<long>());
}

// A97, A98
BOOST_AUTO_TEST_CASE(trap_rethrows_what_it_does_not_know) {
  const Failure f(std::out_of_range("x"));
  BOOST_TEST((f.trap<std::out_of_range>() == &typeid(std::out_of_range)));
  BOOST_CHECK_THROW(f.trap<std::runtime_error>(), std::out_of_range);
  BOOST_CHECK_THROW(f.raise(), std::out_of_range);
}

// A99
BOOST_AUTO_TEST_CASE(the_message_of_anything) {
  struct Strange {};
  try {
    throw std::string("text");
  } catch (...) {
    BOOST_TEST(Failure().getErrorMessage() == "text");
  }
  BOOST_TEST(Failure(Strange()).getErrorMessage().find("does not derive from std::exception") != std::string::npos);
}

// A100
BOOST_AUTO_TEST_CASE(tracebacks_in_three_depths) {
  const WithoutStacks without;
  const Failure f(std::runtime_error("bad"));
  BOOST_TEST(f.getTraceback(Failure::Detail::brief) == "Traceback (failure with no frames): std::runtime_error: bad\n");
  BOOST_TEST(f.getBriefTraceback() == f.getTraceback(Failure::Detail::brief));
  BOOST_TEST(f.getTraceback() == "Traceback: std::runtime_error: bad\n");
  const std::string number = std::to_string(f.count());
  BOOST_TEST(f.getTraceback(Failure::Detail::verbose) ==
             "*--- Failure #" + number + " ---\nstd::runtime_error: bad\n*--- End of Failure #" + number + " ---\n");
  BOOST_TEST(toString(f) == "[Failure instance: Traceback (failure with no frames): std::runtime_error: bad\n]");
  std::ostringstream out;
  out << f;
  f.printDetailedTraceback(out);
  BOOST_TEST(out.str() == toString(f) + f.getTraceback(Failure::Detail::verbose));
}

BOOST_AUTO_TEST_CASE(a_thrown_one_names_the_stage) {
  const auto line = __LINE__ + 1;
  succeed(1).addCallback([](int) -> int { throw std::runtime_error("x"); }).addErrback([&](const Failure& f) {
    const std::string text = f.getTraceback();
    BOOST_TEST(text.find("failure_test.cpp:" + std::to_string(line)) != std::string::npos, text);
    return 0;
  });
}

// A105
BOOST_AUTO_TEST_CASE(equal_exceptions_are_different_failures_and_copies_are_the_same) {
  const Failure a(std::runtime_error("x"));
  const Failure b(std::runtime_error("x"));
  const Failure c = a;  // NOLINT(performance-unnecessary-copy-initialization): the copy is the test
  BOOST_TEST(!(a == b));
  BOOST_TEST((a == c));
  BOOST_TEST(a.count() < b.count());
  BOOST_TEST(a.count() == c.count());
}

BOOST_AUTO_TEST_CASE(it_crosses_threads) {
  Failure f(std::runtime_error("x"));
  std::string seen;
  std::thread([copy = f, &seen] { seen = copy.getErrorMessage(); }).join();
  BOOST_TEST(seen == "x");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(ResultSuite)

BOOST_AUTO_TEST_CASE(a_value_or_a_failure) {
  Result<std::string> good(std::string("x"));
  BOOST_TEST(static_cast<bool>(good));
  BOOST_TEST(good.value() == "x");
  BOOST_TEST(good->size() == 1U);
  BOOST_CHECK_THROW(static_cast<void>(good.failure()), std::bad_optional_access);
  const Result<std::string> bad(Failure(std::out_of_range("no")));
  BOOST_TEST(!bad.hasValue());
  BOOST_CHECK_THROW(static_cast<void>(bad.value()), std::out_of_range);
  BOOST_TEST(Result<void>().hasValue());
  BOOST_CHECK_THROW(Result<void>(Failure(std::out_of_range("no"))).value(), std::out_of_range);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(MaybeDeferred)

// A66, A67
BOOST_AUTO_TEST_CASE(whatever_a_function_does_becomes_a_deferred) {
  int sum = 0;
  maybeDeferred([](int a, int b) { return a + b; }, 1, 2).addCallback([&](int n) { sum += n; });
  maybeDeferred([] { return succeed(10); }).addCallback([&](int n) { sum += n; });
  maybeDeferred([]() -> Deferred<int> { co_return 100; }).addCallback([&](int n) { sum += n; });
  maybeDeferred([] {}).addCallback([&] { sum += 1000; });
  maybeDeferred([]() -> int { throw std::runtime_error("x"); }).addErrback([&](const Failure&) {
    sum += 10000;
    return 0;
  });
  maybeDeferred([] { return Failure(std::runtime_error("x")); }).addErrback([&](const Failure&) { sum += 100000; });
  maybeDeferred([]() -> Result<int> { return 1000000; }).addCallback([&](int n) { sum += n; });
  execute([] { return 10000000; }).addCallback([&](int n) { sum += n; });
  BOOST_TEST(sum == 11111113);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace failure_test
