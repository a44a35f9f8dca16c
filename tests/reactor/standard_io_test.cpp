#include <bight/standard_io.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bight/connection_errors.hpp>
#include <bight/reactor.hpp>
#include <bight/testing.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <string>

#include "backends.hpp"

BOOST_AUTO_TEST_SUITE(StandardIOTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
namespace data = boost::unit_test::data;

class Console : public testing::AccumulatingProtocol {
 public:
  void dataReceived(std::string_view data) override {
    AccumulatingProtocol::dataReceived(data);
    if (onData) onData(*this, data);
  }
  std::function<void(Console&, std::string_view)> onData;
};

class HalfConsole : public Console, public HalfCloseable {
 public:
  void readConnectionLost() override {
    ++readLost;
    if (onReadLost) onReadLost(*this);
  }
  void writeConnectionLost() override { ++writeLost; }
  int readLost = 0;
  int writeLost = 0;
  std::function<void(HalfConsole&)> onReadLost;
};

struct Pipe {
  Pipe() { BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
  int readEnd() const { return ends[0]; }
  int writeEnd() const { return ends[1]; }
  int ends[2];
};

/// What can be read from a descriptor until its end; closes it.
std::string all(int fd) {
  std::string text;
  char bytes[65536];
  ssize_t got;
  while ((got = ::read(fd, bytes, sizeof bytes)) > 0) text.append(bytes, static_cast<std::size_t>(got));
  ::close(fd);
  return text;
}

void give(int fd, std::string_view text) {
  BOOST_REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

template <class Done>
void spin(Reactor& reactor, Done&& done) {
  const auto limit = std::chrono::steady_clock::now() + 10s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > limit) BOOST_FAIL("what the test waits for does not happen");
    reactor.iterate(20ms);
  }
}

/// A file of its own, without a name.
int openFile(std::string_view text) {
  char name[] = "/tmp/bight-stdio-XXXXXX";
  const int fd = ::mkstemp(name);
  BOOST_REQUIRE(fd >= 0);
  ::unlink(name);
  give(fd, text);
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

bool isOpen(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

BOOST_DATA_TEST_CASE(pipes_are_a_connection_whose_end_is_that_of_the_input, data::make(backends()), backend) {  // B69
  const Pipe in;
  const Pipe out;
  auto reactor = makeReactor(backend);
  auto console = std::make_shared<Console>();
  console->onData = [](Console& it, std::string_view data) { it.transport().write("<" + std::string(data) + ">"); };
  const StandardIO io(*reactor, console, in.readEnd(), out.writeEnd());
  give(in.writeEnd(), "one");
  spin(*reactor, [&] { return console->data() == "one"; });
  give(in.writeEnd(), "two");
  ::close(in.writeEnd());
  spin(*reactor, [&] { return console->closed(); });
  BOOST_TEST(console->closedReason()->check<ConnectionDone>());
  BOOST_TEST(console->losses() == 1);
  BOOST_TEST(all(out.readEnd()) == "<one><two>");
  BOOST_TEST(!io.transport().connected());
  io.transport().write("too late");
}

BOOST_DATA_TEST_CASE(regular_files_are_read_and_written_on_every_backend, data::make(backends()), backend) {  // B69
  std::string text(200'000, 'x');
  text += "end";
  const int in = openFile(text);
  const int out = openFile("");
  const int result = ::dup(out);
  auto reactor = makeReactor(backend);
  auto console = std::make_shared<Console>();
  console->onData = [](Console& it, std::string_view data) { it.transport().write(data); };
  const StandardIO io(*reactor, console, in, out);
  int turns = 0;
  reactor->callLater(0s, [&] { ++turns; });  // others have their turn in between
  spin(*reactor, [&] { return console->closed(); });
  BOOST_TEST(turns == 1);
  BOOST_TEST(console->data() == text);
  ::lseek(result, 0, SEEK_SET);
  BOOST_TEST(all(result) == text);
  BOOST_TEST(!isOpen(in));
}

BOOST_DATA_TEST_CASE(devices_that_cannot_be_waited_for_work, data::make(backends()), backend) {
  auto reactor = makeReactor(backend);
  auto console = std::make_shared<HalfConsole>();
  const StandardIO io(*reactor, console, ::open("/dev/null", O_RDONLY), ::open("/dev/null", O_WRONLY));
  io.transport().write(std::string(300'000, 'x'));
  spin(*reactor, [&] { return console->readLost == 1; });
  io.transport().loseConnection();
  spin(*reactor, [&] { return console->closed(); });
  BOOST_TEST(console->closedReason()->check<ConnectionDone>());
}

BOOST_DATA_TEST_CASE(half_closeable_protocols_go_on_with_one_half, data::make(backends()), backend) {  // C24
  {
    const Pipe in;
    const Pipe out;
    auto reactor = makeReactor(backend);
    auto console = std::make_shared<HalfConsole>();
    console->onReadLost = [](HalfConsole& it) { it.transport().write("still here"); };
    const StandardIO io(*reactor, console, in.readEnd(), out.writeEnd());
    ::close(in.writeEnd());
    spin(*reactor, [&] { return console->readLost == 1; });
    BOOST_TEST(!console->closed());
    io.transport().loseWriteConnection();
    spin(*reactor, [&] { return console->closed(); });
    BOOST_TEST(console->losses() == 1);
    BOOST_TEST(all(out.readEnd()) == "still here");
  }
  const Pipe in;
  const Pipe out;
  auto reactor = makeReactor(backend);
  auto console = std::make_shared<HalfConsole>();
  const StandardIO io(*reactor, console, in.readEnd(), out.writeEnd());
  ::close(out.readEnd());  // nobody reads us any more: noticed without a write, and without SIGPIPE
  spin(*reactor, [&] { return console->writeLost == 1; });
  give(in.writeEnd(), "reading goes on");
  spin(*reactor, [&] { return console->data() == "reading goes on"; });
  ::close(in.writeEnd());
  spin(*reactor, [&] { return console->closed(); });
}

BOOST_DATA_TEST_CASE(a_reader_that_goes_away_ends_the_connection, data::make(backends()), backend) {  // B41
  const Pipe in;
  const Pipe out;
  auto reactor = makeReactor(backend);
  auto console = std::make_shared<Console>();
  const StandardIO io(*reactor, console, in.readEnd(), out.writeEnd());
  io.transport().write("x");
  ::close(out.readEnd());
  auto drained = io.transport().drained();
  bool failed = false;
  drained.addErrback([&](Failure) { failed = true; });
  spin(*reactor, [&] { return console->closed(); });
  BOOST_TEST(console->closedReason()->get<ConnectionLost>()->osError() == EPIPE);
  BOOST_TEST(failed);
  ::close(in.writeEnd());
}

BOOST_DATA_TEST_CASE(one_socket_can_be_both, data::make(backends()), backend) {  // as inetd gives it
  int ends[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  auto reactor = makeReactor(backend);
  auto console = std::make_shared<Console>();
  console->onData = [](Console& it, std::string_view) {
    it.transport().write("answer");
    it.transport().loseConnection();
  };
  const StandardIO io(*reactor, console, ends[0], ends[0]);
  give(ends[1], "question");
  spin(*reactor, [&] { return console->closed(); });
  BOOST_TEST((::fcntl(ends[1], F_GETFL) & O_NONBLOCK) == 0);
  BOOST_TEST(all(ends[1]) == "answer");
  BOOST_TEST(!isOpen(ends[0]));
}

BOOST_DATA_TEST_CASE(a_terminal_keeps_its_mode_for_others, data::make(backends()), backend) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  BOOST_REQUIRE(::grantpt(master) == 0);
  BOOST_REQUIRE(::unlockpt(master) == 0);
  const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
  const int shared = ::dup(slave);  // what another program with this terminal has
  auto reactor = makeReactor(backend);
  auto console = std::make_shared<Console>();
  console->onData = [](Console& it, std::string_view) { it.transport().write("said\n"); };
  const StandardIO io(*reactor, console, slave, ::dup(slave));
  give(master, "say\n");
  spin(*reactor, [&] { return console->data() == "say\n"; });
#ifdef __linux__
  BOOST_TEST((::fcntl(shared, F_GETFL) & O_NONBLOCK) == 0);
#endif
  std::string seen;
  char bytes[64];
  while (seen.find("said") == std::string::npos) {
    reactor->iterate(1ms);
    ::fcntl(master, F_SETFL, O_NONBLOCK);
    const ssize_t got = ::read(master, bytes, sizeof bytes);
    if (got > 0) seen.append(bytes, static_cast<std::size_t>(got));
  }
  io.transport().loseConnection();
  spin(*reactor, [&] { return console->closed(); });
  BOOST_TEST((::fcntl(shared, F_GETFL) & O_NONBLOCK) == 0);
  ::close(shared);
  ::close(master);
}

BOOST_DATA_TEST_CASE(the_numbers_of_the_standard_descriptors_stay_taken, data::make(backends()), backend) {
  const int kept = ::dup(0);
  const Pipe in;
  ::dup2(in.readEnd(), 0);
  {
    auto reactor = makeReactor(backend);
    auto console = std::make_shared<Console>();
    const StandardIO io(*reactor, console, 0, ::open("/dev/null", O_WRONLY));
    ::close(in.writeEnd());
    spin(*reactor, [&] { return console->closed(); });
  }
  struct stat now{};
  BOOST_TEST(::fstat(0, &now) == 0);
  BOOST_TEST(S_ISCHR(now.st_mode));  // /dev/null
  ::dup2(kept, 0);
  ::close(kept);
  ::close(in.readEnd());
}

BOOST_DATA_TEST_CASE(a_slow_reader_holds_up_its_producer, data::make(backends()), backend) {  // C26
  struct Zeros : PullProducer {
    explicit Zeros(Transport& t) : to(t) {}
    void resumeProducing() override {
      ++asked;
      to.write(std::string(20'000, '0'));
    }
    void stopProducing() override { stopped = true; }
    Transport& to;
    int asked = 0;
    bool stopped = false;
  };
  const Pipe in;
  const Pipe out;
  auto reactor = makeReactor(backend);
  auto console = std::make_shared<Console>();
  const StandardIO io(*reactor, console, in.readEnd(), out.writeEnd());
  auto zeros = std::make_shared<Zeros>(io.transport());
  io.transport().registerProducer(zeros);
  BOOST_CHECK_THROW(io.transport().registerProducer(zeros), std::logic_error);
  for (int i = 0; i < 30; ++i) reactor->iterate(1ms);
  const int asked = zeros->asked;
  BOOST_TEST(asked < 12);  // a pipe has room for three or four of them
  char bytes[65536];
  BOOST_TEST(::read(out.readEnd(), bytes, sizeof bytes) > 0);
  spin(*reactor, [&] { return zeros->asked > asked; });
  io.transport().abortConnection();
  spin(*reactor, [&] { return console->closed(); });
  BOOST_TEST(console->closedReason()->check<ConnectionAborted>());
  BOOST_TEST(zeros->stopped);
  for (const int fd : {in.writeEnd(), out.readEnd()}) ::close(fd);
}

BOOST_DATA_TEST_CASE(the_end_of_the_reactor_and_mistakes_are_told, data::make(backends()), backend) {
  auto console = std::make_shared<Console>();
  const Pipe in;
  const Pipe out;
  {
    auto reactor = makeReactor(backend);
    const StandardIO io(*reactor, console, in.readEnd(), out.writeEnd());
    io.transport().write("last words");
    BOOST_CHECK_THROW(StandardIO(*reactor, nullptr, 0, 1), std::invalid_argument);
    BOOST_CHECK_THROW(StandardIO(*reactor, console, -1, 1), std::invalid_argument);
    BOOST_CHECK_THROW(StandardIO(*reactor, console, 0, 250), std::system_error);
    BOOST_TEST(isOpen(0));
  }
  BOOST_TEST(console->losses() == 1);
  BOOST_TEST(console->closedReason()->check<ConnectionLost>());
  BOOST_TEST(all(out.readEnd()) == "last words");
  ::close(in.writeEnd());

  const Pipe thrower;
  testing::LogCapture log;
  auto reactor = makeReactor(backend);
  auto throwing = std::make_shared<Console>();
  throwing->onData = [](Console&, std::string_view) { throw std::runtime_error("no such command"); };
  const StandardIO io(*reactor, throwing, thrower.readEnd(), ::open("/dev/null", O_WRONLY));
  give(thrower.writeEnd(), "x");
  spin(*reactor, [&] { return throwing->closed(); });
  BOOST_TEST(throwing->closedReason()->getErrorMessage() == "no such command");
  BOOST_TEST(log.count("no such command") == 1);
  ::close(thrower.writeEnd());
}

BOOST_AUTO_TEST_SUITE_END()
