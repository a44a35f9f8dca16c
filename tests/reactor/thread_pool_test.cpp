#include <bight/thread_pool.hpp>

#include <bight/reactor_errors.hpp>
#include <bight/testing/log_capture.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(ThreadPoolTest)

using namespace bight;
using namespace std::chrono_literals;
using testing::LogCapture;

/// Opens once; those who wait go on.
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

BOOST_AUTO_TEST_CASE(work_given_before_the_start_waits_for_it) {  // B35
  ThreadPool pool(0, 2);
  std::atomic<int> done{0};
  pool.callInThread([&] { ++done; });
  BOOST_TEST(pool.queued() == 1);
  BOOST_TEST(pool.threads() == 0);
  pool.start();
  pool.stop();
  BOOST_TEST(done == 1);
}

BOOST_AUTO_TEST_CASE(keeps_its_least_and_never_has_more_than_its_most) {  // B35
  ThreadPool pool(2, 3);
  pool.start();
  BOOST_TEST(pool.threads() == 2);
  Gate gate;
  for (int i = 0; i < 10; ++i) pool.callInThread([&] { gate.wait(); });
  BOOST_TEST(pool.threads() == 3);
  gate.open();
  pool.stop();
  BOOST_TEST(pool.threads() == 0);
  BOOST_TEST(pool.queued() == 0);
}

BOOST_AUTO_TEST_CASE(threads_are_made_lazily_and_used_again) {  // B32
  ThreadPool pool(0, 10);
  pool.start();
  BOOST_TEST(pool.threads() == 0);
  std::mutex mutex;
  std::set<std::thread::id> ids;
  for (int i = 0; i < 5; ++i) {
    Gate done;
    pool.callInThread([&] {
      {
        const std::lock_guard lock(mutex);
        ids.insert(std::this_thread::get_id());
      }
      done.open();
    });
    done.wait();
  }
  BOOST_TEST(pool.threads() <= 5);
  BOOST_TEST(!ids.empty());
  pool.stop();
}

BOOST_AUTO_TEST_CASE(stop_does_what_is_queued_and_then_refuses) {  // B35
  ThreadPool pool(0, 2);
  pool.start();
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i) pool.callInThread([&] { ++done; });
  pool.stop();
  BOOST_TEST(done == 100);
  BOOST_CHECK_THROW(pool.callInThread([] {}), AlreadyQuit);
  BOOST_CHECK_THROW(pool.start(), AlreadyQuit);
  pool.stop();
}

BOOST_AUTO_TEST_CASE(stop_with_a_limit_leaves_busy_threads_alone_and_counts_what_it_leaves) {  // B36
  auto gate = std::make_shared<Gate>();
  auto ended = std::make_shared<Gate>();
  Gate begun;
  {
    ThreadPool pool(0, 1);
    pool.start();
    pool.callInThread([&begun, gate, ended] {
      begun.open();
      gate->wait();
      ended->open();
    });
    begun.wait();
    pool.callInThread([] { BOOST_ERROR("this was to be dropped"); });
    BOOST_TEST(pool.stop(1ms) == 2);
  }
  gate->open();
  ended->wait();  // the thread finds everything that it needs
}

BOOST_AUTO_TEST_CASE(what_work_throws_is_logged_and_the_thread_goes_on) {  // B35
  LogCapture log;
  ThreadPool pool(0, 1);
  pool.start();
  std::atomic<bool> after{false};
  pool.callInThread([] { throw std::runtime_error("BOOM!"); });
  pool.callInThread([&] { after = true; });
  pool.stop();
  BOOST_TEST(after);
  BOOST_TEST(log.count("BOOM!") == 1);
}

BOOST_AUTO_TEST_CASE(with_callback_hands_over_the_result_in_the_same_thread) {  // B35
  ThreadPool pool(0, 1);
  pool.start();
  std::thread::id worked;
  std::thread::id told;
  std::optional<int> value;
  std::string message;
  bool nothing = false;
  pool.callInThreadWithCallback(
      [&](Result<int> result) {
        told = std::this_thread::get_id();
        value = *result;
      },
      [&] {
        worked = std::this_thread::get_id();
        return 42;
      });
  pool.callInThreadWithCallback([&](Result<int> result) { message = result.failure().getErrorMessage(); },
                                []() -> int { throw std::runtime_error("BOOM!"); });
  pool.callInThreadWithCallback([&](Result<void> result) { nothing = result.hasValue(); }, [] {});
  pool.stop();
  BOOST_TEST((worked == told));
  BOOST_TEST((worked != std::this_thread::get_id()));
  BOOST_TEST((value == 42));
  BOOST_TEST(message == "BOOM!");
  BOOST_TEST(nothing);
}

BOOST_AUTO_TEST_CASE(the_limits_can_be_changed_and_are_checked) {  // B35
  BOOST_CHECK_THROW(ThreadPool(0, 0), std::invalid_argument);
  BOOST_CHECK_THROW(ThreadPool(3, 2), std::invalid_argument);
  ThreadPool pool(0, 1);
  pool.start();
  BOOST_CHECK_THROW(pool.adjustPoolsize(2, 1), std::invalid_argument);
  pool.adjustPoolsize(3, 4);
  BOOST_TEST(pool.threads() == 3);
  BOOST_TEST(pool.min() == 3);
  BOOST_TEST(pool.max() == 4);
  pool.adjustPoolsize(0, 1);
  // A surplus thread ends as soon as it has nothing to do; stop() waits for that.
  pool.stop();
  BOOST_TEST(pool.threads() == 0);
}

BOOST_AUTO_TEST_CASE(a_thread_cannot_stop_its_own_pool) {
  ThreadPool pool(0, 1);
  pool.start();
  Gate done;
  bool refused = false;
  pool.callInThread([&] {
    try {
      pool.stop();
    } catch (const std::logic_error&) {
      refused = true;
    }
    done.open();
  });
  done.wait();
  pool.stop();
  BOOST_TEST(refused);
}

BOOST_AUTO_TEST_SUITE_END()
