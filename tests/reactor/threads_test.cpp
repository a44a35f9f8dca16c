#include <bight/threads.hpp>

#include <bight/reactor.hpp>
#include <bight/task.hpp>
#include <bight/testing/log_capture.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "backends.hpp"

BOOST_AUTO_TEST_SUITE(ReactorThreadsTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
using testing::LogCapture;
namespace data = boost::unit_test::data;

constexpr RunOptions quietly{.installSignalHandlers = false};

class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();  // inside: who waits may destroy the gate as soon as it is open
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

BOOST_DATA_TEST_CASE(calls_from_many_threads_all_come_each_thread_s_in_order, data::make(backends()), backend) {  // B31
  auto reactor = makeReactor(backend);
  constexpr int each = 500;
  constexpr int count = 4;
  std::vector<int> last(count, -1);
  bool inOrder = true;
  int came = 0;
  std::vector<std::thread> threads;
  reactor->callWhenRunning([&] {
    for (int t = 0; t < count; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          reactor->callFromThread([&, t, i] {
            BOOST_TEST(reactor->isInIOThread());
            inOrder = inOrder && last[static_cast<std::size_t>(t)] == i - 1;
            last[static_cast<std::size_t>(t)] = i;
            if (++came == count * each) reactor->stop();
          });
        }
      });
    }
  });
  reactor->run(quietly);
  for (auto& thread : threads) thread.join();
  BOOST_TEST(came == count * each);
  BOOST_TEST(inOrder);
}

