#include <bight/fdset.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bight/reactor.hpp>
#include <bight/testing/log_capture.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "backends.hpp"

BOOST_AUTO_TEST_SUITE(ReactorFDSetTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
using testing::LogCapture;
namespace data = boost::unit_test::data;

/// Two connected sockets.
struct Pair {
  int ends[2];
  Pair() { BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0); }
  ~Pair() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void say(int end, const char* text) const { BOOST_REQUIRE(::write(ends[end], text, 1) == 1); }
};

struct Watched : Selectable {
  int fd;
  Function<void()> onRead;
  Function<void()> onWrite;
  int reads = 0;
  int writes = 0;
  std::vector<std::string> lost;
  explicit Watched(int descriptor) : fd(descriptor) {}
  int fileno() const override { return fd; }
  void doRead() override {
    ++reads;
    if (onRead) onRead();
  }
  void doWrite() override {
    ++writes;
    if (onWrite) onWrite();
  }
  void connectionLost(const Failure& reason) override { lost.push_back(reason.getErrorMessage()); }
};

char take(int fd) {
  char byte = 0;
  BOOST_REQUIRE(::read(fd, &byte, 1) == 1);
  return byte;
}

BOOST_DATA_TEST_CASE(reads_when_there_is_something_and_again_when_some_is_left, data::make(backends()),
                     backend) {  // B70
  auto reactor = makeReactor(backend);
  const Pair pair;
  auto watched = std::make_shared<Watched>(pair.ends[0]);
  reactor->addReader(watched);
  reactor->addReader(watched);
  reactor->iterate();
  BOOST_TEST(watched->reads == 0);
  pair.say(1, "a");
  pair.say(1, "b");
  watched->onRead = [&] { take(pair.ends[0]); };
  reactor->iterate();
  BOOST_TEST(watched->reads == 1);
  reactor->iterate();
  BOOST_TEST(watched->reads == 2);
  reactor->iterate();
  BOOST_TEST(watched->reads == 2);
}

BOOST_DATA_TEST_CASE(writes_while_a_writer_is_there_and_there_is_room, data::make(backends()), backend) {
  auto reactor = makeReactor(backend);
  const Pair pair;
  auto watched = std::make_shared<Watched>(pair.ends[0]);
  reactor->addWriter(watched);
  reactor->iterate();
  reactor->iterate();
  BOOST_TEST(watched->writes == 2);
  reactor->removeWriter(watched);
  reactor->iterate();
  BOOST_TEST(watched->writes == 2);
}

BOOST_DATA_TEST_CASE(the_set_can_be_asked_and_emptied_and_absent_ones_do_not_matter, data::make(backends()), backend) {
  auto reactor = makeReactor(backend);
  const Pair pair;
  auto both = std::make_shared<Watched>(pair.ends[0]);
  auto reader = std::make_shared<Watched>(pair.ends[1]);
  reactor->removeReader(both);
  reactor->removeReader(nullptr);
  reactor->addReader(both);
  reactor->addWriter(both);
  reactor->addReader(reader);
  BOOST_TEST(reactor->getReaders().size() == 2);
  BOOST_TEST(reactor->getWriters().size() == 1);
  BOOST_TEST(both.use_count() > 1);
  BOOST_TEST(reactor->removeAll().size() == 2);
  BOOST_TEST(reactor->getReaders().empty());
  BOOST_TEST(reactor->getWriters().empty());
  BOOST_TEST(both.use_count() == 1);
  BOOST_TEST(both->lost.empty());
  bool woken = false;  // the reactor's own waker is still there
  reactor->callFromThread([&] { woken = true; });
  reactor->iterate();
  BOOST_TEST(woken);
}

BOOST_DATA_TEST_CASE(one_removed_by_another_in_the_same_pass_is_not_called, data::make(backends()), backend) {  // B16
  auto reactor = makeReactor(backend);
  const Pair first;
  const Pair second;
  auto a = std::make_shared<Watched>(first.ends[0]);
  auto b = std::make_shared<Watched>(second.ends[0]);
  a->onRead = [&] { reactor->removeReader(b); };
  b->onRead = [&] { reactor->removeReader(a); };
  reactor->addReader(a);
  reactor->addReader(b);
  first.say(1, "x");
  second.say(1, "x");
  reactor->iterate();
  BOOST_TEST(a->reads + b->reads == 1);
}

BOOST_DATA_TEST_CASE(one_that_removes_itself_in_reading_is_not_asked_to_write, data::make(backends()),
                     backend) {  // B16
  auto reactor = makeReactor(backend);
  const Pair pair;
  std::weak_ptr<Watched> weak;
  int reads = 0;
  int writes = 0;
  {
    auto watched = std::make_shared<Watched>(pair.ends[0]);
    weak = watched;
    Watched* raw = watched.get();
    const auto out = [&, raw] {
      auto self = weak.lock();
      reads = raw->reads;
      writes = raw->writes;
      reactor->removeReader(self);
      reactor->removeWriter(self);
    };
    watched->onRead = out;
    watched->onWrite = out;
    reactor->addReader(watched);
    reactor->addWriter(watched);
  }
  pair.say(1, "x");
  reactor->iterate();
  reactor->iterate();
  BOOST_TEST(reads + writes == 1);
  BOOST_TEST(weak.expired());
}

