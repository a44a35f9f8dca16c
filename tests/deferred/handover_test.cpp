// What happens where a result passes from one chain to another, in the corners: the other chain can never fire, or has been handed on
// already, or the stage that goes brings about something itself.
#include <bight/deferred.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(Handover)

using namespace bight;

namespace {

/// Calls a function when it goes: what a stage may have captured.
class AtEnd {
 public:
  explicit AtEnd(std::function<void()> f) : f_(std::move(f)) {}
  AtEnd(AtEnd&& other) noexcept : f_(std::exchange(other.f_, nullptr)) {}
  ~AtEnd() {
    if (f_) f_();
  }

 private:
  std::function<void()> f_;
};

/// Collects what nobody handled.
class Reports {
 public:
  Reports() {
    before_ = setUnhandledFailureHook(
        [this](const UnhandledFailure& unhandled) { texts.push_back(unhandled.failure.getErrorMessage()); });
  }
  Reports(const Reports&) = delete;
  Reports& operator=(const Reports&) = delete;
  ~Reports() { setUnhandledFailureHook(std::move(before_)); }
  std::vector<std::string> texts;

 private:
  UnhandledFailureHook before_;
};

}  // namespace

// A22, A49
BOOST_AUTO_TEST_CASE(a_returned_deferred_that_nobody_can_fire_fails_the_chain_at_once) {
  std::string order;
  succeed(1)
      .addCallback([](int) { return Deferred<int>(); })
      .addErrback([&](const Failure& f) {
        order += f.check<AbandonedError>() ? "abandoned " : "? ";
        return 2;
      })
      .addCallback([&](int n) { order += std::to_string(n); });
  BOOST_TEST(order == "abandoned 2");
}

BOOST_AUTO_TEST_CASE(the_stages_of_a_returned_deferred_that_nobody_can_fire_run_first) {
  std::string order;
  succeed(1)
      .addCallback([&](int) {
        return Deferred<int>().addErrback([&](const Failure&) {
          order += "inner ";
          return 7;
        });
      })
      .addCallback([&](int n) { order += std::to_string(n); });
  BOOST_TEST(order == "inner 7");
}

// A28
BOOST_AUTO_TEST_CASE(a_returned_deferred_that_nobody_can_unpause_fails_the_chain) {
  std::string order;
  succeed(1)
      .addCallback([](int) {
        Deferred<int> paused = succeed(2);
        paused.pause();
        return paused;
      })
      .addErrback([&](const Failure& f) {
        order += f.check<AbandonedError>() ? "abandoned " : "? ";
        return 2;
      })
      .addCallback([&](int n) { order += std::to_string(n); });
  BOOST_TEST(order == "abandoned 2");
}

BOOST_AUTO_TEST_CASE(a_chain_is_not_returned_through_a_handle_whose_type_it_has_left) {
  Deferred<int> stale = succeed(1);
  Deferred<std::string> text = stale.addCallback([](int) { return std::string(100, 'x'); });
  bool retyped = false;
  int got = 0;
  succeed(1)
      .addCallback([&](int) { return std::move(stale); })
      .addErrback([&](const Failure& f) {
        retyped = f.check<RetypedError>();
        return 3;
      })
      .addCallback([&](int n) { got = n; });
  BOOST_TEST(retyped);
  BOOST_TEST(got == 3);
  text.addCallback([&](const std::string& s) { got = static_cast<int>(s.size()); });
  BOOST_TEST(got == 100);
}

// A23, A24
BOOST_AUTO_TEST_CASE(after_a_ready_result_was_handed_over_nothing_is_left_at_another_handle_of_its_type) {
  Deferred<std::string> first = succeed(std::string(100, 'x'));
  Deferred<void> between = first.addCallback([](const std::string&) {});
  Deferred<std::string> second = between.addCallback([] { return std::string(100, 'y'); });
  std::string got;
  succeed(1).addCallback([&](int) { return std::move(second); }).addCallback([&](const std::string& s) { got = s; });
  BOOST_TEST(got == std::string(100, 'y'));
  BOOST_CHECK_THROW(first.addCallback([](const std::string& s) { return s; }), RetypedError);
  bool ran = false;
  between.addCallback([&] { ran = true; });
  BOOST_TEST(ran);
}

// A82
BOOST_AUTO_TEST_CASE(after_a_ready_result_was_awaited_nothing_is_left_at_another_handle_of_its_type) {
  Deferred<std::string> first = succeed(std::string(100, 'x'));
  Deferred<void> between = first.addCallback([](const std::string&) {});
  Deferred<std::string> second = between.addCallback([] { return std::string(100, 'y'); });
  std::string got;
  [](Deferred<std::string> d) -> Deferred<std::string> {
    std::string s = co_await std::move(d);
    co_return s;
  }(std::move(second))
                                     .addCallback([&](const std::string& s) { got = s; });
  BOOST_TEST(got == std::string(100, 'y'));
  BOOST_CHECK_THROW(first.addCallback([](const std::string& s) { return s; }), RetypedError);
}

// A16
BOOST_AUTO_TEST_CASE(the_cause_is_kept_when_the_new_failure_comes_in_a_result) {
  std::string said;
  fail<int>(std::runtime_error("first"))
      .addErrback([](const Failure&) -> Result<int> { return Failure(std::runtime_error("second")); })
      .addErrback([&](const Failure& f) {
        said = f.getErrorMessage() + " after " + (f.cause() ? f.cause()->getErrorMessage() : "nothing");
        return 0;
      });
  BOOST_TEST(said == "second after first");
}

