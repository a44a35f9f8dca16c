// Which Deferreds wait, and how many there were.
#include <bight/pending.hpp>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <bight/coroutine.hpp>
#include <bight/deferred.hpp>
#include <bight/maybe_deferred.hpp>

namespace {  // of the program: its name is as short as a user's
bight::Deferred<int> waiter(bight::Deferred<int> d) {
  const int n = co_await std::move(d);
  co_return n + 1;
}
}  // namespace

namespace pending_test {

using namespace bight;

namespace {

struct Watched {
  Watched() { watchDeferreds(Watch::each); }
  ~Watched() { watchDeferreds(Watch::nothing); }
};

/// What `describe` says, with lines and ages left out.
std::string words(const std::vector<PendingDeferred>& pending) {
  std::string text = describe(pending);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 3, " ms") == 0) {
      while (out.back() != ' ') out.pop_back();
      out += 'N';
    }
    if (text[i] == '/') {  // a directory before a file
      while (out.back() != ' ') out.pop_back();
      continue;
    }
    if (text[i] == ':' && text[i + 1] != '\n') {
      while (text[i + 1] >= '0' && text[i + 1] <= '9') ++i;
      continue;
    }
    out += text[i];
  }
  return out;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(Pending, Watched)

BOOST_AUTO_TEST_CASE(what_waits_is_told_with_what_it_waits_for) {
  BOOST_TEST(describe(pendingDeferreds()) == "no Deferred waits\n");
  Deferred<int> first;
  const Promise<int> producer = first.promise();
  first.addErrback([](const Failure&) { return 0; });
  Deferred<int> second;
  const Promise<int> starter = second.promise();
  Deferred<int> third = waiter(std::move(second).addCallback([](int n) { return n; }));
  const auto made = pendingDeferreds();
  BOOST_REQUIRE(made.size() == 3u);
  BOOST_TEST((!made[0].fired && !made[1].fired && made[2].coroutine && made[2].waiting));
  BOOST_TEST(made[2].waitsFor == 1u);
  BOOST_TEST(made[0].number < made[1].number);
  BOOST_TEST(made[0].age >= made[1].age);
  third.addErrback([](const Failure&) { return 0; });
}

BOOST_AUTO_TEST_CASE(the_words) {
  Deferred<int> inner;
  const Promise<int> producer = inner.promise();
  Deferred<int> outer;
  outer.addCallback([&inner](int) { return std::move(inner); });
  const Promise<int> starter = outer.promise();
  Deferred<int> coroutine = waiter(std::move(outer));
  starter.callback(1);
  BOOST_TEST(words(pendingDeferreds()) ==
             "3 Deferreds wait:\n"
             "  N ms  the Deferred created at pending_test.cpp has not been fired\n"
             "  N ms  the Deferred created at pending_test.cpp, fired at pending_test.cpp, waits the callback at "
             "pending_test.cpp has returned the Deferred created at pending_test.cpp\n"
             "  N ms  the coroutine waiter at pending_test.cpp awaits, at pending_test.cpp, the Deferred created at "
             "pending_test.cpp\n");
  BOOST_TEST(describe(pendingDeferreds(), 1).ends_with("  and 2 more\n"));
  producer.callback(41);
  BOOST_TEST(pendingDeferreds().empty());
  int got = 0;
  coroutine.addCallback([&](int n) { got = n; });
  BOOST_TEST(got == 42);
}

BOOST_AUTO_TEST_CASE(those_that_were_there_before_are_not_known) {
  watchDeferreds(Watch::nothing);
  Deferred<int> early;
  const Promise<int> producer = early.promise();
  watchDeferreds(Watch::each);
  Deferred<int> late;
  late.addCallback([&early](int) { return std::move(early); });
  late.callback(1);
  const auto pending = pendingDeferreds();
  BOOST_REQUIRE(pending.size() == 1u);
  BOOST_TEST(pending[0].waitsFor == PendingDeferred::none);
  BOOST_TEST(describe(pending).ends_with("has returned a Deferred that is not watched\n"));
  producer.callback(2);
  BOOST_TEST(pendingDeferreds().empty());
}

