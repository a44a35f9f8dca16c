// What the compiler cannot see is caught at the call: handles that were moved from, and handles that the chain has left behind.
#include <bight/deferred.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(Misuse)

using namespace bight;

namespace {

/// Whether `call` throws an E that says all of `words`.
template <class E, class Call>
boost::test_tools::predicate_result says(Call call, std::initializer_list<const char*> words) {
  boost::test_tools::predicate_result wrong(false);
  try {
    call();
  } catch (const E& e) {
    for (const char* word : words) {
      if (std::string(e.what()).find(word) == std::string::npos) {
        wrong.message() << "\"" << e.what() << "\" does not say \"" << word << "\"";
        return wrong;
      }
    }
    return true;
  } catch (const std::exception& e) {
    wrong.message() << "it throws another type: " << e.what();
    return wrong;
  }
  wrong.message() << "it does not throw";
  return wrong;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_moved_from_deferred_says_so_whatever_it_is_asked) {
  Deferred<int> d;
  const Deferred<int> taken = std::move(d);
  const auto saysSo = [](auto call) {
    return says<std::logic_error>(call, {"Deferred", "moved from", "take its promise()"});
  };
  BOOST_TEST(saysSo([&] { d.callback(1); }));
  BOOST_TEST(saysSo([&] { d.errback(std::runtime_error("x")); }));
  BOOST_TEST(saysSo([&] { d.promise(); }));
  BOOST_TEST(saysSo([&] { d.addCallback([](int n) { return n; }); }));
  BOOST_TEST(saysSo([&] { std::move(d).addCallback([](int n) { return std::to_string(n); }); }));
  BOOST_TEST(saysSo([&] { static_cast<void>(d.addCallback([](int n) { return std::to_string(n); })); }));
  BOOST_TEST(saysSo([&] { d.addErrback([](const Failure&) { return 1; }); }));
  BOOST_TEST(saysSo([&] { d.addBoth([](Result<int> r) { return r; }); }));
  BOOST_TEST(saysSo([&] { d.addCallbacks([](int) {}, [](const Failure&) {}); }));
  BOOST_TEST(saysSo([&] { d.chainTo(Promise<int>()); }));
  BOOST_TEST(saysSo([&] { d.cancel(); }));
  BOOST_TEST(saysSo([&] { d.pause(); }));
  BOOST_TEST(saysSo([&] { d.unpause(); }));
  BOOST_TEST(saysSo([&] { static_cast<void>(d.called()); }));
  BOOST_TEST(saysSo([&] { static_cast<void>(d.toString()); }));
  BOOST_TEST(saysSo([&] { CancelScope().track(std::move(d)); }));
  BOOST_TEST(saysSo([&] {
    std::vector<Deferred<int>> members;
    members.push_back(std::move(d));
    gatherResults(std::move(members));
  }));
}

BOOST_AUTO_TEST_CASE(a_moved_from_deferred_cannot_be_awaited) {
  Deferred<int> d;
  const Deferred<int> taken = std::move(d);
  std::string said;
  [](Deferred<int> gone) -> Deferred<int> {
    const int n = co_await std::move(gone);
    co_return n;
  }(std::move(d))
                                .addErrback([&](const Failure& f) {
                                  said = f.getErrorMessage();
                                  return 0;
                                });
  BOOST_TEST(said.find("moved from") != std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(a_moved_from_deferred_can_be_assigned_to_and_used_again) {
  Deferred<int> d;
  Deferred<int> taken = std::move(d);
  d = std::move(taken);
  int got = 0;
  d.addCallback([&](int n) { got = n; });
  d.callback(3);
  BOOST_TEST(got == 3);
}

BOOST_AUTO_TEST_CASE(a_chain_returned_moved_from_fails_the_chain) {
  Deferred<int> inner;
  const Deferred<int> taken = std::move(inner);
  std::string said;
  succeed(1).addCallback([&](int) { return std::move(inner); }).addErrback([&](const Failure& f) {
    BOOST_TEST(f.check<std::logic_error>());
    said = f.getErrorMessage();
    return 0;
  });
  BOOST_TEST(said.find("moved from") != std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(an_empty_promise_says_so) {
  const Promise<int> empty;
  const auto saysSo = [](auto call) { return says<std::logic_error>(call, {"Promise", "empty", "d.promise()"}); };
  BOOST_TEST(saysSo([&] { empty.callback(1); }));
  BOOST_TEST(saysSo([&] { empty.errback(std::runtime_error("x")); }));
  BOOST_TEST(saysSo([&] { static_cast<void>(empty.called()); }));
}

BOOST_AUTO_TEST_CASE(a_stage_that_needs_the_value_cannot_be_added_where_the_chain_carries_another) {
  Deferred<int> d;
  Deferred<int> other;
  const Promise<int> notYet = other.promise();
  int stages = 0;
  Deferred<std::string> text = d.addCallback([](int n) { return std::to_string(n); });
  const auto saysSo = [](auto call) {
    return says<RetypedError>(call, {"std::", "string", "int", "the last addCallback returned"});
  };
  BOOST_TEST(saysSo([&] { d.addCallback([&](int) { ++stages; }); }));
  BOOST_TEST(saysSo([&] { d.addCallbacks([&](int n) { return n + ++stages; }, [](const Failure&) { return 0; }); }));
  BOOST_TEST(saysSo([&] { d.addErrback([&](const Failure&) { return ++stages; }); }));
  BOOST_TEST(saysSo([&] { d.addBoth([&](Result<int> r) { return ++stages, r; }); }));
  BOOST_TEST(saysSo([&] { d.chainTo(notYet); }));
  BOOST_TEST(!other.called());
  other.callback(1);
  d.callback(42);
  BOOST_TEST(stages == 0);
  text.addCallback([&](const std::string& s) { stages += s == "42" ? 1 : 100; });
  BOOST_TEST(stages == 1);
}

BOOST_AUTO_TEST_CASE(a_retyped_chain_is_not_awaited_or_gathered_through_its_old_name) {
  Deferred<int> d;
  Deferred<std::string> text = d.addCallback([](int n) { return std::to_string(n); });
  Deferred<int> sameHead;
  Deferred<std::string> otherText = sameHead.addCallback([](int n) { return std::to_string(n); });
  bool retyped = false;
  [](Deferred<int> old) -> Deferred<int> {
    const int n = co_await std::move(old);
    co_return n;
  }(std::move(d))
                               .addErrback([&](const Failure& f) {
                                 retyped = f.check<RetypedError>();
                                 return 0;
                               });
  BOOST_TEST(retyped);
  std::vector<Deferred<int>> members;
  members.push_back(std::move(sameHead));
  BOOST_CHECK_THROW(gatherResults(std::move(members)), RetypedError);
}

BOOST_AUTO_TEST_CASE(stages_that_leave_the_value_alone_may_be_added_through_the_old_name) {
  Deferred<int> d;
  std::string order;
  Deferred<std::string> text = d.addCallback([](int) { return std::string("text"); });
  d.addErrback([&](const Failure& f) { return order += "e", f; });
  text.addCallback([&](const std::string& s) { return order += s + " ", s; });
  d.callback(1);
  BOOST_TEST(order == "text ");
  d.addCallback([&] { order += "nothing"; });
  BOOST_TEST(order == "text nothing");
}

BOOST_AUTO_TEST_CASE(only_the_head_of_a_chain_fires_it) {
  Deferred<int> d;
  Deferred<std::string> text = d.addCallback([](int n) { return std::to_string(n); });
  const auto saysSo = [](auto call) { return says<RetypedError>(call, {"fired with a int", "handle it began with"}); };
  BOOST_TEST(saysSo([&] { text.callback("42"); }));
  BOOST_TEST(saysSo([&] { text.promise(); }));
  BOOST_TEST(!d.called());
  std::string got;
  text.addCallback([&](const std::string& s) { got = s; });
  d.callback(42);
  BOOST_TEST(got == "42");
}

BOOST_AUTO_TEST_CASE(a_coroutine_alone_fires_its_deferred) {
  Deferred<void> gate;
  const Promise<void> open = gate.promise();
  Deferred<int> d = [](Deferred<void> opened) -> Deferred<int> {
    co_await std::move(opened);
    co_return 7;
  }(std::move(gate));
  BOOST_TEST(says<RetypedError>([&] { d.callback(1); }, {"coroutine"}));
  BOOST_TEST(says<RetypedError>([&] { d.errback(std::runtime_error("x")); }, {"coroutine"}));
  BOOST_TEST(says<RetypedError>([&] { d.promise(); }, {"coroutine"}));
  int got = 0;
  d.addCallback([&](int n) { got = n; });
  open.callback();
  BOOST_TEST(got == 7);
}

BOOST_AUTO_TEST_SUITE_END()
