// A77. Over a clock of its own: deferred/ knows no reactor.
#include <bight/filesystem_lock.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <system_error>

#include "unhandled_fixture.hpp"

namespace filesystem_lock_test {

using namespace bight;
using namespace std::chrono_literals;

namespace {

/// A directory that goes with everything in it that a test may have made.
struct Directory {
  Directory() {
    char text[] = "/tmp/bight-lock-XXXXXX";
    path = ::mkdtemp(text);
  }
  ~Directory() {
    ::unlink(lock().c_str());
    ::rmdir(path.c_str());
  }
  std::string lock() const { return path + "/lock"; }
  std::string path;
};

struct ManualClock {
  struct Call {
    std::weak_ptr<Function<void()>> f;
    bool active() const { return !f.expired(); }
    void cancel() const { *f.lock() = nullptr; }
  };
  Call callLater(std::chrono::nanoseconds delay, Function<void()> f) {
    const auto call = std::make_shared<Function<void()>>(std::move(f));
    calls.emplace(now + delay, call);
    return {call};
  }
  void advance(std::chrono::nanoseconds by) {
    const auto end = now + by;
    while (!calls.empty() && calls.begin()->first <= end) {
      now = calls.begin()->first;
      const auto call = calls.extract(calls.begin()).mapped();
      if (*call) std::exchange(*call, nullptr)();
    }
    now = end;
  }
  std::size_t live() const {
    std::size_t n = 0;
    for (const auto& [when, call] : calls) n += *call ? 1 : 0;
    return n;
  }
  std::multimap<std::chrono::nanoseconds, std::shared_ptr<Function<void()>>> calls;
  std::chrono::nanoseconds now{0};
};

struct Fixture : UnhandledCounter {
  Directory directory;
  ManualClock clock;
  FilesystemLock other{directory.lock()};
  DeferredFilesystemLock<ManualClock> lock{directory.lock(), clock};
  std::string said;

  void wait(std::optional<std::chrono::nanoseconds> timeout = std::nullopt) {
    lock.deferUntilLocked(timeout).addCallbacks([this] { said += "locked"; },
                                                [this](const Failure& f) { said += f.getErrorMessage(); });
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(FilesystemLockTest, Fixture)

BOOST_AUTO_TEST_CASE(one_holder_at_a_time_and_its_number_in_the_file) {
  BOOST_TEST(other.lock());
  BOOST_TEST(other.clean());
  BOOST_TEST(!FilesystemLock(directory.lock()).lock());
  long holder = 0;
  std::ifstream(directory.lock()) >> holder;
  BOOST_TEST(holder == ::getpid());
  BOOST_CHECK_THROW(other.lock(), std::logic_error);
  other.unlock();
  BOOST_CHECK_THROW(other.unlock(), std::logic_error);
  BOOST_TEST(::access(directory.lock().c_str(), F_OK) != 0);
  {
    FilesystemLock scoped(directory.lock());
    BOOST_TEST(scoped.lock());
    BOOST_TEST(scoped.clean());
  }
  BOOST_TEST(::access(directory.lock().c_str(), F_OK) != 0);
}

BOOST_AUTO_TEST_CASE(a_holder_that_died_leaves_no_stale_lock) {
  const pid_t child = ::fork();
  if (child == 0) {
    FilesystemLock its(directory.lock());
    ::_exit(its.lock() ? 0 : 1);  // with the lock
  }
  int status = -1;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  BOOST_TEST(status == 0);
  BOOST_TEST(other.lock());
  BOOST_TEST(!other.clean());
}

BOOST_AUTO_TEST_CASE(a_path_that_cannot_be_used_says_so) {
  FilesystemLock impossible(directory.path + "/none/lock");
  BOOST_CHECK_EXCEPTION(impossible.lock(), std::system_error, [](const std::system_error& e) {
    return std::string(e.what()).find("cannot open the lock /tmp/bight-lock-") != std::string::npos;
  });
  DeferredFilesystemLock<ManualClock> later(directory.path + "/none/lock", clock);
  later.deferUntilLocked().addErrback([this](const Failure& f) { said = f.check<std::system_error>() ? "said" : "?"; });
  BOOST_TEST(said == "said");
}

BOOST_AUTO_TEST_CASE(tries_at_once_and_then_every_second) {
  wait();
  BOOST_TEST(said == "locked");
  lock.unlock();
  said.clear();
  BOOST_TEST(other.lock());
  wait(1min);
  clock.advance(2500ms);
  BOOST_TEST(said == "");
  other.unlock();
  clock.advance(499ms);
  BOOST_TEST(said == "");
  clock.advance(1ms);
  BOOST_TEST(said == "locked");
  BOOST_TEST(lock.locked());
  BOOST_TEST(clock.live() == 0U);
}

BOOST_AUTO_TEST_CASE(only_one_call_tries) {
  BOOST_TEST(other.lock());
  wait();
  bool refused = false;
  lock.deferUntilLocked().addErrback([&](const Failure& f) { refused = f.check<AlreadyTryingToLockError>(); });
  BOOST_TEST(refused);
  other.unlock();
  clock.advance(1s);
  BOOST_TEST(said == "locked");
}

BOOST_AUTO_TEST_CASE(a_timeout_tries_once_more_and_then_says_what_took_too_long) {
  BOOST_TEST(other.lock());
  wait(1500ms);
  clock.advance(1500ms);
  BOOST_TEST(said == "acquiring the lock " + directory.lock() + " timed out after 1.5 s");
  BOOST_TEST(clock.live() == 0U);
  said.clear();
  wait(1500ms);
  clock.advance(1200ms);
  other.unlock();
  clock.advance(300ms);
  BOOST_TEST(said == "locked");
}

BOOST_AUTO_TEST_CASE(cancelling_tries_once_more) {
  BOOST_TEST(other.lock());
  auto cancelled = lock.deferUntilLocked(10s);
  cancelled.cancel();
  cancelled.addErrback([this](const Failure& f) { said = f.check<CancelledError>() ? "cancelled" : "?"; });
  BOOST_TEST(said == "cancelled");
  auto lucky = lock.deferUntilLocked();
  other.unlock();
  lucky.cancel();
  lucky.addCallback([this] { said = "locked"; });
  BOOST_TEST(said == "locked");
  BOOST_TEST(clock.live() == 0U);
}

BOOST_AUTO_TEST_CASE(a_wait_ends_with_its_lock) {
  BOOST_TEST(other.lock());
  {
    DeferredFilesystemLock<ManualClock> brief(directory.lock(), clock);
    brief.deferUntilLocked(1s).addErrback(
        [this](const Failure& f) { said = f.check<AbandonedError>() ? "abandoned" : f.getErrorMessage(); });
  }
  BOOST_TEST(said == "abandoned");
  BOOST_TEST(clock.live() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace filesystem_lock_test