BOOST_AUTO_TEST_CASE(counts_of_what_is_made_fired_and_dropped) {
  for (const Watch what : {Watch::counts, Watch::each}) {
    watchDeferreds(what);
    const DeferredCounts before = deferredCounts();
    {
      Deferred<int> unfired;
      unfired.addCallback([](int n) { return n; });
      Deferred<int> withCanceller([] {});
      withCanceller.callback(1);
      Deferred<int> cancelled;
      cancelled.cancel();
      cancelled.addErrback([](const Failure&) { return 0; });
      const auto kept = succeed(1);
      const DeferredCounts now = deferredCounts();
      BOOST_TEST(now.created - before.created == 4u);
      BOOST_TEST(now.fired - before.fired == 3u);
      BOOST_TEST(now.pending() - before.pending() == 1u);
    }
    const DeferredCounts after = deferredCounts();
    BOOST_TEST(after.dropped - before.dropped == 1u);
    BOOST_TEST(after.pending() == before.pending());
  }
}

BOOST_AUTO_TEST_CASE(one_whose_last_promise_keeps_it_is_dropped_once) {
  const DeferredCounts before = deferredCounts();
  {
    std::optional<Deferred<int>> handle;
    handle.emplace();
    handle->addCallback([](int n) { return n; });
    handle.reset();  // nobody is left who could fire it
  }
  Deferred<int> named;
  {
    const Promise<int> gone = named.promise();
  }  // fires with AbandonedError
  named.addErrback([](const Failure&) { return 0; });
  const DeferredCounts after = deferredCounts();
  BOOST_TEST(after.dropped - before.dropped == 1u);
  BOOST_TEST(after.fired - before.fired == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_left_complains_of_what_is_left) {
  std::string report;
  Deferred<int> older;
  {
    const NothingLeft nothingLeft([&](const std::string& text) { report = text; });
    const Deferred<int> gone;
  }
  BOOST_TEST(report == "");
  std::optional<Deferred<int>> kept;
  {
    const NothingLeft nothingLeft([&](const std::string& text) { report = text; });
    kept.emplace();
    {
      fail<int>(std::runtime_error("lost"));
    }
    BOOST_TEST(nothingLeft.report() != "");
  }
  BOOST_TEST(report.starts_with("1 Deferred waits:\n"), report);
  BOOST_TEST(report.find("Unhandled error in Deferred:\nTraceback: std::runtime_error: lost\n") != report.npos, report);
  kept.reset();
  Deferred<int> failed = succeed(1);
  {
    const NothingLeft nothingLeft([&](const std::string& text) { report = text; });
    failed = fail<int>(std::runtime_error("held"));
  }
  BOOST_TEST(report == "1 more Deferreds than before hold a failure that nobody has handled\n");
  failed.addErrback([](const Failure&) { return 0; });
  BOOST_TEST(static_cast<int>(watchedDeferreds()) == static_cast<int>(Watch::each));
}

BOOST_AUTO_TEST_CASE(threads_work_while_others_look) {
  const DeferredCounts before = deferredCounts();
  constexpr int threads = 4;
  constexpr int each = 500;
  std::atomic<int> working{threads};
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&working] {
      for (int i = 0; i < each; ++i) {
        Deferred<int> inner;
        const Promise<int> producer = inner.promise();
        Deferred<int> outer;
        outer.addCallback([&inner](int) { return std::move(inner); });
        outer.callback(1);
        producer.callback(2);
        const Deferred<int> dropped;
      }
      --working;
    });
  }
  std::size_t seen = 0;
  while (working > 0) {
    seen = std::max(seen, pendingDeferreds().size());
    static_cast<void>(deferredCounts());
  }
  for (std::thread& thread : all) thread.join();
  const DeferredCounts after = deferredCounts();
  BOOST_TEST(after.created - before.created == 3u * threads * each);
  BOOST_TEST(after.fired - before.fired == 2u * threads * each);
  BOOST_TEST(after.dropped - before.dropped == 1u * threads * each);
  BOOST_TEST(seen <= 3u * threads);
  BOOST_TEST(pendingDeferreds().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace pending_test
