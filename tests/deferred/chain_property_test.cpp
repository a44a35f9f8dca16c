// Random programs over chains, each run on the real thing and on the plain model (property/model.cpp), which have to tell the same story.
//
//     BIGHT_SEED=17 deferred_test --run_test=ChainProperty       one program again
//     BIGHT_PROGRAMS=1000000                                     how many there are; 100,000 without it
#include <bight/deferred.hpp>

#include <boost/test/unit_test.hpp>

#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#if defined(__SANITIZE_ADDRESS__)
#define BIGHT_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BIGHT_UNDER_ASAN 1
#endif
#endif
#ifdef BIGHT_UNDER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

#include "property/model.hpp"
#include "property/program.hpp"
#include "property/real.hpp"

BOOST_AUTO_TEST_SUITE(ChainProperty)

namespace {

// --- a program that dies tells which one it was

volatile std::uint64_t seedNow = 0;

void tellSeed() {
  char text[64] = "the random program that died: BIGHT_SEED=";
  std::size_t length = std::strlen(text);
  char digits[24];
  std::size_t n = 0;
  std::uint64_t seed = seedNow;
  do {
    digits[n++] = static_cast<char>('0' + seed % 10);
  } while ((seed /= 10) != 0);
  while (n > 0) text[length++] = digits[--n];
  text[length++] = '\n';
  if (write(STDERR_FILENO, text, length) < 0) return;
}

/// While it lives, the death of the process is announced with the seed.
class Announced {
 public:
  Announced() {
#ifdef BIGHT_UNDER_ASAN
    __sanitizer_set_death_callback(tellSeed);
#else
    struct sigaction action = {};
    action.sa_handler = [](int signal) {
      tellSeed();
      raise(signal);
    };
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    for (std::size_t i = 0; i < std::size(signals_); ++i) sigaction(signals_[i], &action, &before_[i]);
#endif
  }
  Announced(const Announced&) = delete;
  Announced& operator=(const Announced&) = delete;
  ~Announced() {
#ifdef BIGHT_UNDER_ASAN
    __sanitizer_set_death_callback(nullptr);
#else
    for (std::size_t i = 0; i < std::size(signals_); ++i) sigaction(signals_[i], &before_[i], nullptr);
#endif
  }

#ifndef BIGHT_UNDER_ASAN
 private:
  static constexpr int signals_[] = {SIGSEGV, SIGABRT, SIGBUS};
  struct sigaction before_[3];
#endif
};

/// Chains that the program itself knotted together are not a leak of ours.
std::string runHere(const property::Program& program) {
#ifdef BIGHT_UNDER_ASAN
  if (program.mayLeak) __lsan_disable();
#endif
  std::string trace = property::runReal(program);
#ifdef BIGHT_UNDER_ASAN
  if (program.mayLeak) __lsan_enable();
#endif
  return trace;
}

bool differs(const property::Program& program) {
  return runHere(program) != property::runModel(program);
}

/// The smallest program around this one that still fails.
property::Program smallest(property::Program program) {
  for (bool shrunk = true; shrunk;) {
    shrunk = false;
    for (property::Program& candidate : property::smaller(program)) {
      if (!differs(candidate)) continue;
      program = std::move(candidate);
      shrunk = true;
      break;
    }
  }
  return program;
}

std::uint64_t numberFrom(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

// The rules of property/model.hpp
BOOST_AUTO_TEST_CASE(random_programs_do_what_the_model_says) {
  const bool one = std::getenv("BIGHT_SEED");
  const std::uint64_t first = numberFrom("BIGHT_SEED", 1);
  const std::uint64_t count = one ? 1 : numberFrom("BIGHT_PROGRAMS", 100000);
  std::uint64_t lines = 0;
  std::string wrong;
  // In a thread of its own, which takes the knots with it.
  std::thread([&] {
    const Announced announced;
    for (std::uint64_t seed = first; seed < first + count && wrong.empty(); ++seed) {
      seedNow = seed;
      const property::Program program = property::generate(seed);
      const std::string expected = property::runModel(program);
      lines += static_cast<std::uint64_t>(std::count(expected.begin(), expected.end(), '\n'));
      if (runHere(program) == expected) continue;
      const property::Program shrunk = smallest(program);
      wrong = "the random program of BIGHT_SEED=" + std::to_string(seed) + " fails. Made smaller:\n" +
              toString(shrunk) + "the model says:\n" + property::runModel(shrunk) + "the chains say:\n" +
              runHere(shrunk);
    }
  }).join();
  BOOST_TEST(wrong.empty(), wrong);
  BOOST_TEST_MESSAGE(count << " programs, " << lines << " lines of trace");
  if (!one) BOOST_TEST(lines > 5 * count);  // they do something
}

BOOST_AUTO_TEST_SUITE_END()
