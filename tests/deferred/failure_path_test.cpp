// The way a Failure has gone, as it is printed: what, where it came up, then the Deferreds it went through, newest first.
#include <unwind.h>
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <bight/coroutine.hpp>
#include <bight/deferred.hpp>
#include <bight/detail/activity.hpp>
#include <bight/stack_trace.hpp>
#include <bight/unhandled.hpp>

namespace {  // of the program: its name in a story is as short as a user's
bight::Deferred<int> plusOne(bight::Deferred<int> d) {
  const int value = co_await std::move(d);
  co_return value + 1;
}
}  // namespace

namespace failure_path_test {

using namespace bight;

namespace {

using Kind = FailureStep::Kind;

struct WithoutStacks {
  bool before = capturesStacks();
  WithoutStacks() { captureStacks(false); }
  ~WithoutStacks() { captureStacks(before); }
};

/// A story with its places as "L" and the number of lines behind `base`, so that it can be read.
std::string story(const Failure& failure, unsigned base) {
  std::istringstream lines(failure.getTraceback());
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const std::string file = __FILE__ + std::string(":");
    for (std::size_t at = line.find(file); at != line.npos; at = line.find(file, at)) {
      const std::size_t digits = at + file.size();
      const std::size_t end = line.find_first_not_of("0123456789", digits);
      const int number = std::stoi(line.substr(digits, end - digits));
      line.replace(at, (end == line.npos ? line.size() : end) - at,
                   "L" + std::to_string(number - static_cast<int>(base)));
    }
    text += line + "\n";
  }
  return text;
}

/// The line of the co_await: how a compiler spells a function is its own business.
std::string coroutineStep(const std::string& text) {
  const std::size_t begin = text.find("        awaited at L-");
  if (begin == text.npos) return "(no co_await)";
  const std::string line = text.substr(begin, text.find('\n', begin) - begin + 1);
  return line.find(" in plusOne") == line.npos ? "(no function)" : line;
}

std::string kinds(const Failure& failure) {
  static const char* const names[] = {"created", "begun",  "fired",    "succeeded", "cancelled", "abandoned", "threw",
                                      "skipped", "passed", "returned", "awaited",   "called",    "gathered"};
  std::string text;
  for (const FailureStep& step : failure.path())
    text += (text.empty() ? "" : " ") + std::string(names[static_cast<unsigned>(step.kind)]);
  return text;
}

constexpr unsigned deepestLine = __LINE__ + 2;
[[gnu::noinline]] void deepest() {
  throw std::runtime_error("deep");
}
[[gnu::noinline]] void deep() {
  deepest();
  std::atomic_signal_fence(std::memory_order_seq_cst);  // not a tail call
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(FailurePath, WithoutStacks)

BOOST_AUTO_TEST_CASE(a_fired_failure_says_where_and_what_it_passed) {
  Failure seen(std::runtime_error("none"));
  const unsigned base = __LINE__;
  Deferred<int> d;
  d.addCallback([](int n) { return n; });
  d.addErrback([](Failure f) { return f; });
  d.addErrback([&](const Failure& f) {
    seen = f;
    return 0;
  });
  d.errback(std::runtime_error("bad"));
  BOOST_TEST(story(seen, base) ==
             "Traceback: std::runtime_error: bad\n"
             "  fired at L8\n"
             "    in the Deferred created at L1\n"
             "  then, newest first:\n"
             "    passed on by the errback at L3\n"
             "    skipped the callback at L2\n");
}

// A16
BOOST_AUTO_TEST_CASE(a_thrown_failure_says_by_which_stage_and_what_it_was_handling) {
  Failure seen(std::runtime_error("none"));
  const unsigned base = __LINE__;
  Deferred<int> d;
  d.addCallback([](int) -> int { throw std::runtime_error("first"); });
  d.addErrback([](const Failure&) -> int { throw std::logic_error("second"); });
  d.addBoth([&](Result<int> r) { seen = r.failure(); });
  d.callback(1);
  BOOST_TEST(story(seen, base) ==
             "Traceback: std::logic_error: second\n"
             "  thrown by the errback at L3\n"
             "    in the Deferred created at L1, fired at L5\n"
             "  while handling:\n"
             "    Traceback: std::runtime_error: first\n"
             "      thrown by the callback at L2\n"
             "        in the Deferred created at L1, fired at L5\n");
}

BOOST_AUTO_TEST_CASE(it_crosses_a_returned_deferred_a_coroutine_and_a_gathering) {
  Failure seen(std::runtime_error("none"));
  const unsigned base = __LINE__;
  Deferred<int> inner;
  const Promise<int> producer = inner.promise();
  Deferred<int> outer = succeed(0);
  outer.addCallback([&](int) { return std::move(inner); });
  std::vector<Deferred<int>> members;
  members.push_back(succeed(1));
  members.push_back(plusOne(std::move(outer)));
  Deferred<std::vector<int>> all = gatherResults(std::move(members), true);
  all.addErrback([&](const Failure& f) {
    seen = f;
    return std::vector<int>();
  });
  producer.errback(std::runtime_error("bad"));
  const std::string text = story(seen, base);
  BOOST_TEST(text.starts_with("Traceback: bight::FirstError: FirstError[#1, "), text);
  BOOST_TEST(text.find("\n  fired at L8\n    in the Deferred created at L8\n  number 1 had failed:\n") != text.npos,
             text);
  BOOST_TEST(text.ends_with("    Traceback: std::runtime_error: bad\n"
                            "      fired at L13\n"
                            "        in the Deferred created at L1\n"
                            "      then, newest first:\n"
                            "        gathered at L8 as number 1\n" +
                            coroutineStep(text) +
                            "        in the Deferred created at L3\n"
                            "        came to the callback at L4, which had returned this Deferred\n"),
             text);
}

BOOST_AUTO_TEST_CASE(a_coroutine_that_lets_an_exception_through_hands_on_the_same_failure) {
  const Failure thrown(std::runtime_error("bad"));
  Deferred<int> d;
  const Promise<int> producer = d.promise();
  Deferred<int> outer = plusOne(plusOne(std::move(d)));
  producer.errback(thrown);
  outer.addErrback([&](const Failure& f) {
    BOOST_TEST((f == thrown));  // A17
    BOOST_TEST(kinds(f) == "begun awaited begun awaited fired created");
    BOOST_TEST(kinds(thrown).empty());  // a copy goes its own way
    return 0;
  });
}

BOOST_AUTO_TEST_CASE(a_stage_that_throws_behind_a_coroutine_is_who_threw) {
  std::string text;
  Deferred<int> d;
  const Promise<int> producer = d.promise();
  Deferred<int> behind = plusOne(std::move(d));
  behind.addCallback([](int) -> int { throw std::runtime_error("bad"); });
  behind.addErrback([&](const Failure& f) {
    BOOST_TEST(kinds(f) == "threw begun");
    text = f.getTraceback();
    return 0;
  });
  producer.callback(1);
  BOOST_TEST(text.find("\n  thrown by the callback at ") != text.npos, text);
  BOOST_TEST(text.find("thrown in the coroutine") == text.npos, text);
}

BOOST_AUTO_TEST_CASE(who_catches_what_a_failure_threw_makes_the_same_failure_of_it) {
  Deferred<int> d = fail<int>(std::runtime_error("x"));
  d.addErrback([](const Failure& f) {
    try {
      f.raise();
    } catch (...) {
      const Failure again;
      BOOST_TEST((again == f));
      BOOST_TEST(kinds(again) == "fired created");
    }
    return 0;
  });
}

BOOST_AUTO_TEST_CASE(long_ways_keep_their_beginning_and_their_end) {
  Deferred<int> d;
  for (int i = 0; i < 100; ++i) d.addCallback([](int n) { return n; });
  d.addErrback([](const Failure& f) {
    const auto path = f.path();
    BOOST_TEST(path.size() == 40u);
    BOOST_TEST((path.back().kind == Kind::created));
    BOOST_TEST((path.front().kind == Kind::skipped));
    BOOST_TEST(f.getTraceback().find("(62 more steps)") != std::string::npos, f.getTraceback());
    return 0;
  });
  d.errback(std::runtime_error("x"));
}

BOOST_AUTO_TEST_CASE(one_failure_in_many_chains_and_threads) {
  const Failure shared(std::runtime_error("x"));
  const auto use = [&shared] {
    for (int i = 0; i < 200; ++i) {
      Deferred<int> d;
      d.addCallback([](int n) { return n; });
      d.addErrback([](const Failure& f) { return static_cast<int>(f.path().size()); });
      int steps = 0;
      d.addCallback([&](int n) { steps = n; });
      d.errback(shared);
      if (steps != 3) std::abort();
    }
  };
  std::thread other(use);
  use();
  other.join();
  BOOST_TEST(shared.path().empty());
}

BOOST_AUTO_TEST_CASE(what_the_reactor_did_is_told_once) {
  const detail::Doing doing([](const void*) { return std::string("a timed call"); }, nullptr);
  Deferred<int> d;
  d.addErrback([](const Failure& f) -> int { throw std::logic_error(f.getErrorMessage() + " again"); });
  d.addErrback([](const Failure& f) {
    const std::string text = f.getTraceback();
    BOOST_TEST(text.find("during a timed call\n") != text.npos, text);
    return 0;
  });
  d.errback(std::runtime_error("x"));
}

BOOST_AUTO_TEST_CASE(cancelled_and_abandoned) {
  Deferred<int> cancelled;
  cancelled.addErrback([](const Failure& f) {
    BOOST_TEST(kinds(f) == "cancelled created");
    return 0;
  });
  cancelled.cancel();
  Deferred<int> abandoned;
  abandoned.addErrback([](const Failure& f) {
    BOOST_TEST(kinds(f) == "abandoned created");
    BOOST_TEST(f.getTraceback().find("its last Promise died unfired") != std::string::npos);
    return 0;
  });
  static_cast<void>(abandoned.promise());
}

// A50
BOOST_AUTO_TEST_CASE(the_report_of_an_unhandled_failure_is_its_story) {
  std::string text;
  auto formerly = setUnhandledFailureHook([&](const UnhandledFailure& unhandled) { text = describe(unhandled); });
  const unsigned line = __LINE__ + 1;
  fail<int>(std::runtime_error("x")).addCallback([](int) {});
  setUnhandledFailureHook(std::move(formerly));
  const std::string place = __FILE__ + (":" + std::to_string(line));
  BOOST_TEST(text == "Unhandled error in Deferred:\nTraceback: std::runtime_error: x\n  fired at " + place +
                         "\n    in the Deferred created at " + place +
                         "\n  then, newest first:\n    skipped the callback at " + place + "\n");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(StackTrace)

BOOST_AUTO_TEST_CASE(the_stack_of_the_throw) {
  const WithoutStacks restored;
  captureStacks(true);
  std::string text;
  succeed(1).addCallback([](int) { deep(); }).addErrback([&](const Failure& f) {
    text = f.getTraceback();
    const auto frames = thrownAt(f);
    BOOST_TEST_REQUIRE(frames.size() >= 3u);
    BOOST_TEST(frames[0].function.find("deepest") != std::string::npos, frames[0].function);
    BOOST_TEST(frames[1].function.find("deep()") != std::string::npos, frames[1].function);
  });
  BOOST_TEST(text.find("  thrown in failure_path_test::(anonymous namespace)::deepest() at ") != text.npos, text);
  BOOST_TEST(text.find("         in failure_path_test::(anonymous namespace)::deep() at ") != text.npos, text);
  // clang puts the directory of the build before it.
  BOOST_TEST(text.find("failure_path_test.cpp:" + std::to_string(deepestLine) + "\n") != text.npos, text);
  BOOST_TEST(text.find("bight::detail") == text.npos, text);
}

BOOST_AUTO_TEST_CASE(throwing_again_keeps_the_first_stack_and_off_is_off) {
  const WithoutStacks restored;
  captureStacks(true);
  Failure kept(std::runtime_error("none"));
  try {
    try {
      deep();
    } catch (...) {
      throw;
    }
  } catch (...) {
    kept = Failure();
  }
  BOOST_TEST(thrownAt(kept).at(0).function.find("deepest") != std::string::npos);
  captureStacks(false);
  try {
    deep();
  } catch (...) {
    BOOST_TEST(thrownAt(Failure()).empty());
  }
}

Deferred<int> failingCoroutine(int n) {
  if (n > 0) throw std::runtime_error("none");
  co_return n;
}

BOOST_AUTO_TEST_CASE(a_coroutine_has_its_name_in_a_stack) {
  const WithoutStacks restored;
  captureStacks(true);
  std::string name;
  failingCoroutine(1).addErrback([&](const Failure& failure) {
    name = thrownAt(failure).at(0).function;
    return 0;
  });
  BOOST_TEST(name.find("failingCoroutine(int)") != name.npos, name);
  BOOST_TEST(name.find("_Z") == name.npos, name);
}

// ---- the walk up the stack is remembered, and must be what the unwinder finds

struct Unwound {
  std::vector<const void*> addresses;
  static _Unwind_Reason_Code step(_Unwind_Context* context, void* to) {
    auto& addresses = static_cast<Unwound*>(to)->addresses;
    if (const _Unwind_Ptr address = _Unwind_GetIP(context))
      addresses.push_back(reinterpret_cast<const void*>(address));  // NOLINT(performance-no-int-to-ptr)
    return _URC_NO_REASON;
  }
};

[[gnu::noinline]] void compare(std::size_t& different) {
  Unwound unwound;
  _Unwind_Backtrace(&Unwound::step, &unwound);
  try {
    throw 1;
  } catch (int) {
    const Failure failure;
    const auto& noted = detail::FailureState::stackOf(failure);
    // The innermost address is of another line of this function.
    const std::size_t depth = std::min<std::size_t>(unwound.addresses.size(), stackDepth);
    if (noted.size() != depth ||
        !std::equal(noted.begin() + 1, noted.end(), unwound.addresses.begin() + 1, unwound.addresses.begin() + depth))
      ++different;
  }
}

[[gnu::noinline]] void descend(unsigned depth, unsigned random, std::size_t& different) {
  // Frames of many sizes, and some of a size that is not fixed.
  auto* const room = static_cast<volatile char*>(__builtin_alloca(16 + random % 7 * 48));
  room[0] = 1;
  if (depth == 0) {
    compare(different);
  } else if (random % 3 == 0) {
    descend(depth - 1, random / 3, different);
  } else {
    alignas(64) volatile char aligned[64] = {};
    aligned[random % 64] = 1;
    descend(depth - 1, random * 5 + 1, different);
    room[2] = aligned[0];
  }
  room[1] = 2;
}

BOOST_AUTO_TEST_CASE(a_stack_that_is_walked_again_is_what_the_unwinder_finds) {
  const WithoutStacks restored;
  captureStacks(true);
  const auto walkAll = [](std::size_t& different) {
    for (int i = 0; i < 50; ++i) compare(different);  // a stack that is known by then
    unsigned random = 1;
    for (unsigned i = 0; i < 2000; ++i) {
      random = random * 1664525 + 1013904223;
      descend(i % 45, random >> 8, different);
    }
  };
  std::size_t different = 0;
  walkAll(different);
  std::size_t differentInThread = 0;
  std::thread(walkAll, std::ref(differentInThread)).join();
  BOOST_TEST(different == 0u);
  BOOST_TEST(differentInThread == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace failure_path_test