BOOST_DATA_TEST_CASE(a_descriptor_number_can_be_used_again_in_the_same_pass, data::make(backends()), backend) {  // B16
  auto reactor = makeReactor(backend);
  const Pair pair;
  const Pair other;
  int fd = ::dup(pair.ends[0]);
  auto old = std::make_shared<Watched>(fd);
  auto young = std::make_shared<Watched>(fd);
  old->onRead = [&] {
    take(fd);
    reactor->removeReader(old);
    ::close(fd);
    BOOST_REQUIRE(::dup2(other.ends[0], fd) == fd);
    reactor->addReader(young);
  };
  reactor->addReader(old);
  pair.say(1, "x");
  reactor->iterate();
  BOOST_TEST(old->reads == 1);
  BOOST_TEST(young->reads == 0);
  young->onRead = [&] { take(fd); };
  other.say(1, "y");
  reactor->iterate();
  BOOST_TEST(young->reads == 1);
  reactor->removeReader(young);
  ::close(fd);
}

BOOST_DATA_TEST_CASE(an_exception_ends_the_watching_with_it_as_the_reason, data::make(backends()),
                     backend) {  // B28, B70
  auto reactor = makeReactor(backend);
  const Pair pair;
  auto watched = std::make_shared<Watched>(pair.ends[0]);
  watched->onRead = [] { throw std::runtime_error("cannot read this"); };
  reactor->addReader(watched);
  reactor->addWriter(watched);
  watched->onWrite = [&] { reactor->removeWriter(watched); };
  pair.say(1, "x");
  for (int i = 0; i < 3; ++i) reactor->iterate();
  BOOST_TEST(watched->lost == std::vector<std::string>({"cannot read this"}), boost::test_tools::per_element());
  BOOST_TEST(reactor->getReaders().empty());
  BOOST_TEST(reactor->getWriters().empty());
}

BOOST_DATA_TEST_CASE(the_end_of_the_other_side_is_something_to_read, data::make(backends()), backend) {  // B29
  auto reactor = makeReactor(backend);
  int ends[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  auto watched = std::make_shared<Watched>(ends[0]);
  reactor->addReader(watched);
  ::close(ends[1]);
  reactor->iterate();
  BOOST_TEST(watched->reads == 1);
  reactor->removeReader(watched);
  ::close(ends[0]);
}

BOOST_DATA_TEST_CASE(shutdown_tells_everybody_in_the_set, data::make(backends()), backend) {  // B7
  LogCapture log;
  auto reactor = makeReactor(backend);
  const Pair pair;
  auto a = std::make_shared<Watched>(pair.ends[0]);
  auto b = std::make_shared<Watched>(pair.ends[1]);
  reactor->addReader(a);
  reactor->addReader(b);
  reactor->callLater(0s, [&] { reactor->stop(); });
  reactor->run({.installSignalHandlers = false});
  BOOST_TEST(a->lost.size() == 1);
  BOOST_TEST(b->lost.size() == 1);
}

BOOST_DATA_TEST_CASE(what_cannot_be_watched_is_refused_at_once, data::make(backends()), backend) {
  auto reactor = makeReactor(backend);
  const Pair pair;
  BOOST_CHECK_THROW(reactor->addReader(nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->addReader(std::make_shared<Watched>(-1)), std::invalid_argument);
  auto watched = std::make_shared<Watched>(pair.ends[0]);
  reactor->addReader(watched);
  BOOST_CHECK_THROW(reactor->addReader(std::make_shared<Watched>(pair.ends[0])), std::invalid_argument);
  reactor->addWriter(std::make_shared<Watched>(pair.ends[0]));  // another one for writing is fine
  BOOST_TEST(reactor->removeAll().size() == 2);
}

BOOST_AUTO_TEST_CASE(one_that_closes_its_descriptor_too_early_is_told_and_the_reactor_goes_on) {  // B29
  LogCapture log;
  auto reactor = makeReactor("select");
  const Pair pair;
  const int fd = ::dup(pair.ends[0]);
  auto careless = std::make_shared<Watched>(fd);
  auto other = std::make_shared<Watched>(pair.ends[0]);
  other->onRead = [&] { take(pair.ends[0]); };
  reactor->addReader(careless);
  reactor->addReader(other);
  ::close(fd);
  reactor->iterate();
  BOOST_TEST(careless->lost.size() == 1);
  BOOST_TEST(reactor->getReaders().size() == 1);
  pair.say(1, "x");
  reactor->iterate();
  BOOST_TEST(other->reads == 1);
  reactor->removeAll();
}

BOOST_AUTO_TEST_CASE(select_refuses_a_descriptor_that_it_cannot_hold) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur <= 1100) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 1200);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  const Pair pair;
  BOOST_REQUIRE(::fcntl(pair.ends[0], F_GETFL) >= 0);
  const int high = ::fcntl(pair.ends[0], F_DUPFD, 1024);
  BOOST_REQUIRE(high >= 1024);
  BOOST_CHECK_EXCEPTION(
      makeReactor("select")->addReader(std::make_shared<Watched>(high)), std::length_error,
      [](const std::length_error& error) { return std::string(error.what()).find("select") != std::string::npos; });
  auto poll = makeReactor("poll");
  auto watched = std::make_shared<Watched>(high);
  watched->onRead = [&] { take(high); };
  poll->addReader(watched);
  pair.say(1, "x");
  poll->iterate();
  BOOST_TEST(watched->reads == 1);
  poll->removeAll();
  ::close(high);
}

BOOST_AUTO_TEST_CASE(epoll_says_that_it_does_not_watch_regular_files) {  // B29
  const auto all = backends();
  if (std::find(all.begin(), all.end(), "epoll") == all.end()) return;
  const int file = ::open("/proc/self/exe", O_RDONLY);
  BOOST_REQUIRE(file >= 0);
  LogCapture log;
  BOOST_CHECK_THROW(makeReactor("epoll")->addReader(std::make_shared<Watched>(file)), std::system_error);
  ::close(file);
}

BOOST_AUTO_TEST_SUITE_END()