BOOST_DATA_TEST_CASE(calls_made_before_the_run_wait_for_it, data::make(backends()), backend) {  // B31
  auto reactor = makeReactor(backend);
  std::vector<int> calls;
  reactor->callFromThread([&] { calls.push_back(1); });
  std::thread([&] { reactor->callFromThread([&] { calls.push_back(2); }); }).join();
  reactor->callFromThread([&] { reactor->stop(); });
  BOOST_TEST(calls.empty());
  reactor->run(quietly);
  BOOST_TEST(calls == std::vector<int>({1, 2}), boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(a_call_from_the_reactor_s_own_thread_waits_for_the_next_turn, data::make(backends()),
                     backend) {  // B11, B31
  auto reactor = makeReactor(backend);
  std::vector<int> calls;
  reactor->callFromThread([&] {
    reactor->callFromThread([&] { calls.push_back(2); });
    calls.push_back(1);
  });
  reactor->iterate();
  BOOST_TEST(calls == std::vector<int>({1}), boost::test_tools::per_element());
  reactor->iterate();
  BOOST_TEST(calls.size() == 2);
}

BOOST_DATA_TEST_CASE(a_call_that_throws_is_logged_and_the_next_is_made, data::make(backends()), backend) {  // B28
  LogCapture log;
  auto reactor = makeReactor(backend);
  bool next = false;
  reactor->callFromThread([] { throw std::runtime_error("BOOM!"); });
  reactor->callFromThread([&] { next = true; });
  reactor->iterate();
  BOOST_TEST(next);
  BOOST_TEST(log.count("while calling from thread") == 1);
}

BOOST_DATA_TEST_CASE(defer_to_thread_brings_the_result_into_the_reactor_s_thread, data::make(backends()),
                     backend) {  // B33
  auto reactor = makeReactor(backend);
  std::vector<std::string> got;
  int left = 3;
  const auto one = [&] {
    BOOST_TEST(reactor->isInIOThread());
    if (--left == 0) reactor->stop();
  };
  reactor->callWhenRunning([&] {
    deferToThread(*reactor, [&reactor] {
      return reactor->isInIOThread() ? std::string("wrong") : std::string("value");
    }).addCallback([&](std::string value) {
      got.push_back(value);
      one();
    });
    deferToThread(*reactor, []() -> int { throw std::runtime_error("BOOM!"); }).addErrback([&](Failure failure) {
      got.push_back(failure.getErrorMessage());
      one();
      return 0;
    });
    deferToThread(*reactor, [] {}).addCallback([&] {
      got.push_back("nothing");
      one();
    });
  });
  reactor->run(quietly);
  std::sort(got.begin(), got.end());
  BOOST_TEST(got == std::vector<std::string>({"BOOM!", "nothing", "value"}), boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(a_cancelled_one_drops_its_result_and_the_thread_goes_on, data::make(backends()), backend) {  // B33
  auto reactor = makeReactor(backend);
  Gate gate;
  std::atomic<bool> ended{false};
  std::optional<Failure> failure;
  reactor->callWhenRunning([&] {
    auto d = deferToThread(*reactor, [&] {
      gate.wait();
      ended = true;
      return 1;
    });
    d.addErrback([&](Failure f) {
      failure = f;
      return 0;
    });
    d.cancel();
    gate.open();
    reactor->stop();
  });
  reactor->run(quietly);
  BOOST_TEST(ended);
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST((failure->check<CancelledError>() != nullptr));
}

BOOST_DATA_TEST_CASE(multiple_calls_run_in_order_in_one_thread, data::make(backends()), backend) {  // B33
  auto reactor = makeReactor(backend);
  std::vector<int> order;
  std::vector<Function<void()>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back([&order, i] { order.push_back(i); });
  calls.push_back([&reactor] { reactor->callFromThread([&reactor] { reactor->stop(); }); });
  callMultipleInThread(*reactor, std::move(calls));
  reactor->run(quietly);
  BOOST_TEST(order == std::vector<int>({0, 1, 2, 3, 4}), boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(a_blocking_call_returns_what_the_reactor_says_also_later, data::make(backends()),
                     backend) {  // B34
  auto reactor = makeReactor(backend);
  std::vector<std::string> got;
  std::thread thread([&] {
    got.push_back(std::to_string(blockingCallFromThread(*reactor, [&] { return reactor->isInIOThread() ? 1 : 0; })));
    got.push_back(
        std::to_string(blockingCallFromThread(*reactor, [&] { return deferLater(*reactor, 1ms, [] { return 2; }); })));
    blockingCallFromThread(*reactor, [&] { got.push_back("3"); });
    try {
      blockingCallFromThread(*reactor, [&] { return fail<int>(std::runtime_error("BOOM!")); });
    } catch (const std::runtime_error& error) {
      got.push_back(error.what());
    }
    try {
      blockingCallFromThread(*reactor, []() -> int { throw std::runtime_error("BANG!"); });
    } catch (const std::runtime_error& error) {
      got.push_back(error.what());
    }
    reactor->callFromThread([&] { reactor->stop(); });
  });
  reactor->run(quietly);
  thread.join();
  BOOST_TEST(got == std::vector<std::string>({"1", "2", "3", "BOOM!", "BANG!"}), boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(a_blocking_call_in_the_reactor_s_own_thread_is_refused, data::make(backends()), backend) {  // B34
  auto reactor = makeReactor(backend);
  BOOST_CHECK_THROW(blockingCallFromThread(*reactor, [] { return 1; }), std::logic_error);
}

BOOST_DATA_TEST_CASE(a_blocking_call_ends_when_the_reactor_is_destroyed, data::make(backends()), backend) {  // B34
  auto reactor = makeReactor(backend);
  Gate called;
  std::atomic<bool> abandoned{false};
  std::thread thread([&] {
    try {
      called.open();
      blockingCallFromThread(*reactor, [] { return 1; });
    } catch (const AbandonedError&) {
      abandoned = true;
    }
  });
  called.wait();
  // The call has been queued, or soon will be; take turns without running it until it is there.
  while (!reactor->threadQueue()->pending()) std::this_thread::yield();
  reactor.reset();
  thread.join();
  BOOST_TEST(abandoned);
}

BOOST_DATA_TEST_CASE(shutdown_waits_for_running_work_and_answers_it_meanwhile, data::make(backends()),
                     backend) {  // B36
  auto reactor = makeReactor(backend);
  std::vector<std::string> trace;
  Gate stopping;
  std::atomic<bool> answered{false};
  int result = 0;
  reactor->addSystemEventTrigger(Phase::before, "shutdown", [&] { stopping.open(); });
  reactor->addSystemEventTrigger(Phase::after, "shutdown", [&] { trace.push_back(answered ? "after" : "too early"); });
  reactor->callWhenRunning([&] {
    deferToThread(*reactor, [&] {
      stopping.wait();
      answered = blockingCallFromThread(*reactor, [] { return true; });
      return 42;
    }).addCallback([&](int value) { result = value; });
    reactor->stop();
  });
  reactor->run(quietly);
  BOOST_TEST(trace == std::vector<std::string>({"after"}), boost::test_tools::per_element());
  BOOST_TEST(result == 42);
}

BOOST_DATA_TEST_CASE(shutdown_leaves_behind_what_takes_too_long_and_says_so, data::make(backends()), backend) {  // B36
  LogCapture log;
  auto gate = std::make_shared<Gate>();
  auto ended = std::make_shared<Gate>();
  std::optional<Failure> failure;
  {
    auto reactor = makeReactor(backend);
    reactor->setThreadPoolPatience(1ms);
    reactor->callWhenRunning([&] {
      Gate begun;
      deferToThread(*reactor, [gate, ended, &begun] {
        begun.open();
        gate->wait();
        ended->open();
        return 1;
      }).addErrback([&](Failure f) {
        failure = f;
        return 0;
      });
      begun.wait();
      reactor->stop();
    });
    reactor->run(quietly);
    BOOST_TEST(log.count("are left behind") == 1);
    BOOST_TEST(!failure.has_value());
  }
  BOOST_REQUIRE(failure.has_value());  // told when the reactor was destroyed
  BOOST_TEST((failure->check<AbandonedError>() != nullptr));
  gate->open();
  ended->wait();
}

// Who asks too late is told by the Deferred, as of everything that goes wrong with it.
BOOST_DATA_TEST_CASE(work_for_a_pool_that_was_stopped_fails, data::make(backends()), backend) {
  auto reactor = makeReactor(backend);
  std::optional<Failure> failure;
  reactor->callWhenRunning([&] { reactor->stop(); });
  reactor->run(quietly);
  deferToThread(*reactor, [] { return 1; }).addErrback([&](Failure f) {
    failure = f;
    return 0;
  });
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST((failure->check<AlreadyQuit>() != nullptr));
}

BOOST_DATA_TEST_CASE(the_pool_is_small_and_can_be_resized, data::make(backends()), backend) {  // B32
  auto reactor = makeReactor(backend);
  BOOST_TEST(reactor->getThreadPool().max() == 10);
  BOOST_TEST(reactor->getThreadPool().threads() == 0);
  reactor->suggestThreadPoolSize(2);
  BOOST_TEST(reactor->getThreadPool().max() == 2);
  BOOST_CHECK_THROW(reactor->suggestThreadPoolSize(0), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