BOOST_AUTO_TEST_CASE(an_errback_that_only_fails_leaves_the_type_alone_also_through_a_handle_without_value) {
  Deferred<void> d;
  Deferred<int> n = d.addCallback([] { return 5; });
  d.addErrback([](const Failure& f) { return f; });
  int got = 0;
  n.addCallback([&](int i) { got = i; });
  d.callback();
  BOOST_TEST(got == 5);
}

// A19: the stage that goes is not there any more for what its end brings about.
BOOST_AUTO_TEST_CASE(a_stage_may_add_a_stage_to_its_chain_when_it_is_destroyed) {
  std::string order;
  Deferred<int> outer;
  Deferred<int> inner;
  const Promise<int> fire = inner.promise();
  outer.addCallback([&, atEnd = AtEnd([&] { outer.addCallback([&](int n) { return order += "late ", n; }); })](int) {
    order += "waits ";
    return std::move(inner);
  });
  outer.addCallback([&](int n) { return order += std::to_string(n) + " ", n; });
  outer.callback(1);
  fire.callback(2);
  BOOST_TEST(order == "waits 2 late ");
}

BOOST_AUTO_TEST_CASE(a_stage_may_add_a_stage_to_its_chain_when_what_it_waits_for_is_destroyed) {
  std::string order;
  Deferred<int> outer;
  Deferred<int> inner;
  Deferred<void> keepsIt = inner.addCallback([](int) {});
  Deferred<int> returned = keepsIt.addCallback([] { return 1; });
  inner.pause();
  outer.addCallback(
      [&, atEnd = AtEnd([&] { outer.addBoth([&](Result<int> r) { return order += "late ", r; }); })](int) {
        order += "waits ";
        return std::move(returned);
      });
  outer.addErrback([&](const Failure& f) { return order += f.check<AbandonedError>() ? "abandoned " : "? ", 3; });
  outer.callback(1);
  inner.callback(2);
  inner = Deferred<int>();
  keepsIt = Deferred<void>();
  BOOST_TEST(order == "waits abandoned late ");
}

// A62
BOOST_AUTO_TEST_CASE(a_cancelled_gathering_waits_for_a_member_that_recovers_and_can_be_cancelled_again) {
  const Reports reports;
  Deferred<int> slow;
  const Promise<int> finish = slow.promise();
  int cancelled = 0;
  Deferred<int> operation([&] { ++cancelled; });
  const Promise<int> producer = operation.promise();
  operation.addErrback([&](const Failure&) { return std::move(slow); });
  std::vector<Deferred<int>> members;
  members.push_back(std::move(operation));
  Deferred<std::vector<int>> all = gatherResults(std::move(members));
  all.cancel();
  BOOST_TEST(cancelled == 1);
  BOOST_TEST(!all.called());
  std::vector<int> got;
  all.addCallback([&](const std::vector<int>& values) { got = values; });
  finish.callback(4);
  BOOST_TEST(got == std::vector<int>{4});
  BOOST_TEST(reports.texts.empty());
}

BOOST_AUTO_TEST_CASE(a_gathering_cancelled_again_reaches_what_the_member_waits_for_by_then) {
  const Reports reports;
  int cancelled = 0;
  Deferred<int> second([&] { cancelled += 10; });
  const Promise<int> secondProducer = second.promise();
  Deferred<int> operation([&] { ++cancelled; });
  const Promise<int> producer = operation.promise();
  operation.addErrback([&](const Failure&) { return std::move(second); });
  std::vector<Deferred<int>> members;
  members.push_back(std::move(operation));
  Deferred<std::vector<int>> all = gatherResults(std::move(members), true);
  all.cancel();
  BOOST_TEST(cancelled == 1);
  BOOST_TEST(!all.called());
  all.cancel();
  BOOST_TEST(cancelled == 11);
  BOOST_TEST(all.called());
  bool first = false;
  all.addErrback([&](const Failure& f) { first = f.check<FirstError>(); });
  BOOST_TEST(first);
}

// A59
BOOST_AUTO_TEST_CASE(a_member_is_not_disturbed_if_somebody_else_fired_the_gathering) {
  const Reports reports;
  Deferred<int> member;
  const Promise<int> later = member.promise();
  std::vector<Deferred<int>> members;
  members.push_back(std::move(member));
  Deferred<std::vector<int>> all = gatherResults(std::move(members));
  all.errback(std::runtime_error("enough"));
  later.callback(1);
  BOOST_TEST(reports.texts.empty());
  all.addErrback([](const Failure&) {});
}

BOOST_AUTO_TEST_CASE(a_gathering_that_is_refused_reports_nothing) {
  Reports reports;
  {
    Deferred<int> good;
    const Promise<int> later = good.promise();
    Deferred<int> bad = succeed(1);
    Deferred<void> gone = bad.addCallback([](int) {});
    std::vector<Deferred<int>> members;
    members.push_back(std::move(good));
    members.push_back(std::move(bad));
    BOOST_CHECK_THROW(gatherResults(std::move(members)), RetypedError);
    later.callback(1);
  }
  BOOST_TEST(reports.texts.empty());
}

BOOST_AUTO_TEST_SUITE_END()
