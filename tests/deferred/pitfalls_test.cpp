// What docs/pitfalls.md says, as programs.
#include <bight/deferred.hpp>

#include <boost/test/unit_test.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(Pitfalls)

using namespace bight;

BOOST_AUTO_TEST_CASE(a_stale_handle) {
  Deferred<int> d;
  std::size_t length = 0;
  // region: stale
  Deferred<std::string> text = d.addCallback([](int n) { return std::to_string(n); });
  BOOST_CHECK_THROW(d.addCallback([](int n) { return n + 1; }), RetypedError);  // there is no int any more
  text.addCallback([&](const std::string& s) { length = s.size(); });           // here is the string
  d.callback(42);                                                               // d is still the head
  // endregion: stale
  BOOST_TEST(length == 2);
}

BOOST_AUTO_TEST_CASE(a_forgotten_return) {
  std::string order;
  Deferred<int> slow;
  const Promise<int> producer = slow.promise();
  // region: forgotten
  Deferred<void> done = succeed(1).addCallback([&](int) { slow.addCallback([&](int) { order += "saved "; }); });
  done.addCallback([&] { order += "done "; });  // does not wait
  // endregion: forgotten
  producer.callback(1);
  BOOST_TEST(order == "done saved ");

  order.clear();
  Deferred<int> again;
  const Promise<int> second = again.promise();
  // region: returned
  done = succeed(1).addCallback([&](int) { return std::move(again).addCallback([&](int) { order += "saved "; }); });
  done.addCallback([&] { order += "done "; });  // waits
  // endregion: returned
  second.callback(1);
  BOOST_TEST(order == "saved done ");
}

BOOST_AUTO_TEST_CASE(an_errback_too_early) {
  int handled = 0;
  // region: order
  Deferred<int> d;
  d.addErrback([&](const Failure&) { return handled = 1; });         // sees what came before it
  d.addCallback([](int) -> int { throw std::runtime_error("x"); });  // so this is not handled there
  d.addErrback([&](const Failure&) { return handled = 2; });
  // endregion: order
  d.callback(0);
  BOOST_TEST(handled == 2);
}

BOOST_AUTO_TEST_CASE(one_await_for_each_statement) {
  const auto readable = [] { return succeed(true); };
  const auto fresh = [] { return succeed(false); };
  // region: await
  const auto wanted = [=]() -> Deferred<bool> {
    // not: if (co_await readable() && co_await fresh())
    const bool canRead = co_await readable();
    if (!canRead) co_return false;
    const bool isFresh = co_await fresh();
    co_return isFresh;
  };
  // endregion: await
  bool result = true;
  wanted().addCallback([&](bool b) { result = b; });
  BOOST_TEST(!result);
}

BOOST_AUTO_TEST_CASE(no_braces_behind_co_await) {
  const auto run = [](const std::string& program, const std::vector<std::string>& args) {
    return succeed(program + " " + args.at(0));
  };
  // region: braces
  const auto build = [=]() -> Deferred<std::string> {
    // not: co_return co_await run("make", {"-k"})
    Deferred<std::string> making = run("make", {"-k"});
    co_return co_await std::move(making);
  };
  // endregion: braces
  std::string said;
  build().addCallback([&](const std::string& text) { said = text; });
  BOOST_TEST(said == "make -k");
}

BOOST_AUTO_TEST_CASE(a_name_for_the_producers_end) {
  std::string got;
  // region: producer
  std::vector<Promise<int>> waiting;
  const auto ask = [&] {
    Deferred<int> d;
    waiting.push_back(d.promise());  // the Deferred goes to the caller; the Promise stays here
    return d;
  };
  ask().addCallback([&](int n) { got = std::to_string(n); });
  waiting.front().callback(7);
  // endregion: producer
  BOOST_TEST(got == "7");
}

BOOST_AUTO_TEST_CASE(who_awaits_takes_a_promise_first) {
  std::optional<Promise<int>> answer;
  // region: awaited
  const auto ask = [&]() -> Deferred<int> {
    Deferred<int> d;
    answer = d.promise();                 // first: nobody could fire d itself any more
    const int n = co_await std::move(d);  // takes d
    co_return n + 1;
  };
  // endregion: awaited
  int got = 0;
  ask().addCallback([&](int n) { got = n; });
  answer->callback(7);
  BOOST_TEST(got == 8);
  // Without a Promise the await fails at once, and the name that was moved from is of no use.
  Deferred<int> d;
  bool abandoned = false;
  const auto wait = [&]() -> Deferred<void> { co_await std::move(d); };
  wait().addErrback([&](const Failure& f) { abandoned = f.check<AbandonedError>(); });
  BOOST_TEST(abandoned);
  BOOST_CHECK_THROW(d.callback(7), std::logic_error);  // NOLINT(bugprone-use-after-move): that is the pitfall
}

BOOST_AUTO_TEST_SUITE_END()
